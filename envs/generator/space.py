"""Free space of a room: its outline, what occupies it, and whether it can still be walked through.

All in metres of the house file's (x, z). Furniture counts as its axis-aligned rectangle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..house.footprints import Rect, footprint
from .door_placement import Hole
from .floorplan import OUTDOORS, FloorPlan, Panel

Volume = tuple[float, float, float, float, float, float]
"""(x0, z0, x1, z1, bottom, top)."""
SKIN = 0.03
"""Walls are this thick on the inside of a room's outline: no furniture may come nearer."""
WALKER = 0.27
"""Radius in metres of the disc that must be able to walk everywhere; a little above 0.25."""
_CLEAR = 1.1
"""Metres that stay free before a door, or the swing of its leaf if that is more."""
_LEAF = 0.07
"""Thickness of an open leaf with its handles and lining, metres."""
_PANE = 0.17
"""Depth before a window where nothing rises above its sill, metres."""
_FINE = 5
"""Cells of the walking raster along each side of a cell of the plan."""
_HEAD = 1.6
"""Objects that hang higher than this are no obstacles, in metres."""
_OPEN_SHARE = 0.4
"""Share of the empty room's walkable floor that must stay connected to the doors."""


@dataclass
class Side:
    """A straight stretch of a room's wall: from a, ``length`` metres along ``along``; ``normal`` points inwards."""

    a: tuple[float, float]
    length: float
    along: tuple[int, int]
    normal: tuple[int, int]
    taken: list[Rect] = field(default_factory=list)
    """(t0, y0, t1, y1) along and up: openings, hanging objects, furniture before the wall."""

    def point(self, t: float, out: float) -> tuple[float, float]:
        """(x, z) at t metres along and ``out`` metres into the room."""
        return (
            self.a[0] + self.along[0] * t + self.normal[0] * out,
            self.a[1] + self.along[1] * t + self.normal[1] * out,
        )

    def free(self, t0: float, y0: float, t1: float, y1: float) -> bool:
        """Whether this part of the wall is unoccupied."""
        return all(t1 <= a or c <= t0 or y1 <= b or d <= y0 for a, b, c, d in self.taken)

    @property
    def yaw(self) -> float:
        """Degrees: the yaw of furniture with its back to this wall."""
        return float(math.degrees(math.atan2(self.normal[0], self.normal[1])) % 360)


def overlap(a: Rect, b: Rect) -> bool:
    """Whether two rectangles share area."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


class RoomSpace:
    """One room while it is being furnished."""

    def __init__(self, plan: FloorPlan, room: int, holes: list[Hole]) -> None:
        self.plan, self.room = plan, room
        self.kind = plan.types[room]
        self._mask = plan.owner == room
        self.area = float(self._mask.sum()) * plan.cell**2
        self.volumes: list[Volume] = []
        """All objects in the room, and the air before windows."""
        self._kept: list[Rect] = []
        self._anchors: list[tuple[int, int]] = []
        self.sides = self._make_sides()
        inside = self._mask.repeat(_FINE, 0).repeat(_FINE, 1)
        self._step = plan.cell / _FINE
        reach = math.ceil(WALKER / self._step - 0.5)
        eroded = ndimage.binary_erosion(inside, np.ones((2 * reach + 1, 2 * reach + 1), bool))
        self._walkable: NDArray[np.bool_] = eroded
        for hole in holes:
            if room in (hole.panel.room, hole.panel.neighbour):
                self._open(hole)
        self._start_size = int(self._walkable.sum())

    def _make_sides(self) -> list[Side]:
        merged: list[Panel] = []
        for panel in self.plan.rings[self.room]:
            if merged and merged[-1].inwards == panel.inwards:
                panel = Panel(self.room, panel.neighbour, merged.pop().a, panel.b)
            merged.append(panel)
        sides = []
        for panel in merged:
            a, b = self.plan.metres(panel.a), self.plan.metres(panel.b)
            nx, nz = panel.inwards
            sides.append(Side(a, math.dist(a, b), (-nz, nx), (nx, nz)))
        return sides

    def _open(self, hole: Hole) -> None:
        """Keep the wall, and for a door the floor before it, clear of furniture."""
        a, b = self.plan.metres(hole.panel.a), self.plan.metres(hole.panel.b)
        along = (b[0] - a[0]) / math.dist(a, b), (b[1] - a[1]) / math.dist(a, b)
        x, z = a[0] + along[0] * hole.x, a[1] + along[1] * hole.x
        sign = 1 if hole.panel.room == self.room else -1
        normal = hole.panel.inwards[0] * sign, hole.panel.inwards[1] * sign
        for side in self.sides:
            off = (x - side.a[0]) * side.normal[0] + (z - side.a[1]) * side.normal[1]
            t = (x - side.a[0]) * side.along[0] + (z - side.a[1]) * side.along[1]
            if side.normal == normal and abs(off) < 1e-6 and -1e-6 <= t <= side.length + 1e-6:
                w, h = hole.width / 2 + 0.1, hole.height / 2 + 0.1
                side.taken.append((t - w, hole.y - h, t + w, hole.y + h))

        def before(t0: float, t1: float, depth: float) -> Rect:
            return _around([(x + along[0] * t + normal[0] * d, z + along[1] * t + normal[1] * d)
                            for t in (t0, t1) for d in (0.0, depth)])  # fmt: skip

        half = hole.width / 2
        if hole.kind == "window":
            sill = before(-half, half, _PANE)
            self.volumes.append((*sill, hole.y - hole.height / 2, hole.y + hole.height / 2))
            return
        swing = half if hole.asset and "Double" in hole.asset.asset_id else hole.width
        aside = half + 0.1 if hole.asset else min(half, 1.0)
        self._kept.append(before(-aside, aside, max(_CLEAR, swing + 0.1) if hole.asset else _CLEAR))
        if hole.asset and hole.asset.type == "Doorway" and hole.panel.neighbour != OUTDOORS:
            # It may hang at either end and open to either side: wherever it stands, one gets by.
            self._close([before(-half, _LEAF - half, swing), before(half - _LEAF, half, swing)], self._walkable)
        depth = WALKER + self._step
        self._anchors.append(self._fine(x + normal[0] * depth, z + normal[1] * depth))

    def _fine(self, x: float, z: float) -> tuple[int, int]:
        return int(x / self._step), int(z / self._step)

    def inside(self, rect: Rect, skin: float = SKIN) -> bool:
        """Whether the rectangle lies within the room, ``skin`` metres from its outline."""
        cell, (nx, nz) = self.plan.cell, self._mask.shape
        low_x, low_z, high_x, high_z = rect[0] - skin, rect[1] - skin, rect[2] + skin, rect[3] + skin
        i0, k0 = math.floor(low_x / cell + 1e-6), math.floor(low_z / cell + 1e-6)
        i1, k1 = math.ceil(high_x / cell - 1e-6), math.ceil(high_z / cell - 1e-6)
        if i0 < 0 or k0 < 0 or i1 > nx or k1 > nz:
            return False
        return bool(self._mask[i0:i1, k0:k1].all())

    def empty(self, volume: Volume, but: Volume | None = None) -> bool:
        """Whether the volume is unoccupied, except for `but`, the object below."""
        x0, z0, x1, z1, low, high = volume
        return not any(
            x0 < b[2] and b[0] < x1 and z0 < b[3] and b[1] < z1 and low < b[5] and b[4] < high
            for b in self.volumes
            if b is not but
        )

    def fits(self, volume: Volume) -> bool:
        """Whether furniture may stand here: inside the room, free, and not before a door."""
        return self.inside(volume[:4]) and not self.before_door(volume[:4]) and self.empty(volume)

    def before_door(self, rect: Rect) -> bool:
        """Whether the rectangle overlaps the free space before a door."""
        return any(overlap(rect, other) for other in self._kept)

    def put(self, volumes: list[Volume]) -> bool:
        """Place furniture here; False, changing nothing, if the doors would no longer be connected."""
        walkable = self._walkable.copy()
        self._close([volume[:4] for volume in volumes if volume[4] < _HEAD], walkable)
        if not self._in_one_piece(walkable):
            return False
        self._walkable = walkable
        self.volumes += volumes
        return True

    def walkable(self) -> bool:
        """Whether one can walk from every door of the room to every other."""
        return self._in_one_piece(self._walkable)

    def _close(self, rects: list[Rect], walkable: NDArray[np.bool_]) -> None:
        for x0, z0, x1, z1 in rects:
            # A cell is closed if the disc around its centre would touch the furniture (conservatively, its square).
            i0, i1 = (math.ceil(v / self._step - 0.5) for v in (x0 - WALKER, x1 + WALKER))
            k0, k1 = (math.ceil(v / self._step - 0.5) for v in (z0 - WALKER, z1 + WALKER))
            walkable[max(i0, 0) : max(i1, 0), max(k0, 0) : max(k1, 0)] = False

    def _in_one_piece(self, walkable: NDArray[np.bool_]) -> bool:
        parts, _ = ndimage.label(walkable)
        sizes = np.bincount(parts.ravel())
        main = {int(parts[anchor]) for anchor in self._anchors}
        if not main:
            main = {int(sizes[1:].argmax()) + 1 if len(sizes) > 1 else 0}
        return len(main) == 1 and 0 not in main and bool(sizes[main.pop()] >= _OPEN_SHARE * self._start_size)

    def reachable(self) -> NDArray[np.float64]:
        """(N, 2) points (x, z) where the walker's centre can be, connected to the doors."""
        parts, count = ndimage.label(self._walkable)
        if not count:
            return np.empty((0, 2))
        main = parts[self._anchors[0]] if self._anchors else np.bincount(parts.ravel())[1:].argmax() + 1
        return np.asarray((np.argwhere(parts == main) + 0.5) * self._step, np.float64)

    def centre(self) -> tuple[float, float]:
        """The point furthest from the room's walls, for its lamp."""
        away = ndimage.distance_transform_edt(np.pad(self._mask, 1))[1:-1, 1:-1]
        best = np.argwhere(away >= away.max() - 1e-9) + 0.5
        mean = best.mean(0)
        x, z = best[np.abs(best - mean).sum(1).argmin()] * self.plan.cell
        return float(x), float(z)


def _around(points: list[tuple[float, float]]) -> Rect:
    xs, zs = [p[0] for p in points], [p[1] for p in points]
    return min(xs), min(zs), max(xs), max(zs)


def volume_of(x: float, y: float, z: float, size: tuple[float, float, float], yaw: float) -> Volume:
    """The axis-aligned box round a thing of ``size``, its middle at (x, y, z), turned by ``yaw`` degrees."""
    return (*footprint(x, z, size[0], size[2], yaw), y - size[1] / 2, y + size[1] / 2)
