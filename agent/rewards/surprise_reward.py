"""The learner's prediction error as a reward. A module of its own: the other rewards need no torch."""

from __future__ import annotations

from typing import Any

import gymnasium

from ...core.frame import Frame
from ...learners.objectives.surprise import MASKS, surprise
from ...learners.objectives.tst import TSTLearner
from .exploration import Step


class SurpriseReward(gymnasium.Wrapper[Frame, Any, Frame, Any]):
    """Rewards the learner's masked loss on the new Frame (`objectives.surprise`); 0 before its first step.

    The caller may train the learner between steps. The masked loss needs no labels.
    """

    def __init__(self, env: gymnasium.Env[Frame, Any], learner: TSTLearner, masks: int = MASKS) -> None:
        """`learner`: accepts frames of the environment's camera. `masks`: number of random masks averaged."""
        super().__init__(env)
        self.learner, self.masks = learner, masks

    def step(self, action: Any) -> Step:
        """Take one action; the reward is the learner's surprise."""
        frame, _, terminated, truncated, info = self.env.step(action)
        reward = surprise(self.learner, frame, self.masks) if self.learner.steps else 0.0
        return frame, reward, terminated, truncated, info
