"""A recording: frames of a place by a phone, a robot or a data set, in the frame contract's axes.

Only small data is in memory (poses, times, positions in files); pictures are read on demand, so a recording may have
a hundred thousand frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import CameraAxes, Up, are_poses, to_contract

FARTHEST = 100.0
"""Metres between a pose and the middle of the recording beyond which tracking was lost."""
MAX_INTRINSICS = 1e6
"""Pixels of a focal length or a centre beyond which it is damaged."""

Reader = Callable[[int], NDArray[Any]]
"""Reads one picture by its number in the files of the recording."""


class RecordingError(ValueError):
    """A recording that cannot be used. One line: which file, what is wrong, what to do."""

    def __init__(self, source: str | Path, what: str) -> None:
        super().__init__(" ".join(f"{source}: {what}".split()))


class FrameError(RecordingError):
    """One frame that cannot be used; the others can."""


@dataclass
class Recording:
    """Frames in the order of time. All arrays have N rows, one a frame."""

    source: str
    """File or folder, for messages."""
    time: NDArray[np.float64]
    """(N,) seconds, never falling."""
    poses: NDArray[np.float64]
    """(N, 4, 4) camera to world, the contract's axes (y up; camera x right, y up, z to the viewer), metres."""
    intrinsics: NDArray[np.float64]
    """(N, 4) fx, fy, cx, cy of rgb in pixels; the middle of the first pixel is at 0, as OpenCV counts."""
    size: tuple[int, int]
    """Rows and columns of rgb."""
    number: NDArray[np.int64]
    """(N,) number of each frame for the readers below."""
    read_rgb: Reader
    """rgb, uint8 (H, W, 3)."""
    read_depth: Reader | None = None
    """Depth along the optical axis, float32 (h, w), metres, 0 = none; of the same view as rgb, in any size."""
    read_semantic: Reader | None = None
    """Class ids of `envs.house.classes`, int16 (h, w): for evaluation only."""
    depth_intrinsics: NDArray[np.float64] | None = None
    """(4,) of the depth camera, if they are not rgb's scaled to the size of the depth map."""
    imu: NDArray[np.float64] | None = None
    """(M, 7) seconds, acceleration (m/s2) and turning rate (rad/s) along the device's axes; stored, not used yet."""
    faults: Counter[str] = field(default_factory=Counter)
    """What was wrong with frames, and how often (see `messages`)."""

    def __len__(self) -> int:
        return len(self.time)

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """Colour of frame `index` (0 to N - 1), uint8 (H, W, 3); FrameError if it cannot be read."""
        image = self.read_rgb(int(self.number[index]))
        if image.dtype != np.uint8 or image.shape != (*self.size, 3):
            raise FrameError(self.source, f"frame {self.number[index]}: rgb is {image.dtype} {image.shape}, others"
                             f" are uint8 {(*self.size, 3)}")  # fmt: skip
        return image

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Depth of frame `index`, float32 (h, w), None if the recording has none; FrameError as for rgb."""
        if self.read_depth is None:
            return None
        depth = self.read_depth(int(self.number[index]))
        if (
            self.depth_intrinsics is None
            and abs(depth.shape[0] * self.size[1] / depth.shape[1] / self.size[0] - 1) > 0.02
        ):
            raise FrameError(self.source, f"frame {self.number[index]}: depth is {depth.shape[1]} x {depth.shape[0]},"
                             f" not of the same shape as rgb, {self.size[1]} x {self.size[0]}")  # fmt: skip
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0)).astype(np.float32)

    def semantic(self, index: int) -> NDArray[np.int16] | None:
        """Class ids of frame `index`, int16 (h, w), None if the recording has no labels."""
        return None if self.read_semantic is None else self.read_semantic(int(self.number[index]))

    def messages(self) -> list[str]:
        """What was wrong, one line for each kind of fault."""
        return [f"{self.source}: {count} x {what}" for what, count in sorted(self.faults.items())]


@dataclass
class Track:
    """What a reader has read, unchecked: rows in the order of the files."""

    time: Sequence[float] | NDArray[Any]
    """(N,) seconds."""
    poses: NDArray[np.float64]
    """(N, 4, 4) camera to world in the data set's axes; NaN or infinite where tracking was lost."""
    axes: CameraAxes
    """Axes of the data set's cameras."""
    up: Up
    """The data set's world axis that points up."""
    intrinsics: NDArray[Any]
    """(4,) or (N, 4) fx, fy, cx, cy of rgb."""
    number: Sequence[int] | NDArray[Any]
    """(N,) names of the frames."""


def make_recording(source: Path, track: Track, there: NDArray[np.bool_], read_rgb: Reader, **more: Any) -> Recording:
    """The Recording of what a reader has read: bad rows are dropped and counted, the rest is sorted by time.

    `there` (N,) says whether the frame's files exist; `more` goes to Recording. RecordingError if nothing is left.
    """
    time = np.asarray(track.time, np.float64)
    number, faults = np.asarray(track.number, np.int64), Counter[str]()
    with np.errstate(invalid="ignore", over="ignore"):
        poses = to_contract(np.nan_to_num(track.poses, nan=np.nan, posinf=np.nan, neginf=np.nan), track.axes, track.up)
    good = are_poses(poses)
    numbers = np.broadcast_to(np.asarray(track.intrinsics, np.float64), (len(time), 4))
    with np.errstate(invalid="ignore"):
        usable = (np.abs(numbers) < MAX_INTRINSICS).all(axis=1) & (numbers[:, :2] > 0).all(axis=1)
        middle = np.median(poses[good, :3, 3], axis=0) if good.any() else np.zeros(3)
        near = ~good | (np.abs(poses[:, :3, 3] - middle) < FARTHEST).all(axis=1)
    for what, fine in (
        ("frame without its picture or depth (dropped)", there),
        ("pose that is missing, not finite or no rotation (dropped)", good),
        (f"pose {FARTHEST:g} m or more from the others (dropped)", near),
        ("time that is not finite (dropped)", np.isfinite(time)),
        (f"intrinsics that are not above 0 and below {MAX_INTRINSICS:g} (dropped)", usable),
    ):
        faults[what] = int((~fine).sum())
    kept = np.flatnonzero(there & good & near & np.isfinite(time) & usable)
    order = np.argsort(time[kept], kind="stable")
    faults["time out of order (sorted)"] = int((np.diff(time[kept]) < 0).sum())
    faults = +faults
    if not len(kept):
        why = "; ".join(f"{count} x {what}" for what, count in faults.items()) or "it is empty"
        raise RecordingError(source, f"no frame can be used: {why}")
    chosen = kept[order]
    try:
        first = read_rgb(int(number[chosen[0]]))
    except FrameError:
        first = read_rgb(int(number[chosen[len(chosen) // 2]]))
    return Recording(
        source=str(source), time=time[chosen], poses=poses[chosen], intrinsics=numbers[chosen].copy(),
        size=(first.shape[0], first.shape[1]), number=number[chosen], read_rgb=read_rgb, faults=faults, **more,
    )  # fmt: skip
