"""Surfaces that can hold objects on a piece of furniture: level parts of its mesh as drawn, with the free space
above."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..furniture.catalogue import model
from ..house.assets import asset

CELL = 0.02
"""Side of a cell, in metres."""
LEVEL = 0.012
"""Heights of one surface differ by no more than this, in metres."""
LEAST = 0.01
"""Square metres of the smallest surface."""
SHELVES = ("ShelvingUnit", "TVStand", "SideTable", "CoffeeTable", "Desk", "Cart", "Dresser", "DiningTable")
"""Types with surfaces on several levels; of others only the largest surface holds objects."""
LEAST_AIR = 0.1
"""Metres of air above a surface that can be used."""
HIGHEST = 1.6
"""Largest height of a usable surface above the furniture's foot, in metres."""


@dataclass(frozen=True)
class Surface:
    """One level surface in the furniture's axes at yaw 0 (x, z as in the house file), from its box's middle."""

    y: float
    """Height above the middle of the box, metres."""
    held: NDArray[np.bool_]
    """(nx, nz): cells that the surface covers."""
    air: NDArray[np.float32]
    """(nx, nz): metres up to what is next above."""

    def cells(self, width: float, depth: float, height: float) -> NDArray[np.int64]:
        """(n, 2) cells on which a box of this size can have its middle."""
        fits = self.held & (self.air >= height)
        reach = [int(np.ceil(side / 2 / CELL)) for side in (width, depth)]
        if any(2 * r + 1 > n for r, n in zip(reach, fits.shape, strict=True)):
            return np.empty((0, 2), np.int64)
        return np.argwhere(ndimage.minimum_filter(fits, size=[2 * r + 1 for r in reach], mode="constant", cval=0))

    def middle(self, cell: NDArray[np.int64]) -> tuple[float, float]:
        """(x, z) of a cell's centre."""
        x, z = (cell + 0.5 - np.array(self.held.shape) / 2) * CELL
        return float(x), float(z)

    def holds(self, x: float, z: float, half_x: float, half_z: float, height: float) -> bool:
        """Whether a box with its middle at (x, z) lies wholly on the surface, with enough space above."""
        centre = np.array(self.held.shape) / 2
        low = np.floor((np.array([x - half_x, z - half_z]) / CELL) + centre + 1e-6).astype(int)
        high = np.ceil((np.array([x + half_x, z + half_z]) / CELL) + centre - 1e-6).astype(int)
        if (low < 0).any() or (high > self.held.shape).any():
            return False
        part = np.s_[low[0] : high[0], low[1] : high[1]]
        return bool(self.held[part].all() and (self.air[part] >= height).all())


@lru_cache(maxsize=1024)
def surfaces(asset_id: str) -> tuple[Surface, ...]:
    """The surfaces of an asset that can hold objects, highest first."""
    form, entry = model(asset_id), asset(asset_id)
    corners = form.vertices[form.faces] * (-1.0, 1.0, 1.0)  # the mesh's x runs the other way (see assembly.assemble)
    shape = (max(int(np.ceil(entry.size[0] / CELL)), 1), max(int(np.ceil(entry.size[2] / CELL)), 1))
    cell, y, up = _raster(corners, shape)
    if not up.any():
        return ()
    levels: list[Surface] = []
    heights = np.sort(y[up])
    starts = np.flatnonzero(np.diff(heights, prepend=-np.inf) > LEVEL / 2)
    for first, last in zip(starts, [*starts[1:], len(heights)], strict=True):
        # a slope is cut into steps: only its densest one is level
        values = heights[first:last]
        ends = np.searchsorted(values, values + LEVEL, side="right")
        best = int(np.argmax(ends - np.arange(len(values))))
        low, high = values[best], values[ends[best] - 1]
        held = np.zeros(shape, np.bool_)
        on = up & (y >= low) & (y <= high)
        held.ravel()[cell[on]] = True
        air = np.full(shape[0] * shape[1], 10.0, np.float32)
        above = y > high + 0.003
        np.minimum.at(air, cell[above], (y[above] - high).astype(np.float32))
        air = air.reshape(shape)
        usable = held & (air >= LEAST_AIR)
        if usable.sum() * CELL**2 >= LEAST and high + entry.size[1] / 2 <= HIGHEST:
            levels.append(Surface(float(high), usable, air))
    levels.sort(key=lambda surface: -surface.y)
    if entry.type not in SHELVES and levels:
        levels = [max(levels, key=lambda surface: int(surface.held.sum()))]
    return tuple(levels)


def _raster(
    corners: NDArray[np.float64], shape: tuple[int, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Every triangle over every cell's centre: cell (flat index), height, and whether it is level and faces up."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    # x was mirrored, which turns the winding round
    normal = -np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    up = normal[:, 1] > 0.97 * np.maximum(length, 1e-12)
    ground = corners[..., [0, 2]] / CELL + np.array(shape) / 2 - 0.5  # in cells: whole numbers are centres
    low = np.maximum(np.ceil(ground.min(1)), 0).astype(int)
    high = np.minimum(np.floor(ground.max(1)), np.array(shape) - 1).astype(int)
    cells, heights, facing = [], [], []
    for k in np.flatnonzero((low <= high).all(1) & (np.abs(normal[:, 1]) > 1e-10)):
        i, j = np.mgrid[low[k, 0] : high[k, 0] + 1, low[k, 1] : high[k, 1] + 1]
        p, q, r = ground[k]
        turn = (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])
        u = ((i - p[0]) * (r[1] - p[1]) - (j - p[1]) * (r[0] - p[0])) / turn
        v = ((q[0] - p[0]) * (j - p[1]) - (q[1] - p[1]) * (i - p[0])) / turn
        over = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9)
        cells.append((i * shape[1] + j)[over])
        heights.append((a[k, 1] + u * (b[k, 1] - a[k, 1]) + v * (c[k, 1] - a[k, 1]))[over])
        facing.append(np.full(int(over.sum()), up[k]))
    if not cells:
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
    return np.concatenate(cells), np.concatenate(heights), np.concatenate(facing)
