"""What a policy is, what it may know of its body, and how it is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from ...envs.gym_envs.world import World
from ..mapping.occupancy_map import OccupancyMap


class PolicyError(ValueError):
    """A policy that cannot be found, made or used; the message says what to do instead."""


class UnknownPolicyError(PolicyError):
    """No policy has the name that was asked for."""


class Policy(Protocol):
    """Chooses actions. A custom policy needs no base class, and no `reset` either.

    Optional parts: `HasMap`, `UsesLearner`.
    """

    def reset(self, seed: int | None = None) -> None:
        """Forget everything; decide by `seed` from here on."""

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The next `envs.gym_envs.motion.Action`; `info["collision"]` says whether the last move was blocked.

        A policy that is put anywhere instead of walking returns a camera pose, float (6,), for `HouseEnv.teleport`.
        """


@runtime_checkable
class HasMap(Protocol):
    """A policy that plans on an occupancy map: the map is stored and restored with the run."""

    map: OccupancyMap


@runtime_checkable
class UsesLearner(Protocol):
    """A policy that asks what the learner predicts badly."""

    def attach_learner(self, surprise: Callable[[Frame], float | None]) -> None:
        """Receive the learner's surprise at a Frame, None before its first step; it is kept over `reset`."""


class Body(Protocol):
    """What a policy may know of the agent that it steers; HouseEnv has it."""

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""

    motion: Motion
    """How far each action goes."""


CONSTRUCTOR_ARGS = ("camera", "motion", "seed", "floor")
"""Parameters that a policy's constructor may have, by name. `floor` is ground truth (`envs.floor.ReachableFloor`): no
robot has it, and only an environment that knows it can pass it."""


def construct(maker: Callable[..., Any], body: Body, seed: int, name: str) -> Any:
    """What `maker` makes, given its parameters among CONSTRUCTOR_ARGS; PolicyError where it requires others."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        raise PolicyError(f"policy {name!r}: not a class or function that makes a policy") from None
    arguments = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in CONSTRUCTOR_ARGS:
            if parameter.default is parameter.empty:
                raise PolicyError(
                    f"policy {name!r}: cannot give its parameter '{parameter.name}'; it may ask for"
                    f" {', '.join(CONSTRUCTOR_ARGS)}, others need a default"
                )
            continue
        value = seed if parameter.name == "seed" else getattr(body, parameter.name, None)
        if value is None:
            raise PolicyError(f"policy {name!r} needs the {parameter.name}, which this environment does not know")
        arguments[parameter.name] = value
    return maker(**arguments)


class PolicyAdapter:
    """A custom policy made complete: `reset` may be missing, actions are checked and converted.

    Its optional parts (`HasMap`, `UsesLearner`) are those of `wrapped`.
    """

    def __init__(self, policy: Any, name: str) -> None:
        """PolicyError where `policy` has no method `act`."""
        if not callable(getattr(policy, "act", None)):
            raise PolicyError(f"policy {name!r}: {type(policy).__name__} has no method act(observation, info)")
        self.wrapped, self._name = policy, name

    def reset(self, seed: int | None = None) -> None:
        """Reset the policy where it can be."""
        if callable(getattr(self.wrapped, "reset", None)):
            self.wrapped.reset(seed)

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The policy's action, checked: PolicyError where it is neither an Action nor a pose."""
        action = np.asarray(self.wrapped.act(observation, info))
        if action.shape == (6,) and action.dtype.kind in "fiu" and np.isfinite(action).all():
            return action.astype(np.float64)
        if action.size != 1 or action.dtype.kind not in "iu" or not 0 <= int(action.item()) < len(Action):
            names = ", ".join(f"{int(a)} {a.name}" for a in Action)
            raise PolicyError(f"policy {self._name!r}: action {str(action)[:60]} is none of {names}")
        return int(action.item())


def unwrapped(policy: Policy) -> Any:
    """The policy itself, without its adapter: to ask whether it has an optional part."""
    return policy.wrapped if isinstance(policy, PolicyAdapter) else policy


def step_or_teleport(
    world: World, action: int | NDArray[np.float64]
) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
    """Take an action, or teleport to a camera pose (6,) where the world can: PolicyError where it cannot."""
    if not isinstance(action, np.ndarray):
        return world.step(action)
    teleport = getattr(world, "teleport", None)
    if teleport is None:
        raise PolicyError("the policy asks to be put somewhere, which nothing but our own simulator can do")
    result: tuple[Frame, float, bool, bool, dict[str, Any]] = teleport(action)
    return result
