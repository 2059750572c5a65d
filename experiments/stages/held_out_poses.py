"""The poses of the held-out views: all that a stage of collecting or learning may know of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .store import Entry

FILE = "poses.npy"
"""Poses float32 (N, 6), beside the views themselves, which hold the truth."""


def read_poses(views: Entry) -> NDArray[np.float32]:
    """Poses (N, 6) of the held-out views."""
    poses: NDArray[np.float32] = np.load(views.folder / FILE, allow_pickle=False)
    return poses


def within(views: Entry, poses: NDArray[np.floating], share: float) -> NDArray[np.bool_]:
    """Which of the poses (N, 6) lie in the ring around the middle of the house that holds this share of the views."""
    places = read_poses(views)[:, [0, 2]]
    middle = np.median(places, 0)
    radius = np.quantile(np.linalg.norm(places - middle, axis=1), share)
    return np.asarray(np.linalg.norm(poses[:, [0, 2]] - middle, axis=1) <= radius + 1e-6)


def views_within(views: Entry, share: float) -> NDArray[np.bool_]:
    """Which of the views lie in the ring of `within`."""
    return within(views, read_poses(views), share)
