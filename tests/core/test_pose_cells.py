"""Cells of place and heading."""

from __future__ import annotations

import numpy as np

from testspace.core.pose_cells import HEADINGS, pose_cells


def test_cells_are_places_and_headings() -> None:
    poses = np.zeros((5, 6), np.float32)
    poses[1, [0, 2]] = 0.9, 0.9  # the same square
    poses[2, 0] = -0.1  # the next one
    poses[3, 3] = 359  # heading north, a little to the left: still north
    poses[4, 3] = 360 / HEADINGS
    assert (pose_cells(poses) == pose_cells(poses)[0]).tolist() == [True, True, False, True, False]
