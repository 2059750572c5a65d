"""Senses that a folder of frames may lack: edges from rgb, normals from depth, as the frame contract has them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..envs.frame import Camera

CANNY = (60.0, 150.0)
"""Thresholds on the gradient of 8-bit luma; those of our simulators."""


def edges_of(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Canny edges, uint8 (H, W) of 0 or 255, of rgb uint8 (H, W, 3)."""
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.Canny(grey, *CANNY, apertureSize=3, L2gradient=True), np.uint8)


def normals_of(depth: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Unit normals (H, W, 3), camera frame (x right, y up, z to the viewer), of depth (H, W) in metres; 0 if unknown.

    The cross product of the steps to a neighbour in the row and to one in the column, on the side of less change.
    """
    height, width = depth.shape
    z = depth.astype(np.float64)
    right = (np.arange(width) + 0.5 - width / 2) / camera.focal
    up = (height / 2 - np.arange(height) - 0.5) / camera.focal
    points = np.stack([z * right, z * up[:, None], -z], -1)
    across, down = _step(points, z), _step(points.swapaxes(0, 1), z.T).swapaxes(0, 1)
    normals = np.cross(down, across)
    normals *= np.where((normals * points).sum(-1, keepdims=True) > 0, -1.0, 1.0)  # seen from where the camera is
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0).astype(np.float32)


def _step(points: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Step along the rows at every point, to the neighbour of nearer depth; 0 where neither has a return."""
    steps = np.diff(points, axis=1)
    change = np.where(depth[:, 1:] * depth[:, :-1] > 0, np.abs(np.diff(depth, axis=1)), np.inf)
    none, far = np.zeros_like(points[:, :1]), np.full_like(depth[:, :1], np.inf)
    back, ahead = np.concatenate([none, steps], 1), np.concatenate([steps, none], 1)
    change_back, change_ahead = np.concatenate([far, change], 1), np.concatenate([change, far], 1)
    step = np.where((change_back < change_ahead)[..., None], back, ahead)
    return np.where(np.isfinite(np.minimum(change_back, change_ahead))[..., None], step, 0.0)
