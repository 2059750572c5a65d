"""Which cells of the fused map a new frame contradicts: it sees through where they were."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, rotation

REACH = 4.0
"""Metres up to which depth is trusted to contradict."""
NEAREST = 0.3
"""Metres below which a cell is too near to be judged by its middle."""
_MARGIN, _RELATIVE = 0.25, 0.05
"""How far behind a cell the frame must see: metres, and a share of the distance."""
_WINDOW = 5
"""Side of the window, in pixels of 128, in which every pixel must see behind the cell: outlines are no proof."""


def contradicted(
    centres: NDArray[np.float64], depth: NDArray[np.floating], pose: NDArray[np.floating], camera: Camera
) -> NDArray[np.bool_]:
    """Which of the cells (P,), by their middle (P, 3) in metres, are empty space in a frame of this depth and pose.

    depth: (H, W) metres, 0 = no return, which proves nothing. pose: (6,).
    """
    seen = (centres - pose[:3]) @ rotation(pose)  # camera frame: right, up, back
    away = -seen[:, 2]
    result = np.zeros(len(centres), bool)
    near = np.flatnonzero((away > NEAREST) & (away < REACH))
    column = np.floor(camera.width / 2 + camera.focal * seen[near, 0] / away[near]).astype(np.int64)
    row = np.floor(camera.height / 2 - camera.focal * seen[near, 1] / away[near]).astype(np.int64)
    inside = (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
    near, row, column = near[inside], row[inside], column[inside]
    side = max(3, round(_WINDOW * camera.height / 128) // 2 * 2 + 1)
    nearest = cv2.erode(depth.astype(np.float32), np.ones((side, side), np.uint8))
    result[near] = nearest[row, column] > away[near] * (1 + _RELATIVE) + _MARGIN
    return result
