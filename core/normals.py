"""Surface normals from depth, for recordings and for simulators without a normals sensor."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from .frame import Camera
from .jit import compiled


def normals_from_depth(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Unit normals in the camera frame (x right, y up, z to the viewer), float32 (N, H, W, 3), of depth (N, H, W).

    The cross product of the differences to a neighbour in the row and one in the column, each on the side where depth
    changes less, so that a normal does not mix two surfaces unless a pixel has no neighbour on its own surface. 0 where
    the pixel, or both neighbours in its row or column, have no return (0).
    """
    normals = np.zeros((*depth.shape, 3), np.float32)
    _normals(np.ascontiguousarray(depth), camera.focal, normals)
    return normals


@partial(compiled, error_model="numpy")
def _normals(depth, focal, normals):
    frames, height, width = depth.shape
    per_pixel, none = 1 / focal, np.inf
    for frame in range(frames):
        for row in range(height):
            y = (height / 2 - row - 0.5) * per_pixel
            for column in range(width):
                z = np.float64(depth[frame, row, column])
                if z <= 0:
                    continue
                left = np.float64(depth[frame, row, column - 1]) if column > 0 else 0.0
                right = np.float64(depth[frame, row, column + 1]) if column + 1 < width else 0.0
                above = np.float64(depth[frame, row - 1, column]) if row > 0 else 0.0
                below = np.float64(depth[frame, row + 1, column]) if row + 1 < height else 0.0
                to_left, to_right = abs(left - z) if left > 0 else none, abs(right - z) if right > 0 else none
                to_above, to_below = abs(above - z) if above > 0 else none, abs(below - z) if below > 0 else none
                if min(to_left, to_right) == none or min(to_above, to_below) == none:
                    continue
                # of equal changes, that to the next pixel counts
                along, zr = (-1.0, left) if to_left < to_right else (1.0, right)
                across, zd = (-1.0, above) if to_above < to_below else (1.0, below)
                x = (column + 0.5 - width / 2) * per_pixel
                # differences to the right, and downwards, of points depth * (x, y, -1)
                rx, ry, rz = along * (zr * (x + along * per_pixel) - z * x), along * (zr - z) * y, along * (z - zr)
                dx, dy, dz = across * (zd - z) * x, across * (zd * (y - across * per_pixel) - z * y), across * (z - zd)
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
