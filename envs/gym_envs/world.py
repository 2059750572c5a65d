"""What a life is lived in: an environment with a body, whatever simulator or recording stands behind it."""

from __future__ import annotations

from typing import Any, Protocol

from ...core.frame import Camera, Frame
from ..floor import ReachableFloor
from ..scene import Scene
from ..simulator import Simulator
from .motion import Motion


class World(Protocol):
    """HouseEnv has it, and so have the environments of recordings and other simulators."""

    motion: Motion
    """How far each action goes."""

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""

    @property
    def floor(self) -> ReachableFloor:
        """Where the agent can stand: for evaluation, not for policies."""

    @property
    def scene(self) -> Scene:
        """The place as triangles, or a Scene without any where nobody knows them."""

    @property
    def simulator(self) -> Simulator:
        """What renders it: for evaluation, not for policies."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Put the agent at a start, or at `options["pose"]`."""

    def step(self, action: int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Do one action (`envs.gym_envs.motion.Action`); `info["collision"]` tells a blocked move."""


class ChangingWorld(World, Protocol):
    """A world that can change under the agent's feet."""

    def change(self, house: Any) -> tuple[Frame, dict[str, Any]]:
        """Put another state of the place round the agent; `info["displaced"]` says by how many metres it had to move.

        A state is a House in HouseEnv (a Simulator, where it was made of one), a ThorSimulator in ThorEnv. `reset`
        takes one as `options["house"]`.
        """
