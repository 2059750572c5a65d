"""Generated houses to train on, by seed and number: far from those that people name, and none that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import numpy as np

from ..envs.assembly.building import build_scene
from ..envs.floor import FloorError
from ..envs.generator import generate_house
from ..envs.scene import Scene
from .poses import UnseenError

HOUSES_FROM = 10**9
"""Generated houses of seed s have numbers from (1 + s) * HOUSES_FROM on: far from those that people give."""
_RETRY = 10**8
"""Added to a number of which no house can be made."""
_ATTEMPTS = 20

T = TypeVar("T")


def in_generated_house(
    seed: int,
    number: int,
    look: Callable[[Scene, np.random.Generator], T],
    *,
    excluded: Collection[str] = (),
    split: str | None = None,
) -> T:
    """What `look` returns for the Scene of house `number` of this seed and its own random numbers.

    Where no house can be made, or `look` raises FloorError or UnseenError, another one takes its place; always the same
    one. excluded, split: assets that it does not have, as in `generate_house`. RuntimeError if none can be made.
    """
    for attempt in range(_ATTEMPTS):
        name = (1 + seed) * HOUSES_FROM + number + attempt * _RETRY
        rng = np.random.default_rng([seed, number, attempt])
        try:
            house = generate_house(name, exclude_assets=excluded, split=split)
            return look(build_scene(house, variant=name), rng)
        except (FloorError, UnseenError):
            continue
        except ValueError as error:  # what the generator raises where no plan works out
            if "no plan" not in str(error):
                raise
    raise RuntimeError(f"house {number} of seed {seed}: no house could be made")
