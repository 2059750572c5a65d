"""Who decides what the agent does: a protocol of two methods, those that come with the package, and one's own.

A policy sees Frames and the notice of a collision, never the house. A class of one's own needs no base class; what
`make_policy` takes is told in `plug`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .coverage import CoveragePolicy
from .curiosity import CuriosityPolicy
from .dense import DensePolicy
from .frontier import FrontierPolicy
from .novelty import NoveltyPolicy
from .plug import find
from .protocol import Body, Policy, PolicyAdapter, PolicyError, UnknownPolicyError, construct
from .random import RandomPolicy

__all__ = [
    "POLICIES", "Body", "CoveragePolicy", "CuriosityPolicy", "DensePolicy", "FrontierPolicy", "NoveltyPolicy", "Policy",
    "PolicyError", "RandomPolicy", "UnknownPolicyError", "make_policy",
]  # fmt: skip

POLICIES: dict[str, Callable[..., Policy]] = {
    "coverage": CoveragePolicy,
    "curiosity": CuriosityPolicy,
    "dense": DensePolicy,
    "frontier": FrontierPolicy,
    "novelty": NoveltyPolicy,
    "random": RandomPolicy,
}
"""The policies by name; each is made from those of `protocol.CONSTRUCTOR_ARGS` that it asks for."""


def make_policy(name: str, body: Body, seed: int = 0) -> Policy:
    """The policy called `name` for an agent with this `body` (a HouseEnv is one).

    `name`: one of POLICIES, a name that an installed package gives in the entry point group testspace.policies,
    package.module:Class, path/to/file.py:Class, a Stable-Baselines3 .zip or an .onnx file. Raises PolicyError, which
    says what exists and, for a file that could run code when it is loaded, what to do instead.
    """
    if name in POLICIES:
        return cast(Policy, construct(POLICIES[name], body, seed, name))
    made: Any = find(name, sorted(POLICIES))(body, seed)
    return cast(Policy, PolicyAdapter(made, name))
