"""A walk without a plan: the baseline of every exploration figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion

CHANCES = {
    Action.MOVE_AHEAD: 0.5,
    Action.ROTATE_LEFT: 0.2,
    Action.ROTATE_RIGHT: 0.2,
    Action.LOOK_UP: 0.05,
    Action.LOOK_DOWN: 0.05,
}
"""How often each action is drawn; as many moves as anything else, so that it is no straw man."""


class RandomPolicy:
    """Draws every action by CHANCES, and turns after a collision."""

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        """`camera` and `motion` are not needed; every policy is made from the same three."""
        self.seed = seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Start the draws again, from `seed` or from the seed it was made with."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action; the observation is not looked at."""
        if info.get("collision"):
            return int(self._rng.choice([Action.ROTATE_LEFT, Action.ROTATE_RIGHT]))
        return int(self._rng.choice(list(CHANCES), p=list(CHANCES.values())))
