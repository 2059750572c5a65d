"""Exploration policies: the `Policy` protocol, the built-in policies, and loading of custom ones.

A policy observes Frames and collisions, never the house itself. A custom class needs no base class.

Public: `make_policy`, `Policy`, `POLICIES`, `loading.find_policy`, `protocol.UsesLearner`, `protocol.HasMap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from ...envs.gym_envs.motion import Action
from .coverage import CoveragePolicy
from .curiosity import CuriosityPolicy
from .dense import DensePolicy
from .frontier import FrontierPolicy
from .loading import find_policy
from .novelty import NoveltyPolicy
from .point_goal import PointGoalPolicy
from .protocol import Body, Policy, PolicyAdapter, PolicyError, UnknownPolicyError, construct
from .random import RandomPolicy

__all__ = [
    "POLICIES",
    "Body",
    "CoveragePolicy",
    "CuriosityPolicy",
    "DensePolicy",
    "FrontierPolicy",
    "NoveltyPolicy",
    "PointGoalPolicy",
    "Policy",
    "PolicyError",
    "RandomPolicy",
    "UnknownPolicyError",
    "make_policy",
]  # fmt: skip

POLICIES: dict[str, Callable[..., Policy]] = {
    "coverage": CoveragePolicy,
    "curiosity": CuriosityPolicy,
    "dense": DensePolicy,
    "frontier": FrontierPolicy,
    "novelty": NoveltyPolicy,
    "random": RandomPolicy,
}
"""Built-in policies by name. Each is constructed with those of `protocol.CONSTRUCTOR_ARGS` that it declares."""


def make_policy(name: str, body: Body, seed: int = 0, actions: int = len(Action)) -> Policy:
    """Make the policy `name` for an agent with this `body` (such as a HouseEnv) and as many actions.

    `name`: one of POLICIES, an entry point of the group testspace.policies, package.module:Class,
    path/to/file.py:Class, a Stable-Baselines3 .zip or an .onnx file. Raises PolicyError, which lists the available
    policies and, for a file that could run code when loaded, a safe alternative.
    """
    if name in POLICIES:
        return cast(Policy, construct(POLICIES[name], body, seed, name))
    policy: Any = find_policy(name, sorted(POLICIES))(body, seed)
    return cast(Policy, PolicyAdapter(policy, name, actions))
