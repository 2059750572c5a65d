"""Surface normals from depth, for recordings and for simulators without a normals sensor."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from .frame import Camera
from .jit import compiled, inlined


def normals_from_depth(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Unit normals in the camera frame (x right, y up, z to the viewer), float32 (N, H, W, 3), of depth (N, H, W).

    The cross product of the differences to a neighbour in the row and one in the column, each on the side where depth
    changes less, so that a normal does not mix two surfaces unless a pixel has no neighbour on its own surface. 0 where
    the pixel, or both neighbours in its row or column, have no return (0).
    """
    normals = np.zeros((*depth.shape, 3), np.float32)
    _normals(np.ascontiguousarray(depth), camera.focal, normals)
    return normals


@inlined
def _side(depth, frame, row, column, down, right):
    """-1 or 1: the side of the pixel, along a row or a column, on which depth changes less; 0 where none is known."""
    height, width = depth.shape[1], depth.shape[2]
    own, best, side = np.float64(depth[frame, row, column]), np.inf, 0
    for way in (1, -1):  # of equal changes, that to the next pixel counts
        r, c = row + way * down, column + way * right
        if 0 <= r < height and 0 <= c < width and depth[frame, r, c] > 0:
            change = abs(np.float64(depth[frame, r, c]) - own)
            if change < best:
                best, side = change, way
    return side


@partial(compiled, error_model="numpy")
def _normals(depth, focal, normals):
    frames, height, width = depth.shape
    for frame in range(frames):
        for row in range(height):
            y = (height / 2 - row - 0.5) / focal
            for column in range(width):
                z = np.float64(depth[frame, row, column])
                if z <= 0:
                    continue
                along, across = _side(depth, frame, row, column, 0, 1), _side(depth, frame, row, column, 1, 0)
                if along == 0 or across == 0:
                    continue
                x = (column + 0.5 - width / 2) / focal
                zr, zd = np.float64(depth[frame, row, column + along]), np.float64(depth[frame, row + across, column])
                # differences to the right, and downwards, of points depth * (x, y, -1)
                rx, ry, rz = along * (zr * (x + along / focal) - z * x), along * (zr - z) * y, along * (z - zr)
                dx, dy, dz = across * (zd - z) * x, across * (zd * (y - across / focal) - z * y), across * (z - zd)
                nx, ny, nz = dy * rz - dz * ry, dz * rx - dx * rz, dx * ry - dy * rx
                length = np.sqrt(nx * nx + ny * ny + nz * nz)
                if length == 0:
                    continue
                # turned to the viewer, who sees a surface from the camera's side
                if nx * x + ny * y - nz > 0:
                    length = -length
                scale = 1 / length
                normals[frame, row, column, 0] = nx * scale
                normals[frame, row, column, 1] = ny * scale
                normals[frame, row, column, 2] = nz * scale
