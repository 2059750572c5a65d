"""Surface normals from depth, for recordings and for simulators without a normals sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .frame import Camera


def normals_from_depth(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Unit normals in the camera frame (x right, y up, z to the viewer), float32 (N, H, W, 3), of depth (N, H, W).

    The cross product of the differences to a neighbour in the row and one in the column, each on the side where depth
    changes less, so that a normal does not mix two surfaces unless a pixel has no neighbour on its own surface. 0 where
    the pixel, or both neighbours in its row or column, have no return (0).
    """
    z = depth.astype(np.float64)
    points = z[..., None] * camera.rays()  # (N, H, W, 3)
    along_row, row_ok = _difference(points, z, 2)
    along_column, column_ok = _difference(points, z, 1)  # downwards
    normals = np.cross(along_column, along_row)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    # Oriented towards the viewer, who sees a surface from the camera's side.
    normals *= np.where((normals * points).sum(-1, keepdims=True) > 0, -1.0, 1.0)
    seen = ((z > 0) & row_ok & column_ok)[..., None] & (length > 0)
    return np.where(seen, normals / np.where(length > 0, length, 1.0), 0.0).astype(np.float32)


def _difference(
    points: NDArray[np.float64], depth: NDArray[np.float64], axis: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Difference of points along an axis to the neighbour of less change in depth, and where there is one."""
    step = np.diff(points, axis=axis)
    first, last = [(0, 0)] * depth.ndim, [(0, 0)] * depth.ndim
    first[axis], last[axis] = (1, 0), (0, 1)
    change = np.abs(np.diff(depth, axis=axis))
    there = np.delete(depth, 0, axis) * np.delete(depth, -1, axis) > 0
    change = np.where(there, change, np.inf)
    before, after = np.pad(change, first, constant_values=np.inf), np.pad(change, last, constant_values=np.inf)
    step_before, step_after = np.pad(step, [*first, (0, 0)]), np.pad(step, [*last, (0, 0)])
    nearer = np.where((before < after)[..., None], step_before, step_after)
    return nearer, np.isfinite(np.minimum(before, after))
