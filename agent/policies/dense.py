"""The paper's dense pose sampler for D_PT (Appendix D: random positions and orientations).

It needs privileged access: the ground-truth reachable floor, and an environment that can teleport the camera
(`HouseEnv.teleport`). It serves as the upper bound for walking policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.floor import ReachableFloor
from ...envs.gym_envs.motion import Motion
from .packed import pack_generator, unpack_generator

PITCHES = (-45.0, 15.0)
"""Range of the sampled pitch, in degrees."""


class DensePolicy:
    """Samples camera poses uniformly over the reachable floor, all yaws, and PITCHES."""

    def __init__(self, motion: Motion, floor: ReachableFloor, seed: int = 0) -> None:
        """`floor`: ground-truth reachable floor. `motion`: gives the camera height."""
        self.motion, self.floor, self.seed = motion, floor, seed
        self.reset(seed)

    def reset(self, seed: int | None = None) -> None:
        """Reseed with `seed`, or with the seed of the constructor."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`."""
        return {"rng": pack_generator(self._rng)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._rng = unpack_generator(arrays["rng"])

    def act(self, observation: Frame, info: dict[str, Any]) -> NDArray[np.float64]:
        """The next pose, float64 (6,), for `HouseEnv.teleport`; the observation is ignored."""
        x, z = self.floor.sample(1, self._rng)[0]
        height = self.floor.level + self.motion.camera_height
        return np.array([x, height, z, self._rng.uniform(0, 360), self._rng.uniform(*PITCHES), 0.0])
