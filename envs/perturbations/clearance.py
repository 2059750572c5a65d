"""Space that must stay free when objects move: before doors and windows, at walls, and between rooms.

All in the house file's (x, z), metres.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from ..assembly.building import build_scene
from ..floor import IN_WALL
from ..house.assets import asset
from ..house.classes import CLASS_ID
from ..house.footprints import footprint
from ..house.house import House, HouseObject, Opening

Volume = tuple[float, float, float, float, float, float]
"""(x0, z0, x1, z1, bottom, top)."""

SKIN = 0.03
"""Walls are drawn this far inside a room's outline."""
CELL = 0.05
"""Side of the walking raster's cells."""
WALKER = 0.22
"""Radius of the disc that must be able to walk, in metres; above the agent's 0.2."""
STEPPED_OVER, HEAD = 0.12, 1.5
"""Heights between which objects block the walker."""
LEAST_FLOOR = 0.6
"""Square metres of each room that stay reachable, where they were."""
KEPT = 0.7
"""Share of each room's reachable floor that stays reachable."""


def volume_of(thing: HouseObject) -> Volume:
    """The axis-aligned bounding box of an object."""
    width, height, depth = asset(thing.asset_id).size
    if any(angle % 360 for angle in (thing.rotation[0], thing.rotation[2])):
        width = depth = height = math.dist((width, height, depth), (0, 0, 0))
    x, y, z = thing.position
    return (*footprint(x, z, width, depth, thing.rotation[1]), y - height / 2, y + height / 2)


def too_close(a: Volume, b: Volume, gap: float = 0.0) -> bool:
    """Whether two volumes overlap, or are closer than `gap` horizontally."""
    overlaps = a[0] < b[2] + gap and b[0] < a[2] + gap and a[1] < b[3] + gap and b[1] < a[3] + gap
    return overlaps and a[4] < b[5] and b[4] < a[5]


def clearances(house: House, *, floor: bool) -> list[Volume]:
    """Volumes that must stay free: before doors (for objects on the floor, as far as leaves swing) and windows."""
    walls = {wall.id: wall for wall in house.walls}
    volumes: list[Volume] = []
    for opening in (*house.doors, *house.windows):
        wall = walls[opening.wall0]
        x0, y0, x1, y1 = opening.hole
        aside, out = (0.0, 0.17) if opening.kind == "window" else (0.1, 1.1) if floor else (0.05, 0.35)
        if opening.kind == "door" and floor:
            out = max(out, min(x1 - x0, 1.5) + 0.1)
        span = _beside(wall.p0, wall.p1, x0 - aside, x1 + aside, out)
        volumes.append((*span, wall.bottom + y0, wall.bottom + y1))
    if floor and house.agent is not None:
        x, _, z = house.agent.position
        volumes.append((x - 0.4, z - 0.4, x + 0.4, z + 0.4, 0.0, 2.0))
    return volumes


def _beside(
    p0: tuple[float, float], p1: tuple[float, float], t0: float, t1: float, out: float
) -> tuple[float, float, float, float]:
    length = math.dist(p0, p1)
    ax, az = (p1[0] - p0[0]) / length, (p1[1] - p0[1]) / length
    corners = [(p0[0] + ax * t - az * d, p0[1] + az * t + ax * d) for t in (t0, t1) for d in (-out, out)]
    xs, zs = [c[0] for c in corners], [c[1] for c in corners]
    return min(xs), min(zs), max(xs), max(zs)


class Walk:
    """The floor as a raster: the walker's free cells, and how much of each room can be reached."""

    def __init__(self, house: House, things: list[HouseObject]) -> None:
        rooms = [shapely.make_valid(shapely.Polygon(room.polygon)) for room in house.rooms]
        plan = shapely.union_all(rooms)
        x0, z0, x1, z1 = plan.bounds
        self._origin = np.array([x0, z0]) - CELL
        self._shape = (int((x1 - x0) / CELL) + 3, int((z1 - z0) / CELL) + 3)
        x, z = (self._origin[axis] + (np.arange(self._shape[axis]) + 0.5) * CELL for axis in (0, 1))
        self._x, self._z = np.meshgrid(x, z, indexing="ij")
        closed = shapely.union_all([plan.boundary.buffer(SKIN), _partitions(house)]).buffer(WALKER)
        shapely.prepare(closed)
        shapely.prepare(plan)
        self._open: NDArray[np.bool_] = shapely.contains_xy(plan, self._x, self._z)
        self._open &= ~shapely.contains_xy(closed, self._x, self._z)
        leaves = _leaves(house).buffer(WALKER)
        shapely.prepare(leaves)
        self._leaves: NDArray[np.bool_] = shapely.contains_xy(leaves, self._x, self._z)
        self._rooms = [shapely.contains_xy(room, self._x, self._z) for room in rooms]
        self.rooms = rooms
        self._covers = np.zeros(self._shape, np.int32)
        self._start = None if house.agent is None else (house.agent.position[0], house.agent.position[2])
        for thing in things:
            self.stand(thing, 1)
        self._before = [self._reached(closed) for closed in (False, True)]

    def stand(self, thing: HouseObject, count: int) -> None:
        """Put a thing down (1) or take it away (-1)."""
        width, height, depth = asset(thing.asset_id).size
        x, y, z = thing.position
        if y - height / 2 > HEAD or y + height / 2 < STEPPED_OVER:
            return
        s, c = math.sin(math.radians(thing.rotation[1])), math.cos(math.radians(thing.rotation[1]))
        reach = math.hypot(width, depth) / 2 + WALKER + CELL
        low = np.maximum((np.array([x, z]) - reach - self._origin) / CELL, 0).astype(int)
        high = np.maximum((np.array([x, z]) + reach - self._origin) / CELL + 1, 0).astype(int)
        part = np.s_[low[0] : high[0], low[1] : high[1]]
        dx, dz = self._x[part] - x, self._z[part] - z
        out = np.maximum(np.abs(dx * c - dz * s) - width / 2, 0), np.maximum(np.abs(dx * s + dz * c) - depth / 2, 0)
        self._covers[part][np.hypot(*out) < WALKER] += count

    def _reached(self, leaves: bool) -> NDArray[np.float64]:
        """Reachable floor of each room in square metres, from the start of the house or within the largest part.

        leaves: whether open leaves of doors block the way."""
        free = self._open & (self._covers == 0)
        if leaves:
            free &= ~self._leaves
        parts, count = ndimage.label(free)
        if not count:
            return np.zeros(len(self._rooms))
        main = int(np.bincount(parts.ravel())[1:].argmax()) + 1
        if self._start is not None:
            i, j = ((np.array(self._start) - self._origin) / CELL).astype(int)
            if 0 <= i < free.shape[0] and 0 <= j < free.shape[1] and parts[i, j]:
                main = int(parts[i, j])
        return np.array([(parts[room] == main).sum() for room in self._rooms]) * CELL**2

    def still_open(self) -> bool:
        """Whether at least KEPT of the initially reachable floor of every room is still reachable."""
        for leaves, before in zip((False, True), self._before, strict=True):
            least = np.minimum(before, np.maximum(KEPT * before, LEAST_FLOOR))
            if (self._reached(leaves) < least).any():
                return False
        return True

    def room_of(self, x: float, z: float) -> int | None:
        """Number of the room that holds a point."""
        return next((k for k, room in enumerate(self.rooms) if shapely.contains_xy(room, x, z)), None)


def _leaves(house: House) -> shapely.Geometry:
    """The leaves of open doors, as drawn."""
    scene = build_scene(replace(house, objects=tuple(thing for thing in house.objects if thing.kinematic)))
    corners = scene.vertices[scene.faces[scene.face_class == CLASS_ID["Door"]]].astype(np.float64)[..., [0, 2]]
    corners *= (1.0, -1.0)
    outlines = shapely.union_all([shapely.make_valid(shapely.Polygon(room.polygon)).boundary for room in house.rooms])
    away = shapely.distance(outlines, shapely.points(corners))
    out = corners[away.max(axis=1) > IN_WALL] if len(corners) else corners
    return shapely.union_all(shapely.convex_hull([shapely.MultiPoint(triangle) for triangle in out]))


def _partitions(house: House) -> shapely.Geometry:
    """Walls as drawn, with their thickness, doors cut out; open boundaries left out."""
    doors: dict[str, list[Opening]] = {}
    for door in house.doors:
        doors.setdefault(door.wall0, []).append(door)
    ways = [shapely.box(*_beside(w.p0, w.p1, d.hole[0], d.hole[2], 2 * SKIN)) for w in house.walls
            for d in doors.get(w.id, []) if d.room0 != d.room1]  # fmt: skip
    lines = [shapely.LineString([w.p0, w.p1]).buffer(SKIN, cap_style="square") for w in house.walls if not w.empty]
    return shapely.union_all(lines) - shapely.union_all(ways)
