"""The interface of all simulators: poses in, Frames (and, separately, Labels) out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..core.frame import Camera, Frame, Labels
from .floor import ReachableFloor


@runtime_checkable
class Simulator(Protocol):
    """A world with one camera that can be placed anywhere in it."""

    @property
    def camera(self) -> Camera:
        """The pinhole camera of every frame."""

    @property
    def floor(self) -> ReachableFloor:
        """Where an agent can stand."""

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames seen from poses, float (N, 6), all keys of FRAME_SPEC and `pose` with a leading axis N."""

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames with their ground truth, for evaluation and the transfer set only."""


def stack_frames(frames: Sequence[Frame]) -> Frame:
    """One Frame with a leading axis N, of N single ones (1 or more)."""
    return {key: np.stack([frame[key] for frame in frames]) for key in frames[0]}


def stack_labels(labels: Sequence[Labels]) -> Labels:
    """Labels with a leading axis N, of N single ones (1 or more)."""
    return Labels(np.stack([one.semantic for one in labels]), np.stack([one.instance for one in labels]))


def check_poses(poses: NDArray[Any]) -> NDArray[np.float64]:
    """Poses as float64 (N, 6); ValueError naming the first pose that is not finite, or the wrong shape or dtype."""
    array = np.asarray(poses)
    if array.ndim != 2 or array.shape[1] != 6:
        raise ValueError(f"poses: expected shape (N, 6) of x, y, z, yaw, pitch, roll, got {array.shape}")
    if array.dtype.kind not in "fiu":
        raise ValueError(f"poses: expected numbers, got dtype {array.dtype}")
    checked = array.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(checked).all(axis=1))
    if len(bad):
        raise ValueError(f"poses: pose {bad[0]} is not finite: {checked[bad[0]].tolist()}")
    return checked
