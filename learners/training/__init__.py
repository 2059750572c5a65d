"""One long pre-training from folders of frames or replay buffers, on one process or many.

Public: `train_config.TrainConfig`, `train.train`, `scaling.ScaledLearner`.
"""
