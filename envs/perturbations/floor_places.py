"""Free places on a room's floor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from ..house.assets import asset
from ..house.footprints import footprint
from ..house.house import HouseObject
from .clearance import SKIN, Volume, Walk, too_close

TRIES = 60
"""Number of random places in the room."""
COMPARED = 6
"""Number of free places that are compared; the one nearest to a wall is chosen."""
GAP = 0.02
"""Metres between objects on the floor."""


def floor_place(
    walk: Walk, room: int, thing: HouseObject, taken: list[Volume], rng: np.random.Generator
) -> HouseObject | None:
    """The object at a free place of the room, which is then closed for the walker; None if there is none.

    It overlaps nothing in `taken`, and every room can still be reached.
    """
    outline = walk.rooms[room]
    inside = outline.buffer(-SKIN - 0.005, join_style="mitre")
    x0, z0, x1, z1 = outline.bounds
    width, height, depth = asset(thing.asset_id).size
    free: list[tuple[float, HouseObject]] = []
    for _ in range(TRIES):
        x, z, yaw = rng.uniform(x0, x1), rng.uniform(z0, z1), float(90 * rng.integers(4) + rng.uniform(-20, 20)) % 360
        rect = footprint(x, z, width, depth, yaw)
        box = shapely.box(*rect)
        if not inside.contains(box) or any(too_close((*rect, 0.0, height), other, GAP) for other in taken):
            continue
        moved = replace(thing, position=(float(x), height / 2, float(z)), rotation=(0.0, yaw, 0.0))
        free.append((float(outline.exterior.distance(box)), moved))
        if len(free) == COMPARED:
            break
    for _, moved in sorted(free, key=lambda entry: entry[0]):
        walk.stand(moved, 1)
        if walk.still_open():
            return moved
        walk.stand(moved, -1)
    return None
