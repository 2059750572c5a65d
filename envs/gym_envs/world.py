"""The interface of environments that a run can take place in, for any simulator or recording."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ...core.frame import Camera, Frame
from ..floor import ReachableFloor
from ..scene import Scene
from ..simulator import Simulator
from .motion import Motion


class World(Protocol):
    """An environment with a body; HouseEnv and those of recordings and other simulators implement it."""

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
        """The place as triangles; an empty Scene if they are not known."""

    @property
    def simulator(self) -> Simulator:
        """Its simulator: for evaluation, not for policies."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Put the agent at a start, or at `options["pose"]`."""

    def step(self, action: int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Do one action (`envs.gym_envs.motion.Action`); `info["collision"]` says whether a move was blocked."""


@runtime_checkable
class ResumableWorld(Protocol):
    """A world whose agent can be put back exactly where it was; others are reset to the camera's pose."""

    def body_state(self) -> dict[str, Any]:
        """Where the agent is, as JSON, for `reset(options={"body": ...})`."""


@runtime_checkable
class DriftingWorld(Protocol):
    """A world whose poses may be those of odometry."""

    @property
    def drifting(self) -> bool:
        """Whether errors of the poses add up, so that the agent has to find out where it is."""


class ChangingWorld(World, Protocol):
    """A world that can change during a run."""

    def change(self, house: Any) -> tuple[Frame, dict[str, Any]]:
        """Change the place; `info["displaced"]` is the distance in metres by which the agent had to be moved.

        A state is a House in HouseEnv (a Simulator after `from_simulator`), a ThorSimulator in ThorEnv. `reset`
        takes one as `options["house"]`.
        """
