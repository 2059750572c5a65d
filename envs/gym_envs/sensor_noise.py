"""Sensor models of a real robot: noise of a stereo depth camera, error of SLAM poses, and odometry drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.edges import canny
from ...core.frame import Camera, Frame
from ...core.normals import normals_from_depth


@dataclass(frozen=True)
class StereoCamera:
    """An active stereo camera; the defaults are those of Intel's RealSense D435.

    Depth is measured as disparity, focal * baseline / depth in pixels of the sensor, so an error of disparity grows
    with the square of depth: at 4 m about 57 mm for 0.08 pixels. Points that only one of the two imagers sees have no
    depth.
    """

    baseline: float = 0.05
    """Distance between the two imagers, in metres."""
    columns: int = 848
    """Columns of the sensor, independent of the size of the frames."""
    horizontal_fov: float = 87.0
    """Horizontal field of view of the sensor, in degrees."""
    subpixel: float = 0.08
    """Standard deviation of disparity, in pixels of the sensor."""
    step: float = 1 / 32
    """Smallest step of disparity, in pixels of the sensor; 0 for none."""
    nearest: float = 0.28
    """Least depth that can be matched, in metres."""
    farthest: float = 10.0
    """Largest depth that can be matched, in metres."""
    rgb: float = 2.0
    """Standard deviation of each colour, of 255."""

    @property
    def focal(self) -> float:
        """Focal length, in pixels of the sensor."""
        return float(self.columns / 2 / np.tan(np.radians(self.horizontal_fov) / 2))

    def measure(self, frame: Frame, camera: Camera, rng: np.random.Generator) -> Frame:
        """One Frame as this camera measures it: depth and rgb with noise, normals from that depth, edges from that
        rgb."""
        depth = self.depth(frame["depth"], camera, rng)
        noise = rng.normal(0.0, self.rgb, frame["rgb"].shape) if self.rgb else 0.0
        rgb = np.clip(np.round(frame["rgb"] + noise), 0, 255).astype(np.uint8)
        return {**frame, "rgb": rgb, "depth": depth, "normals": normals_from_depth(depth[None], camera)[0],
                "edges": canny(rgb)}  # fmt: skip

    def depth(self, true: NDArray[np.float32], camera: Camera, rng: np.random.Generator) -> NDArray[np.float32]:
        """Measured depth, float32 (H, W) in metres, 0 where there is none, from true depth (H, W)."""
        there = (true >= self.nearest) & (true <= self.farthest) & ~self._shadowed(true, camera)
        disparity = self.focal * self.baseline / np.where(there, true, 1.0).astype(np.float64)
        disparity += rng.normal(0.0, self.subpixel, true.shape)
        if self.step:
            disparity = np.round(disparity / self.step) * self.step
        there &= disparity > 0
        measured = self.focal * self.baseline / np.where(there, disparity, 1.0)
        return np.where(there, measured, 0.0).astype(np.float32)

    def _shadowed(self, true: NDArray[np.float32], camera: Camera) -> NDArray[np.bool_]:
        """bool (H, W): pixels that are occluded for the second imager, `baseline` to the right."""
        columns = np.arange(true.shape[1], dtype=np.float64)
        with np.errstate(divide="ignore"):
            shifted = columns - np.where(true > 0, camera.focal * self.baseline / true, 0.0)
        # A row of one surface keeps its order in the second image; nearer points to the right may overtake.
        beyond = np.minimum.accumulate(shifted[:, ::-1], axis=1)[:, ::-1]
        shadowed = np.zeros(true.shape, np.bool_)
        shadowed[:, :-1] = beyond[:, 1:] <= shifted[:, :-1]
        return shadowed


@dataclass(frozen=True)
class OdometryDrift:
    """Wheel odometry whose errors accumulate as Gaussian random walks.

    Variances grow with the distance and the angle driven, not with the number of steps: after s metres straight ahead,
    the standard deviation of the distance is metre * sqrt(s).
    """

    metre: float = 0.02
    """Error of the distance after one metre, in metres."""
    heading: float = 1.0
    """Error of the heading after one metre, in degrees."""
    turn: float = 3.0
    """Error of the heading after a full turn, in degrees."""

    def measure(self, ahead: float, turned: float, rng: np.random.Generator) -> tuple[float, float]:
        """Measured distance and turn, for a true motion of `ahead` metres and `turned` degrees."""
        spread = np.sqrt(self.heading**2 * abs(ahead) + self.turn**2 * abs(turned) / 360.0)
        first, second = rng.normal(size=2)
        return ahead + self.metre * float(np.sqrt(abs(ahead)) * first), turned + float(spread * second)


@dataclass(frozen=True)
class SlamError:
    """Errors of poses that SLAM estimates: they vary slowly and do not accumulate, since places are recognised.

    Each is an Ornstein-Uhlenbeck process over the frames.
    """

    position: float = 0.03
    """Standard deviation of x, y and z, in metres."""
    angle: float = 1.0
    """Standard deviation of yaw, pitch and roll, in degrees."""
    frames: float = 100.0
    """Frames after which the correlation with an error has fallen to 1 / e."""

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Standard deviations (6,) of a pose."""
        return np.repeat([self.position, self.angle], 3)

    def first(self, rng: np.random.Generator, count: int = 1) -> NDArray[np.float64]:
        """Independent errors (count, 6)."""
        return rng.normal(size=(count, 6)) * self.deviations

    def next(self, error: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """The error (6,) one frame after `error`."""
        kept = np.exp(-1 / self.frames)
        moved: NDArray[np.float64] = kept * error + np.sqrt(1 - kept**2) * self.first(rng)[0]
        return moved
