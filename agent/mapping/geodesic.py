"""Geodesic distances over the reachable floor, not restricted to the grid's eight directions."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import compiled
from ...envs.floor import ReachableFloor

EXACT = 8
"""Radius, in cells, in which distances to a goal are exact: fast marching is least accurate near its sources."""


def distance_field(floor: ReachableFloor, goals: NDArray[Any]) -> NDArray[np.float64]:
    """Metres from every cell to the nearest of `goals`, (x, z) float (n, 2): float64 (nz, nx), inf where unreachable.

    Goals outside the reachable floor are ignored. Solves the eikonal equation |grad d| = 1 by first-order fast marching
    (Sethian, 1996): at most about 2 % longer than a straight line in the open, and 3 % around a corner.
    """
    cells = floor.to_cells(goals)[floor.contains_points(goals)]
    return _march(floor.reachable, cells) * floor.cell


def distance_at(field: NDArray[np.float64], floor: ReachableFloor, x: float, z: float) -> float:
    """The field's value at (x, z), in metres."""
    row, column = floor.to_cells(np.array([x, z]))
    return float(field[row, column])


@compiled
def _march(free, goals):  # type: ignore[no-untyped-def]
    """Distances in cells over the True cells of `free` from the cells int64 (n, 2)."""
    rows, columns = free.shape
    far = np.full((rows, columns), np.inf)
    fixed = np.zeros((rows, columns), np.bool_)
    queue = [(0.0, 0, 0) for _ in range(0)]
    for k in range(len(goals)):
        for di in range(-EXACT, EXACT + 1):
            for dj in range(-EXACT, EXACT + 1):
                value = np.hypot(di, dj)
                r, c = goals[k, 0] + di, goals[k, 1] + dj
                if r < 0 or c < 0 or r >= rows or c >= columns or value >= far[r, c]:
                    continue
                parts = 2 * max(abs(di), abs(dj))
                clear = True
                for part in range(1, parts + 1):
                    i = int(np.floor(goals[k, 0] + 0.5 + di * part / parts))
                    j = int(np.floor(goals[k, 1] + 0.5 + dj * part / parts))
                    clear = clear and free[i, j]
                if clear:
                    far[r, c] = value
                    heapq.heappush(queue, (value, r, c))
    while len(queue):
        _, i, j = heapq.heappop(queue)
        if fixed[i, j]:
            continue
        fixed[i, j] = True
        for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            r, c = i + di, j + dj
            if r < 0 or c < 0 or r >= rows or c >= columns or fixed[r, c] or not free[r, c]:
                continue
            across = min(far[r, c - 1] if c > 0 else np.inf, far[r, c + 1] if c + 1 < columns else np.inf)
            along = min(far[r - 1, c] if r > 0 else np.inf, far[r + 1, c] if r + 1 < rows else np.inf)
            low, high = min(across, along), max(across, along)
            value = low + 1.0
            if high < value:
                value = (low + high + np.sqrt(2.0 - (high - low) ** 2)) / 2.0
            if value < far[r, c]:
                far[r, c] = value
                heapq.heappush(queue, (value, r, c))
    return far
