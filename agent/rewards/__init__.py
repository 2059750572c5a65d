"""Tasks as Gymnasium wrappers of HouseEnv: what a reinforcement learner is paid for.

Wrap the environment first with a reward, then, where wanted, with `EgocentricObservation`. What a
reward knows (the true floor, the true labels) stays in it: observations are Frames, and a goal where there is one.
"""

from .exploration import CoverageReward, NoveltyReward, SurpriseReward
from .goals import DONE, ObjectGoal, PointGoal, spl

__all__ = ["DONE", "CoverageReward", "NoveltyReward", "ObjectGoal", "PointGoal", "SurpriseReward", "spl"]
