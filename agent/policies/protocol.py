"""What a policy is, what it may know of its body, and how it is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from ...envs.gym_envs.world import World


class PolicyError(ValueError):
    """A policy that cannot be found, made or used; the message says what to do instead."""


class UnknownPolicyError(PolicyError):
    """No policy has the name that was asked for."""


class Policy(Protocol):
    """Chooses actions. A class of one's own needs no base class, and no `reset` either."""

    def reset(self, seed: int | None = None) -> None:
        """Forget everything; decide by `seed` from here on."""

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The next `envs.gym_envs.motion.Action`; `info["collision"]` says whether the last move was blocked.

        A policy that is put anywhere instead of walking returns a camera pose, float (6,), for `HouseEnv.teleport`.
        """


class Body(Protocol):
    """What a policy may know of the agent that it steers; HouseEnv has it."""

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""

    motion: Motion
    """How far each action goes."""


GIVEN = ("camera", "motion", "seed", "floor")
"""What a policy's constructor may ask for, by these names. `floor` is the truth (`envs.floor.ReachableFloor`): no robot
has it, and only a body that knows it can give it."""


def construct(maker: Callable[..., Any], body: Body, seed: int, called: str) -> Any:
    """What `maker` makes, given those of GIVEN that it has parameters for; PolicyError where it wants others too."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        raise PolicyError(f"policy {called!r}: not a class or function that makes a policy") from None
    wanted = {}
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.name not in GIVEN:
            if parameter.default is parameter.empty:
                raise PolicyError(
                    f"policy {called!r}: cannot give its parameter '{parameter.name}'; it may ask for"
                    f" {', '.join(GIVEN)}, others need a default"
                )
            continue
        value = seed if parameter.name == "seed" else getattr(body, parameter.name, None)
        if value is None:
            raise PolicyError(f"policy {called!r} needs the {parameter.name}, which this environment does not know")
        wanted[parameter.name] = value
    return maker(**wanted)


class Plugged:
    """A policy from outside, with what it may leave out: `reset`, and actions of the exact type.

    Everything else it has (`map`, `meet`) is passed through.
    """

    def __init__(self, policy: Any, called: str) -> None:
        """PolicyError where `policy` has no method `act`."""
        if not callable(getattr(policy, "act", None)):
            raise PolicyError(f"policy {called!r}: {type(policy).__name__} has no method act(observation, info)")
        self._policy, self._called = policy, called

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._policy, name)

    def reset(self, seed: int | None = None) -> None:
        """Reset the policy where it can be."""
        if callable(getattr(self._policy, "reset", None)):
            self._policy.reset(seed)

    def act(self, observation: Frame, info: dict[str, Any]) -> int | NDArray[np.float64]:
        """The policy's action, checked: PolicyError where it is neither an Action nor a pose."""
        action = np.asarray(self._policy.act(observation, info))
        if action.shape == (6,) and action.dtype.kind in "fiu" and np.isfinite(action).all():
            return action.astype(np.float64)
        if action.size != 1 or action.dtype.kind not in "iu" or not 0 <= int(action.item()) < len(Action):
            names = ", ".join(f"{int(a)} {a.name}" for a in Action)
            raise PolicyError(f"policy {self._called!r}: action {str(action)[:60]} is none of {names}")
        return int(action.item())


def do(world: World, action: int | NDArray[np.float64]) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
    """Do an action in a world, or be put at a pose where the world can do that: PolicyError where it cannot."""
    if not isinstance(action, np.ndarray):
        return world.step(action)
    teleport = getattr(world, "teleport", None)
    if teleport is None:
        raise PolicyError("the policy asks to be put somewhere, which nothing but our own simulator can do")
    result: tuple[Frame, float, bool, bool, dict[str, Any]] = teleport(action)
    return result
