"""Custom policies and modalities in a few lines, in the forms that `testspace run` takes, and nodes for robots.

Public: `turn_when_blocked`, `own_modality`, `own_frames`, `ppo_coverage`, `ros2_learner`, `ros2_segmenter`.
"""
