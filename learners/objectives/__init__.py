"""Pre-training objectives and their configurations: TST-MM and TST-MAE, TST-DINO.

Public: `tst.TSTLearner`, `tst_config.TSTConfig`, `dino.DinoLearner`, `paper_configs`.
"""
