"""The policy protocol, what a policy may know of the agent's body, and how policies are constructed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import DONE, Action, Motion
from ...envs.gym_envs.world import World
from ..mapping.occupancy_map import OccupancyMap


class PolicyError(ValueError):
    """A policy cannot be found, constructed or used; the message says what to do instead."""


class UnknownPolicyError(PolicyError):
    """No policy has the requested name."""


class Policy(Protocol):
    """Chooses actions. A custom policy needs no base class, and no `reset` either.

    Optional parts: `HasMap`, `Resumable`, `UsesLearner`.
    """

    def reset(self, seed: int | None = None) -> None:
        """Clear all state and reseed."""

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The next `envs.gym_envs.motion.Action`; `info["collision"]` says whether the last move was blocked.

        A teleporting policy returns a camera pose instead, float (6,), for `HouseEnv.teleport`.
        """


@runtime_checkable
class HasMap(Protocol):
    """A policy that plans on an occupancy map; the map is saved and restored with the run."""

    map: OccupancyMap


@runtime_checkable
class Resumable(Protocol):
    """A policy whose whole state is stored with the run, so that a resumed run acts as one that never stopped.

    One without these methods starts anew with `reset`, and its map, if it has one, is restored.
    """

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state, as arrays by name; `packed.pack` makes one of a JSON value."""

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `arrays` gave, after a `reset`."""


@runtime_checkable
class UsesLearner(Protocol):
    """A policy that uses the learner's prediction error."""

    def attach_learner(self, surprise: Callable[[Frame], float | None]) -> None:
        """Receive the learner's surprise at a Frame, None before its first step; `reset` keeps it."""


class Body(Protocol):
    """What a policy may know of the agent that it controls; HouseEnv implements it."""

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""

    motion: Motion
    """Step length and angles of the actions."""


CONSTRUCTOR_ARGS = ("camera", "motion", "seed", "floor")
"""Parameters that a policy's constructor may have, by name. `floor` is ground truth (`envs.floor.ReachableFloor`): not
available on a robot, and only environments that know it pass it."""


def construct(factory: Callable[..., Any], body: Body, seed: int, name: str) -> Any:
    """Call `factory` with those of CONSTRUCTOR_ARGS that it declares. PolicyError if it requires others."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        raise PolicyError(f"policy {name!r}: not a policy class or factory function") from None
    arguments = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in CONSTRUCTOR_ARGS:
            if parameter.default is parameter.empty:
                raise PolicyError(
                    f"policy {name!r}: unsupported parameter '{parameter.name}'; available are"
                    f" {', '.join(CONSTRUCTOR_ARGS)}, others need a default"
                )
            continue
        value = seed if parameter.name == "seed" else getattr(body, parameter.name, None)
        if value is None:
            raise PolicyError(f"policy {name!r} needs the {parameter.name}, which this environment does not provide")
        arguments[parameter.name] = value
    return factory(**arguments)


class PolicyAdapter:
    """Wraps a custom policy: `reset` is optional, actions are validated and converted.

    Its optional parts (`HasMap`, `UsesLearner`) are those of `wrapped`.
    """

    def __init__(self, policy: Any, name: str, actions: int = len(Action)) -> None:
        """actions: how many there are. PolicyError if `policy` has no method `act`."""
        if not callable(getattr(policy, "act", None)):
            raise PolicyError(f"policy {name!r}: {type(policy).__name__} has no method act(observation, info)")
        self.wrapped, self._name, self._actions = policy, name, actions

    def reset(self, seed: int | None = None) -> None:
        """Reset the policy if it has a `reset`."""
        if callable(getattr(self.wrapped, "reset", None)):
            self.wrapped.reset(seed)

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The policy's action. PolicyError if it is neither a number of an action nor a pose."""
        action = np.asarray(self.wrapped.act(observation, info))
        if action.shape == (6,) and action.dtype.kind in "fiu" and np.isfinite(action).all():
            return action.astype(np.float64)
        if action.size != 1 or action.dtype.kind not in "iu" or not 0 <= int(action.item()) < self._actions:
            names = ", ".join(f"{int(a)} {a.name}" for a in Action) + (f", {DONE} DONE" if self._actions > DONE else "")
            raise PolicyError(f"policy {self._name!r}: action {str(action)[:60]} is not one of {names}")
        return int(action.item())


def unwrapped(policy: Policy) -> Any:
    """The policy without its adapter, to test for optional protocols."""
    return policy.wrapped if isinstance(policy, PolicyAdapter) else policy


def step_or_teleport(
    world: World, action: int | NDArray[np.float64]
) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
    """Take an action, or teleport to a camera pose (6,). PolicyError if the world cannot teleport."""
    if not isinstance(action, np.ndarray):
        return world.step(action)
    teleport = getattr(world, "teleport", None)
    if teleport is None:
        raise PolicyError("the policy teleports, which only the built-in simulator supports")
    result: tuple[Frame, float, bool, bool, dict[str, Any]] = teleport(action)
    return result
