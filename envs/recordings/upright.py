"""A recording's pictures as an upright camera with its principal point in the middle sees them, whole.

For what works on upright pictures of an ideal camera; its labels are carried back to the recorded pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera
from .recording import Recording, RecordingError
from .recording_simulator import RecordingSimulator
from .resample import Grid, quarter_turns, scaled

MAX_SIDE = 1024
"""Pixels of the camera's longer side, at most."""
_MAX_FOV = 160.0
"""Degrees, vertically or horizontally."""


class UprightFrames:
    """Frames 0 to N - 1 of a recording, each by one Camera that sees all of every recorded picture.

    Colours beyond a picture's edge are those at the edge, depth there is 0. RecordingError where the intrinsics cannot
    be those of the pictures, or, with depth, no frame can be read.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.turns = quarter_turns(recording)
        self.camera = enclosing_camera(recording)
        self.poses = RecordingSimulator(recording).poses if recording.read_depth is not None else None
        """(N, 6), above the floor; None without depth, which shows where the floor is."""
        self._grids: dict[tuple[float, ...], Grid] = {}

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """Colour, uint8 (H, W, 3) of the camera's size. FrameError if it cannot be read."""
        return self._grid(self.recording.intrinsics[index]).smooth(self.recording.rgb(index))

    def depth(self, index: int) -> NDArray[np.float32] | None:
        """Depth, float32 (H, W), metres, 0 = none; None if the recording has none. FrameError if it cannot be read."""
        depth = self.recording.depth(index)
        if depth is None:
            return None
        own, size = self.recording.depth_intrinsics, (depth.shape[0], depth.shape[1])
        intrinsics = own if own is not None else scaled(self.recording.intrinsics[index], self.recording.size, size)
        return np.asarray(self._grid(intrinsics).nearest(depth), np.float32)

    def on_recorded_pixels(self, index: int, labels: NDArray[np.int16]) -> NDArray[np.int16]:
        """Labels (H, W) of the camera's pixels, at the nearest one of each pixel of the recorded picture."""
        fx, fy, cx, cy = self.recording.intrinsics[index]
        rows, columns = self.recording.size
        right, up = (np.arange(columns) - cx) / fx, (cy - np.arange(rows)) / fy
        if self.turns % 2:  # what is to the right in the recorded picture is above or below in the upright one
            sign = 1 if self.turns == 1 else -1
            return labels[np.ix_(self._row(-sign * right), self._column(sign * up))].T.copy()
        sign = 1 if self.turns == 0 else -1
        return labels[np.ix_(self._row(sign * up), self._column(sign * right))]

    def _row(self, up: NDArray[np.float64]) -> NDArray[np.int64]:
        at = self.camera.height / 2 - 0.5 - up * self.camera.focal
        return np.clip(np.rint(at), 0, self.camera.height - 1).astype(np.int64)

    def _column(self, right: NDArray[np.float64]) -> NDArray[np.int64]:
        at = self.camera.width / 2 - 0.5 + right * self.camera.focal
        return np.clip(np.rint(at), 0, self.camera.width - 1).astype(np.int64)

    def _grid(self, intrinsics: NDArray[np.float64]) -> Grid:
        key = tuple(np.round(intrinsics, 6).tolist())
        if key not in self._grids:
            if len(self._grids) > 4:  # phones refocus: every frame may have its own
                self._grids.clear()
            self._grids[key] = Grid(self.camera, intrinsics, self.turns)
        return self._grids[key]


def enclosing_camera(recording: Recording) -> Camera:
    """The narrowest Camera that sees all of every frame, after its quarter turn, in about as many pixels."""
    fx, fy, cx, cy = recording.intrinsics.T
    rows, columns = recording.size
    across = float((np.maximum(cx + 0.5, columns - 0.5 - cx) / fx).max())
    down = float((np.maximum(cy + 0.5, rows - 0.5 - cy) / fy).max())
    focal = float(np.median(fy))
    if quarter_turns(recording) % 2:
        across, down, focal = down, across, float(np.median(fx))
    limit = float(np.tan(np.radians(_MAX_FOV) / 2))
    if not (0 < across <= limit and 0 < down <= limit):
        raise RecordingError(recording.source, "the intrinsics cannot be those of its pictures; are they those of"
                             " another size?")  # fmt: skip
    focal = min(focal, MAX_SIDE / 2 / max(across, down))
    height, width = (max(1, round(2 * half * focal)) for half in (down, across))
    return Camera(width, height, float(np.degrees(2 * np.arctan(down))))
