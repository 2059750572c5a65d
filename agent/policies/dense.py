"""The dense pose sampler: how the paper collects D_PT (Appendix D: random positions and orientations), not an agent.

It needs two things that no robot has: the true reachable floor, and an environment that can put it anywhere
(`HouseEnv.teleport`). It is the upper end that a walking policy is compared with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.floor import ReachableFloor
from ...envs.gym_envs.motion import Motion

PITCHES = (-45.0, 15.0)
"""Lowest and highest pitch drawn, in degrees."""


class DensePolicy:
    """Every action is a camera pose, uniform over the reachable floor, all yaws, and PITCHES."""

    def __init__(self, motion: Motion, floor: ReachableFloor, seed: int = 0) -> None:
        """`floor`: where the agent can stand, the truth; `motion` says how high the camera is."""
        self.motion, self.floor, self.seed = motion, floor, seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Start the draws again, from `seed` or from the seed it was made with."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)

    def act(self, observation: Frame, info: dict[str, Any]) -> NDArray[np.float64]:
        """The next pose, float64 (6,), for `HouseEnv.teleport`; the observation is not looked at."""
        x, z = self.floor.sample(1, self._rng)[0]
        height = self.floor.level + self.motion.camera_height
        return np.array([x, height, z, self._rng.uniform(0, 360), self._rng.uniform(*PITCHES), 0.0])
