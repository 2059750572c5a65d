"""Reward wrappers for HouseEnv: exploration and goal navigation.

Wrap the environment with a reward first, then optionally with `EgocentricObservation`. Privileged information of a
reward (reachable floor, labels) does not leak: observations are Frames, plus a goal for the goal tasks.

Public: `CoverageReward`, `NoveltyReward`, `SurpriseReward`, `PointGoal`, `ObjectGoal`.
"""

from .exploration import CoverageReward, NoveltyReward, SurpriseReward
from .goals import DONE, ObjectGoal, PointGoal, spl

__all__ = ["DONE", "CoverageReward", "NoveltyReward", "ObjectGoal", "PointGoal", "SurpriseReward", "spl"]
