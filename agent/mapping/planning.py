"""Path planning on an occupancy map: traversal costs and shortest-path distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import compiled
from .occupancy_map import OccupancyMap

WALL = 0
"""Cost of an impassable cell."""
MAX_COST = 18
"""Highest cost of a passable cell."""
COST_METRES = 0.02
"""Metres per unit of distance, for cells of 0.1 m at cost 1."""
UNREACHABLE = np.int32(2**30)
"""Distance of cells that cannot be reached."""


def walking_costs(map: OccupancyMap, allow_contact: bool = False) -> NDArray[np.uint8]:
    """Cost of each cell, uint8 (rows, columns): WALL, or 1 in the open and more where a body of 0.2 m radius may touch.

    Clearance is known only to the cell size of 0.1 m: narrow passages get a high cost and are tried last, and a blocked
    move rules them out. Cells that the agent has walked over remain passable. `allow_contact` makes observed obstacles
    passable at the highest cost, since some doors open on contact.
    """
    costs = np.where(map.seen | map.stood, 1, WALL).astype(np.uint8)
    _widen(map.hit, costs, 14 if allow_contact else WALL)
    costs[map.hit] = MAX_COST if allow_contact else WALL
    costs[map.blocked] = WALL
    costs[map.stood & ((costs == WALL) | (costs > 10))] = 10
    return costs


@compiled
def _widen(hit, costs, touching):  # type: ignore[no-untyped-def]
    """Inflate the costs around obstacles by squared distance in cells between centres; adjacent cells get
    `touching`."""
    rows, columns = hit.shape
    for i in range(rows):
        for j in range(columns):
            if not hit[i, j]:
                continue
            for di in range(-3, 4):
                for dj in range(-3, 4):
                    away = di * di + dj * dj
                    r, c = i + di, j + dj
                    if away > 9 or r < 0 or c < 0 or r >= rows or c >= columns or costs[r, c] == 0:
                        continue
                    if away <= 1:
                        costs[r, c] = touching
                    elif away == 2:
                        costs[r, c] = max(costs[r, c], 10)
                    elif away <= 5:
                        costs[r, c] = max(costs[r, c], 3)
                    else:
                        costs[r, c] = max(costs[r, c], 2)


@compiled
def distances(costs, row, column):  # type: ignore[no-untyped-def]
    """Length of the cheapest path from (row, column) to every cell, int32 (rows, columns) in COST_METRES; UNREACHABLE
    where there is none.

    Dijkstra's algorithm on the 8-neighbourhood with a ring of buckets, for small integer costs (Dial, 1969).
    """
    rows, columns = costs.shape
    ring = 128  # above the most expensive step, 7 * MAX_COST
    far = np.int32(2**30)
    length = np.full((rows, columns), far, np.int32)
    head = np.full(ring, -1, np.int64)
    pool = 8 * rows * columns + 1
    following = np.empty(pool, np.int64)
    cell = np.empty(pool, np.int32)
    length[row, column] = 0
    cell[0], following[0], head[0] = row * columns + column, -1, 0
    used, waiting, now = 1, 1, 0
    while waiting:
        entry = head[now % ring]
        if entry < 0:
            now += 1
            continue
        head[now % ring] = following[entry]
        waiting -= 1
        i, j = cell[entry] // columns, cell[entry] % columns
        if length[i, j] != now:
            continue
        for di in range(-1, 2):
            for dj in range(-1, 2):
                r, c = i + di, j + dj
                if (di == 0 and dj == 0) or r < 0 or c < 0 or r >= rows or c >= columns or costs[r, c] == 0:
                    continue
                if di != 0 and dj != 0 and (costs[i, c] == 0 or costs[r, j] == 0):
                    continue
                reached = now + (7 if di != 0 and dj != 0 else 5) * costs[r, c]
                if reached < length[r, c]:
                    length[r, c] = reached
                    cell[used], following[used] = r * columns + c, head[reached % ring]
                    head[reached % ring] = used
                    used += 1
                    waiting += 1
    return length


@compiled
def clear_line(costs, worst, r0, c0, r1, c1):  # type: ignore[no-untyped-def]
    """Whether no cell on the line from (r0, c0) to (r1, c1), floats in cells, is a wall or costs more than `worst`."""
    parts = int(2 * max(abs(r1 - r0), abs(c1 - c0))) + 1
    for k in range(1, parts + 1):
        r, c = int(np.floor(r0 + (r1 - r0) * k / parts)), int(np.floor(c0 + (c1 - c0) * k / parts))
        if r < 0 or c < 0 or r >= costs.shape[0] or c >= costs.shape[1]:
            return False
        if costs[r, c] == 0 or costs[r, c] > worst:
            return False
    return True


@compiled
def waypoint(costs, length, r0, c0, reach):  # type: ignore[no-untyped-def]
    """The farthest cell on the path to where `length` is 0 that is in line of sight of (r0, c0), floats in cells.

    It is at most `reach` cells along the path, and the line of sight crosses no cell more expensive than the path, so
    that corners are not cut.
    """
    i, j = int(np.floor(r0)), int(np.floor(c0))
    best_i, best_j, worst = i, j, 1
    for _ in range(reach):
        low, next_i, next_j = length[i, j], i, j
        for di in range(-1, 2):
            for dj in range(-1, 2):
                r, c = i + di, j + dj
                if r < 0 or c < 0 or r >= costs.shape[0] or c >= costs.shape[1] or length[r, c] >= low:
                    continue
                if di != 0 and dj != 0 and (costs[i, c] == 0 or costs[r, j] == 0):
                    continue
                low, next_i, next_j = length[r, c], r, c
        if next_i == i and next_j == j:
            break
        i, j = next_i, next_j
        worst = max(worst, costs[i, j])
        if clear_line(costs, worst, r0, c0, i + 0.5, j + 0.5):
            best_i, best_j = i, j
    return best_i, best_j
