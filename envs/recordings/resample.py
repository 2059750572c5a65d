"""Resampling of recorded pictures to the frame contract's camera at the same pose.

The optical centre and axis stay, so only the grid of pixels changes (and the quarter turn of a phone held upright).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera
from ..conventions import pose_vectors
from .recording import Recording, RecordingError


def fitting_camera(recording: Recording, height: int, width: int) -> Camera:
    """The widest Camera of this many pixels that every frame of the recording fills, after its quarter turn."""
    fx, fy, cx, cy = recording.intrinsics.T
    rows, columns = recording.size
    across = np.minimum(cx + 0.5, columns - 0.5 - cx) / fx
    down = np.minimum(cy + 0.5, rows - 0.5 - cy) / fy
    if quarter_turns(recording) % 2:
        across, down = down, across
    half = float(np.minimum(down, across * height / width).min())
    if not half > 0:
        raise RecordingError(recording.source, "the principal point lies outside the picture; are the intrinsics those"
                             " of another size?")  # fmt: skip
    return Camera(width, height, float(np.degrees(2 * np.arctan(half))))


def quarter_turns(recording: Recording) -> int:
    """Number of quarter turns (about the optical axis, positive as roll) that make its pictures upright.

    One number for the whole recording, from the frames that do not look steeply up or down.
    """
    poses = pose_vectors(recording.poses)
    level = np.abs(poses[:, 4]) < 60
    roll = np.radians(poses[level if level.any() else slice(None), 5])
    mean = np.degrees(np.arctan2(np.sin(roll).mean(), np.cos(roll).mean()))
    return int(-np.round(mean / 90)) % 4


def turned(poses: NDArray[np.float64], turns: int) -> NDArray[np.float64]:
    """Camera-to-world matrices (N, 4, 4) of cameras rotated about their optical axis by quarter turns."""
    out = poses.copy()
    out[:, :3, :3] = poses[:, :3, :3] @ _quarter(turns)
    return out


class Grid:
    """Position of each pixel of a Camera in a recorded picture of given size and intrinsics."""

    def __init__(self, camera: Camera, intrinsics: NDArray[np.float64], turns: int) -> None:
        """intrinsics: (4,) fx, fy, cx, cy of the recorded picture."""
        self.camera, self.intrinsics = camera, intrinsics
        rays = camera.rays() @ _quarter(turns).T
        fx, fy, cx, cy = intrinsics
        self.columns, self.rows = rays[..., 0] * fx + cx, cy - rays[..., 1] * fy

    def smooth(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Colours, uint8 (H, W, 3): area means if the picture has more pixels, else interpolated."""
        import cv2

        height, width = image.shape[:2]
        fx, fy = self.intrinsics[:2]
        small_width = max(1, round(width * min(1.0, self.camera.focal / fx)))
        small_height = max(1, round(height * min(1.0, self.camera.focal / fy)))
        if (small_width, small_height) != (width, height):
            image = cv2.resize(image, (small_width, small_height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        columns = (self.columns + 0.5) * (small_width / width) - 0.5
        rows = (self.rows + 0.5) * (small_height / height) - 0.5
        out = cv2.remap(image, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR,
                        borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        return np.asarray(out, np.uint8)

    def nearest(self, image: NDArray[Any]) -> NDArray[Any]:
        """Depth or labels: the nearest pixel's value, never a mixture; 0 outside the picture."""
        height, width = image.shape
        rows, columns = np.floor(self.rows + 0.5).astype(np.int64), np.floor(self.columns + 0.5).astype(np.int64)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return np.where(
            inside, image[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], image.dtype.type(0)
        )


def scaled(intrinsics: NDArray[np.float64], size: tuple[int, int], to: tuple[int, int]) -> NDArray[np.float64]:
    """Intrinsics (4,) of the same view in a picture of other size (rows, columns)."""
    fx, fy, cx, cy = intrinsics
    down, across = to[0] / size[0], to[1] / size[1]
    return np.array([fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5])


def _quarter(turns: int) -> NDArray[np.float64]:
    c, s = ((1, 0), (0, 1), (-1, 0), (0, -1))[turns % 4]
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float64)
