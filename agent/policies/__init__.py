"""Who decides what the agent does: a protocol of two methods, and those that come with the package.

A policy sees Frames and the notice of a collision, never the house. A class of one's own needs no base class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ...envs.frame import Camera, Frame
from ...envs.motion import Motion
from .frontier import FrontierPolicy
from .random import RandomPolicy

__all__ = ["POLICIES", "Body", "FrontierPolicy", "Policy", "RandomPolicy", "UnknownPolicyError", "make_policy"]


class UnknownPolicyError(ValueError):
    """No policy has the name that was asked for."""


class Policy(Protocol):
    """Chooses actions."""

    def reset(self, seed: int | None = None) -> None:
        """Forget everything; decide by `seed` from here on."""

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next `envs.motion.Action`; `info["collision"]` says whether the last move was blocked."""


class Body(Protocol):
    """What a policy may know of the agent that it steers; HouseEnv has it."""

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""

    motion: Motion
    """How far each action goes."""


POLICIES: dict[str, Callable[[Camera, Motion, int], Policy]] = {"frontier": FrontierPolicy, "random": RandomPolicy}
"""The policies by name: each is made from camera, motion and seed."""


def make_policy(name: str, body: Body, seed: int = 0) -> Policy:
    """The policy called `name` for an agent with this `body` (a HouseEnv is one); UnknownPolicyError lists those that
    exist."""
    if name not in POLICIES:
        raise UnknownPolicyError(f"no policy {name!r}; there are: {', '.join(sorted(POLICIES))}")
    return POLICIES[name](body.camera, body.motion, seed)
