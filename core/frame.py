"""The frame contract: what every simulator returns, every policy sees and every learner trains on.

One right-handed world, y up, metres, degrees. A house file's (Unity, left-handed) point (x, y, z) is (x, y, -z) here.
A pose is (x, y, z, yaw, pitch, roll) of the camera: yaw turns clockwise seen from above and equals AI2-THOR's
rotation.y, pitch is positive upwards, and the camera looks along

    forward = (sin yaw cos pitch, sin pitch, -cos yaw cos pitch)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Frame = dict[str, NDArray[Any]]
"""Arrays by the keys of FRAME_SPEC; one frame, or N of them with a leading axis."""

FRAME_SPEC: dict[str, tuple[type, tuple[int, ...]]] = {
    "rgb": (np.uint8, (3,)),  # sRGB
    "depth": (np.float32, ()),  # metres along the optical axis, 0 = no return
    "normals": (np.float32, (3,)),  # unit, camera frame (x right, y up, z to the viewer), 0 = none
    "edges": (np.uint8, ()),  # Canny on rgb, 0 or 255
}
"""dtype and trailing shape of each image of a Frame, after (H, W). A Frame also has `pose`, float32 (6,)."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels and its principal point in the middle of the image."""

    width: int = 64
    """Columns, in pixels."""
    height: int = 64
    """Rows, in pixels."""
    vertical_fov: float = 90.0
    """Vertical field of view, in degrees."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"camera: width and height must be 1 or more, got {self.width} x {self.height}")
        if not 0.0 < self.vertical_fov < 180.0:
            raise ValueError(f"camera: vertical_fov must lie between 0 and 180 degrees, got {self.vertical_fov}")

    @property
    def focal(self) -> float:
        """Focal length in pixels, the same for rows and columns."""
        return float(self.height / 2 / np.tan(np.radians(self.vertical_fov) / 2))

    @property
    def horizontal_fov(self) -> float:
        """Horizontal field of view, in degrees."""
        return float(np.degrees(2 * np.arctan(self.width / 2 / self.focal)))

    def rays(self) -> NDArray[np.float64]:
        """Rays through the pixel centres, (H, W, 3), in the camera frame (x right, y up, z towards the viewer).

        Their z is -1, so a pixel of planar depth d shows the point d * ray.
        """
        right = (np.arange(self.width) + 0.5 - self.width / 2) / self.focal
        up = (self.height / 2 - np.arange(self.height) - 0.5) / self.focal
        return np.stack([*np.broadcast_arrays(right, up[:, None]), np.full((self.height, self.width), -1.0)], -1)


@dataclass(frozen=True)
class Labels:
    """Ground truth of a frame, for evaluation and the transfer set only: never part of a Frame of the test space."""

    semantic: NDArray[np.int16]
    """(..., H, W) class ids of `envs.house.classes`, 0 = void."""
    instance: NDArray[np.int32]
    """(..., H, W) instance numbers of the Scene, 0 = void."""


def rotation(pose: NDArray[np.floating]) -> NDArray[np.float64]:
    """Camera-to-world rotations, float64 (..., 3, 3), of poses (..., 6): columns are right, up, and back (-forward)."""
    yaw, pitch, roll = np.moveaxis(np.radians(np.asarray(pose, np.float64)[..., 3:6]), -1, 0)
    sy, cy, sp, cp, sr, cr = np.sin(yaw), np.cos(yaw), np.sin(pitch), np.cos(pitch), np.sin(roll), np.cos(roll)
    zero = np.zeros_like(sy)
    right = np.stack([cy, zero, sy], -1)
    back = np.stack([-sy * cp, -sp, cy * cp], -1)
    up = np.cross(back, right)
    rolled_right = cr[..., None] * right + sr[..., None] * up
    rolled_up = cr[..., None] * up - sr[..., None] * right
    return np.stack([rolled_right, rolled_up, back], -1)


def check_frame(frame: Frame, camera: Camera) -> None:
    """Raise ValueError, naming the key, where one frame breaks the contract (dtype, shape, range)."""
    for key, (dtype, trailing) in FRAME_SPEC.items():
        if key not in frame:
            raise ValueError(f"frame: '{key}' is missing")
        array, shape = frame[key], (camera.height, camera.width, *trailing)
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"frame: '{key}' is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")
    pose = frame.get("pose")
    if pose is None or pose.dtype != np.float32 or pose.shape != (6,):
        raise ValueError("frame: 'pose' must be float32 (6,)")
    if not np.isfinite(frame["depth"]).all() or (frame["depth"] < 0).any():
        raise ValueError("frame: 'depth' must be finite and 0 or more")
