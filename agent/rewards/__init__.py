"""Reward wrappers for HouseEnv: exploration and goal navigation.

Wrap the environment with a reward first, then optionally with `EgocentricObservation`. Privileged information of a
reward (reachable floor, labels) does not leak: observations are Frames, plus a goal for the goal tasks.

Public: `CoverageReward`, `NoveltyReward`, `SurpriseReward`, `PointGoal`, `ObjectGoal`.
"""

from typing import TYPE_CHECKING, Any

from ...envs.gym_envs.motion import DONE
from .exploration import CoverageReward, NoveltyReward
from .goals import ObjectGoal, PointGoal, spl

if TYPE_CHECKING:
    from .surprise_reward import SurpriseReward

__all__ = ["DONE", "CoverageReward", "NoveltyReward", "ObjectGoal", "PointGoal", "SurpriseReward", "spl"]


def __getattr__(name: str) -> Any:
    """Load `SurpriseReward` on first use (PEP 562): it needs the learner's packages."""
    if name != "SurpriseReward":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .surprise_reward import SurpriseReward

    return SurpriseReward
