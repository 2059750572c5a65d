"""Custom policies and modalities in a few lines, in the forms that `testspace run` takes.

Public: `turn_when_blocked`, `own_modality`, `own_frames`, `ppo_coverage`, `ros2_learner`.
"""
