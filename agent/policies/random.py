"""Random walk: the baseline of the exploration experiments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from .packed import pack_generator, unpack_generator

ACTION_PROBABILITIES = {
    Action.MOVE_AHEAD: 0.5,
    Action.ROTATE_LEFT: 0.2,
    Action.ROTATE_RIGHT: 0.2,
    Action.LOOK_UP: 0.05,
    Action.LOOK_DOWN: 0.05,
}
"""Action probabilities. Half are moves, so that the baseline covers ground."""


class RandomPolicy:
    """Samples each action from ACTION_PROBABILITIES, and turns after a collision."""

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        """`camera` and `motion` are unused; all built-in walking policies share this signature."""
        self.seed = seed
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

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action; the observation is ignored."""
        if info.get("collision"):
            return int(self._rng.choice([Action.ROTATE_LEFT, Action.ROTATE_RIGHT]))
        return int(self._rng.choice(list(ACTION_PROBABILITIES), p=list(ACTION_PROBABILITIES.values())))
