"""Surface cells: voxel and facing direction of each pixel, and the kind of surface that it lies on.

Both follow from depth and pose alone, so a surface point has the same cell in every view, and surfaces of one kind
(height; facing up, down or sideways) have the same id in every house.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import Camera, rotation

_REACH = 1 << 9  # cells from the origin along each axis; farther points wrap around, which is harmless
_DOWN, _UP, _SIDEWAYS = range(3)
_HEIGHTS = 40
_BIN = 0.1  # height bins in metres above the floor (y = 0); the last one is open-ended
SURFACES = 3 * _HEIGHTS
"""Number of kinds of surface: facing directions times height bins."""


class Places:
    """Cell ids for the pixels of one camera, with voxels of `cell` metres."""

    def __init__(self, camera: Camera, cell: float = 0.1) -> None:
        self.camera, self.cell = camera, cell
        self._rays = camera.rays()

    def of(self, frames: Mapping[str, Tensor]) -> NDArray[np.int64]:
        """Voxel and facing direction of each pixel as an id (N, H, W); frames follow the contract, `pose` is (N, 6).

        -1 where the depth has no return.
        """
        depth, normals = frames["depth"].numpy().astype(np.float32), frames["normals"].numpy().astype(np.float32)
        pose = frames["pose"].numpy().astype(np.float64)
        turns = rotation(pose).astype(np.float32)
        rays = self._rays.reshape(-1, 3).astype(np.float32) @ turns.transpose(0, 2, 1)
        points = rays.reshape(*depth.shape, 3) * depth[..., None] + pose[:, None, None, :3].astype(np.float32)
        cube = np.floor(points / self.cell).astype(np.int64) % (2 * _REACH)
        facing = (normals.reshape(len(depth), -1, 3) @ turns.transpose(0, 2, 1)).reshape(points.shape)
        axis = np.abs(facing).argmax(-1)
        side = 2 * axis + (np.take_along_axis(facing, axis[..., None], -1)[..., 0] > 0)
        place = ((cube[..., 0] * 2 * _REACH + cube[..., 1]) * 2 * _REACH + cube[..., 2]) * 6 + side
        return np.where(depth > 0, place, -1)

    def surface(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Kind of surface, below SURFACES, of cell ids (...) that are not -1."""
        side, level = places % 6, places // 6 // (2 * _REACH) % (2 * _REACH)
        height = np.where(level < _REACH, (level + 0.5) * self.cell, 0.0)  # below the floor counts as on it
        facing = np.where(side == 2, _DOWN, np.where(side == 3, _UP, _SIDEWAYS))
        return facing * _HEIGHTS + np.minimum(height / _BIN, _HEIGHTS - 1).astype(np.int64)

    def centres(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """The middle (P, 3) of the cells of these ids, in metres."""
        cubes = np.stack(_cube(places), -1)
        return (np.where(cubes < _REACH, cubes, cubes - 2 * _REACH) + 0.5) * self.cell


def _cube(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Number of the voxel along x, y and z, each from 0."""
    cube = places // 6
    return cube // (2 * _REACH) ** 2, cube // (2 * _REACH) % (2 * _REACH), cube % (2 * _REACH)


def neighbours(places: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (cell, neighbour) of rows of the sorted ids `places` (P,), each way round.

    Neighbours face the same side in one of the 26 voxels around, or another side of the same voxel.
    """
    x, y, z = _cube(places)
    side, size = places % 6, 2 * _REACH
    cells, others = [], []

    def meet(ids: NDArray[np.int64]) -> None:
        rows = np.searchsorted(places, ids).clip(max=len(places) - 1)
        there = np.flatnonzero((places[rows] == ids) & (ids != places))
        cells.append(there)
        others.append(rows[there])

    for dx, dy, dz in np.ndindex(3, 3, 3):
        if (dx, dy, dz) != (1, 1, 1):
            meet(((((x + dx - 1) % size) * size + (y + dy - 1) % size) * size + (z + dz - 1) % size) * 6 + side)
    for other in range(6):
        meet(places // 6 * 6 + other)
    return np.concatenate(cells), np.concatenate(others)
