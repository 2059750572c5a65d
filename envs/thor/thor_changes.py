"""Changes of a house by AI2-THOR's own actions, by the kinds and strengths of `envs.perturbations`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..perturbations import Perturbation
from .session import SeededChanges, ThorSession


def enter(session: ThorSession, state: Sequence[SeededChanges]) -> None:
    """Bring the house of a session into the state after these changes, from any other state."""
    new_state = tuple(state)
    if session.state != new_state[: len(session.state)]:
        session.reset()
    for changes, seed in new_state[len(session.state) :]:
        change_house(session, changes, seed)
        session.state = (*session.state, (changes, seed))


def change_house(session: ThorSession, changes: Sequence[Perturbation], seed: int) -> None:
    """Change the house that a session is in; ThorError if AI2-THOR cannot. Undone by `ThorSession.reset`.

    Unity's random generator is seeded first, so that changes are reproducible. lighting: RandomizeLighting,
    brightness within 1 -+ strength / 2 and, from half strength, colour as well. materials: RandomizeMaterials of the
    existing room types (all or nothing: AI2-THOR has no strength). objects: InitialRandomSpawn of objects that can be
    picked up; strength is the share of them that may move.
    """
    session.change("SetRandomSeed", seed=seed)
    for one in changes:
        if not one.strength:
            continue
        if one.kind == "lighting":
            spread = one.strength / 2
            arguments: dict[str, Any] = {"brightness": [1 - spread, 1 + spread], "randomizeColor": one.strength >= 0.5}
            if arguments["randomizeColor"]:  # an error together with randomizeColor False
                arguments |= {"hue": [0.0, 1.0], "saturation": [0.5, 1.0]}
            session.change("RandomizeLighting", synchronized=False, **arguments)
        elif one.kind == "materials":
            session.change("RandomizeMaterials")
        else:
            loose = [thing["objectId"] for thing in session.event.metadata["objects"] if thing.get("pickupable")]
            still = loose[round(one.strength * len(loose)) :]
            session.change(
                "InitialRandomSpawn", randomSeed=seed, forceVisible=False, placeStationary=True,
                numPlacementAttempts=5, excludedObjectIds=still,
            )  # fmt: skip
