"""The floor plan: a rectangle of grid cells, divided recursively into rooms, whose corners are then exchanged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .rates import ROOM_AREA

OUTDOORS = -1
_LEAST = 4
"""No room is narrower than this many cells anywhere."""
_HALL = 0.5
"""Probability that one of several living rooms is a hallway."""
Corner = tuple[int, int]


@dataclass(frozen=True)
class Panel:
    """One side of a wall between two corners of the grid, clockwise round its room: the room lies right of a -> b."""

    room: int
    neighbour: int
    """The room behind it, or OUTDOORS."""
    a: Corner
    b: Corner

    @property
    def cells(self) -> int:
        """Length in cells."""
        return abs(self.b[0] - self.a[0]) + abs(self.b[1] - self.a[1])

    @property
    def inwards(self) -> Corner:
        """Unit vector (x, z) into the room."""
        dx, dz = int(np.sign(self.b[0] - self.a[0])), int(np.sign(self.b[1] - self.a[1]))
        return dz, -dx


@dataclass(frozen=True)
class FloorPlan:
    """Rooms on a grid. Cell (i, k) spans x from i to i + 1 and z from k to k + 1, times ``cell`` metres."""

    cell: float
    types: tuple[str, ...]
    owner: NDArray[np.int64]
    """(nx, nz) room of each cell, or OUTDOORS."""
    rings: tuple[tuple[Panel, ...], ...]
    """Panels by room, clockwise."""
    hall: int | None = None
    """The living room that is a hallway between two rows of rooms, where there is one."""

    def metres(self, corner: Corner) -> tuple[float, float]:
        """(x, z) of a corner of the grid, to the millimetre as ProcTHOR writes it."""
        return round(corner[0] * self.cell, 3), round(corner[1] * self.cell, 3)


def make_floorplan(types: tuple[str, ...], rng: np.random.Generator) -> FloorPlan:
    """A connected plan of rooms of these types, with areas as in ProcTHOR's houses."""
    for _ in range(1000):
        areas = [ROOM_AREA[kind][0] * float(np.exp(rng.normal(0.0, ROOM_AREA[kind][1]) - 0.06)) for kind in types]
        cell = round(float(rng.uniform(0.42, 0.55)), 3)
        aspect = float(rng.uniform(0.75, 1.35))
        width = round((sum(areas) * aspect) ** 0.5 / cell)
        depth = round((sum(areas) / aspect) ** 0.5 / cell)
        owner = np.full((width, depth), OUTDOORS, np.int64)
        order = [int(room) for room in rng.permutation(len(types))]
        hall = types.index("LivingRoom") if types.count("LivingRoom") > 1 and rng.random() < _HALL else None
        if hall is not None:
            order.remove(hall)
            rows = _rows(hall, order, areas, cell, rng)
            if rows is None:
                continue
            owner = rows
        elif not _divide(owner, (0, 0, width, depth), order, areas, rng):
            continue
        for _ in range(2 * len(types)):
            _trade_corner(owner, rng)
        rings = [_ring(owner, room) for room in range(len(types))]
        if all(ring is not None for ring in rings):
            return FloorPlan(cell, types, owner, tuple(ring for ring in rings if ring is not None), hall)
    raise RuntimeError(f"no floor plan found for {types}")


def _divide(
    owner: NDArray[np.int64],
    box: tuple[int, int, int, int],
    rooms: list[int],
    areas: list[float],
    rng: np.random.Generator,
) -> bool:
    """Give the cells of box (x0, z0, x1, z1) to ``rooms``, by their areas; False if one would be too narrow."""
    x0, z0, x1, z1 = box
    if min(x1 - x0, z1 - z0) < _LEAST + 1:
        return False
    if len(rooms) == 1:
        owner[x0:x1, z0:z1] = rooms[0]
        return True
    middle = len(rooms) // 2
    cut = int(rng.integers(max(1, middle - 1), min(len(rooms) - 1, middle + 1) + 1))
    share = sum(areas[room] for room in rooms[:cut]) / sum(areas[room] for room in rooms)
    along_x = (x1 - x0) * rng.uniform(0.8, 1.25) > (z1 - z0)
    if along_x:
        at = x0 + round((x1 - x0) * share)
        halves = (x0, z0, at, z1), (at, z0, x1, z1)
    else:
        at = z0 + round((z1 - z0) * share)
        halves = (x0, z0, x1, at), (x0, at, x1, z1)
    return _divide(owner, halves[0], rooms[:cut], areas, rng) and _divide(owner, halves[1], rooms[cut:], areas, rng)


def _rows(
    hall: int, rooms: list[int], areas: list[float], cell: float, rng: np.random.Generator
) -> NDArray[np.int64] | None:
    """A hallway with a row of rooms along each side; None if a room would be too narrow."""
    middle = (len(rooms) + int(rng.integers(2))) // 2
    rows = rooms[:middle], rooms[middle:]
    sums = [sum(areas[room] for room in row) for row in rows]
    length = round(sum(sums) / 2 / float(rng.uniform(4.4, 5.6)) / cell)
    depths = [round(total / cell**2 / length) for total in sums]
    width = int(rng.integers(_LEAST, _LEAST + 2))
    if min(depths) < _LEAST + 2:
        return None
    owner = np.full((length, sum(depths) + width), OUTDOORS, np.int64)
    owner[:, depths[0] : depths[0] + width] = hall
    for row, total, strip in zip(rows, sums, (slice(0, depths[0]), slice(depths[0] + width, None)), strict=True):
        ends = np.round(np.cumsum([0.0, *(areas[room] for room in row)]) / total * length).astype(int)
        if np.diff(ends).min() < _LEAST + 1:
            return None
        for room, start, end in zip(row, ends[:-1], ends[1:], strict=True):
            owner[start:end, strip] = room
    return owner if rng.random() < 0.5 else np.ascontiguousarray(owner.T)


def _roomy(mask: NDArray[np.bool_]) -> bool:
    """Whether a room is connected and wide enough everywhere."""
    opened = ndimage.binary_opening(mask, np.ones((_LEAST, _LEAST), bool))
    return bool((opened == mask).all()) and ndimage.label(mask)[1] == 1


def _trade_corner(owner: NDArray[np.int64], rng: np.random.Generator) -> None:
    """Move a block at a corner of a random room to the adjacent room (or outdoors), if both stay wide enough."""
    room = int(rng.integers(owner.max() + 1))
    mask = owner == room
    xs, zs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    width, depth = (int(side) for side in rng.integers(3, 7, 2))
    x0 = int(xs[0]) if rng.random() < 0.5 else int(xs[-1]) + 1 - width
    z0 = int(zs[0]) if rng.random() < 0.5 else int(zs[-1]) + 1 - depth
    dx, dz = ((-1, 0), (1, 0), (0, -1), (0, 1))[int(rng.integers(4))]
    block = (slice(x0, x0 + width), slice(z0, z0 + depth))
    if min(x0, z0) < 0 or x0 + width > mask.shape[0] or z0 + depth > mask.shape[1]:
        return
    if not mask[block].all() or width * depth > 0.4 * mask.sum():
        return
    padded = np.pad(owner, 1, constant_values=OUTDOORS)
    # The strip of cells next to the block, one step along (dx, dz).
    x, z = x0 + 1 + (width if dx > 0 else -1 if dx < 0 else 0), z0 + 1 + (depth if dz > 0 else -1 if dz < 0 else 0)
    strip = padded[x : x + (1 if dx else width), z : z + (1 if dz else depth)]
    taker = int(strip.flat[0])
    if taker == room or (strip != taker).any():
        return
    changed = owner.copy()
    changed[block] = taker
    if _roomy(changed == room) and (taker == OUTDOORS or _roomy(changed == taker)):
        owner[:] = changed


def _ring(owner: NDArray[np.int64], room: int) -> tuple[Panel, ...] | None:
    """The panels round a room, clockwise; None if its outline is not one simple ring."""
    padded = np.pad(owner, 1, constant_values=OUTDOORS)
    edges: dict[Corner, tuple[Corner, int]] = {}
    count = 0
    for i, k in np.argwhere(owner == room).tolist():
        for (dx, dz), a, b in (
            ((0, 1), (i, k + 1), (i + 1, k + 1)),
            ((1, 0), (i + 1, k + 1), (i + 1, k)),
            ((0, -1), (i + 1, k), (i, k)),
            ((-1, 0), (i, k), (i, k + 1)),
        ):
            beyond = int(padded[i + 1 + dx, k + 1 + dz])
            if beyond != room:
                edges[a] = (b, beyond)
                count += 1
    if len(edges) < count:
        return None
    # The lowest corner of the lowest column is a true corner, so no panel wraps round the start of the walk.
    start = at = min(edges)
    walk: list[Panel] = []
    for step in range(1, count + 1):
        end, beyond = edges[at]
        panel = Panel(room, beyond, at, end)
        if walk and walk[-1].neighbour == beyond and walk[-1].inwards == panel.inwards:
            panel = Panel(room, beyond, walk.pop().a, end)
        walk.append(panel)
        at = end
        if at == start:
            return tuple(walk) if step == count else None
    return None
