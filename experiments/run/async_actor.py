"""`testspace run --async`: what the actor's process needs of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agent.policies import Policy, make_policy
from ...core.errors import UserError
from ...envs.gym_envs.world import World
from ..protocol.held_out import too_near
from ..protocol.presets import Preset
from .world_factory import Sim, open_test_space


def refuse_what_cannot_be_apart(policy: Policy, called: str, sim: Sim, changing: bool) -> None:
    """UserError where the policy asks the learner before it acts, or a changed place cannot be sent to the actor."""
    if callable(getattr(policy, "meet", None)):
        raise UserError(f"--async: policy {called!r} asks the learner before it acts; leave out --async")
    if changing and sim != "raycast":
        raise UserError(f"--async: a changed place of --sim {sim} stays in its process; leave out --async or --change")


@contextmanager
def open_world(
    sim: Sim, house: str | None, seed: int, preset: Preset, policy: str, state: Any
) -> Iterator[tuple[World, Policy]]:
    """The test space of a run, in this state of it where one is given, and the policy that acts there."""
    with closing(open_test_space(sim, house, seed, preset)) as space:
        acting = make_policy(policy, space.env, seed)
        if state is not None:
            space.env.reset(options={"house": state})
        yield space.env, acting


def far_from(kept_apart: NDArray[np.float32], poses: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which poses (N, 6) may be stored: those not too near to the evaluation views (M, 6)."""
    return ~too_near(poses, kept_apart)
