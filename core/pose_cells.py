"""Cells of place and heading: views of one cell show about the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELL_METRES = 1.0
"""Side of a cell of positions."""
HEADINGS = 8
"""Number of cells of heading."""


def pose_cells(poses: NDArray[np.floating]) -> NDArray[np.int64]:
    """Cell ids (N,) of poses (N, 6), by position (x and z, CELL_METRES) and heading (yaw, HEADINGS)."""
    x, z = (np.floor(poses[:, axis] / CELL_METRES).astype(np.int64) + (1 << 20) for axis in (0, 2))
    heading = np.round(poses[:, 3].astype(np.float64) * HEADINGS / 360).astype(np.int64) % HEADINGS
    return (x * (1 << 21) + z) * HEADINGS + heading
