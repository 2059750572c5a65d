"""Where a pixel's surface lies: a number for its cube of space and the side that it faces, and its kind of surface.

Depth and pose alone say it, so the same pixel of the world has the same place in every view, and a surface of the same
kind (how high it lies, whether it faces up, down or sideways) has the same number in every house.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import Camera, rotation

_REACH = 1 << 9  # cells from the origin along each axis; farther places share cells, which does no harm
_DOWN, _UP, _SIDEWAYS = range(3)
_HEIGHTS = 40
_BIN = 0.1  # metres of height above the floor (y = 0) that count as one; the last bin holds all that is higher
SURFACES = 3 * _HEIGHTS
"""Kinds of surfaces: by facing and by height."""


class Places:
    """Numbers for places of cubes with sides of `cell` metres, seen by one camera."""

    def __init__(self, camera: Camera, cell: float = 0.1) -> None:
        self.cell = cell
        self._rays = camera.rays()

    def of(self, frames: Mapping[str, Tensor]) -> NDArray[np.int64]:
        """A number (N, H, W) for the cube and the side of each pixel of frames of the contract with `pose` (N, 6).

        -1 where the ray met nothing.
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
        """The kind of surface, below SURFACES, at places (...) that are not -1."""
        side, level = places % 6, places // 6 // (2 * _REACH) % (2 * _REACH)
        height = np.where(level < _REACH, (level + 0.5) * self.cell, 0.0)  # below the floor: on it
        facing = np.where(side == 2, _DOWN, np.where(side == 3, _UP, _SIDEWAYS))
        return facing * _HEIGHTS + np.minimum(height / _BIN, _HEIGHTS - 1).astype(np.int64)
