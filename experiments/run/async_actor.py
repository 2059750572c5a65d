"""`testspace run --async`: what the actor's process needs of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from ...agent.policies import Policy, make_policy
from ...agent.policies.protocol import UsesLearner, unwrapped
from ...core.errors import UserError
from ...envs.gym_envs.world import World
from .world_factory import Sim, View, open_space


def refuse_async(policy: Policy, name: str, sim: Sim, changing: bool) -> None:
    """UserError where the policy asks the learner before it acts, or a changed place cannot be sent to the actor."""
    if isinstance(unwrapped(policy), UsesLearner):
        raise UserError(f"--async: policy {name!r} asks the learner before it acts; leave out --async")
    if changing and sim != "raycast":
        raise UserError(f"--async: a changed place of --sim {sim} stays in its process; leave out --async or --change")


@contextmanager
def open_world(
    sim: Sim, house: str | None, seed: int, view: View, frames: int, policy: str, state: Any
) -> Iterator[tuple[World, Policy]]:
    """The test space of a run, in this state where one is given, and the policy that acts there."""
    with closing(open_space(sim, house, seed, view, frames)) as space:
        acting = make_policy(policy, space.env, seed)
        if state is not None:
            space.env.reset(options={"house": state})
        yield space.env, acting
