"""A camera that moves while it exposes: motion blur, and a rolling shutter that reads row after row.

Pixels move as a static scene does in the picture of a moving camera, which depends on depth and on the camera's six
velocities (Longuet-Higgins & Prazdny 1980); to first order in time, so for a few pixels of way.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera, rotation
from ...core.jit import compiled, inlined

_TAPS = 64
"""Largest number of moments of an exposure."""
_OBLIQUE = np.float32(0.1)
"""Cosine of the angle up to which a surface is taken for its plane between pixels: rounded rims have no depth there."""


@dataclass(frozen=True)
class Shutter:
    """When the rows of a picture see the scene; the default takes it in an instant."""

    exposure: float = 0.0
    """Seconds for which each row collects light; the blur is centred on the pose of the frame."""
    readout: float = 0.0
    """Seconds from the first row to the last, the middle row at the pose of the frame (Meingast, Geyer & Sastry
    2005)."""
    turning: float = 30.0
    """Standard deviation of each angular velocity, in degrees a second, of frames whose motion is not given."""
    moving: float = 0.3
    """Of each linear velocity, in metres a second."""

    def __post_init__(self) -> None:
        if min(self.exposure, self.readout, self.turning, self.moving) < 0:
            raise UserError("shutter: exposure, readout, turning and moving must be 0 or more")

    def draw(self, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Velocities, float64 (count, 6), as `velocity` has them."""
        deviations = np.repeat([self.moving, np.radians(self.turning)], 3)
        return np.asarray(rng.normal(size=(count, 6)) * deviations)


def velocity(before: NDArray[np.floating], after: NDArray[np.floating], seconds: float) -> NDArray[np.float64]:
    """Velocities, float64 (N, 6), that lead from poses (N, 6) to others within `seconds`.

    In the camera frame (x right, y up, z to the viewer): metres a second along the axes, then radians a second about
    them.
    """
    here, there = rotation(before), rotation(after)
    way = np.asarray(after, np.float64)[:, :3] - np.asarray(before, np.float64)[:, :3]
    turns = np.einsum("nji,njk->nik", here, there)
    about = np.array([cv2.Rodrigues(turn)[0].ravel() for turn in turns]).reshape(-1, 3)
    return np.concatenate([np.einsum("nji,nj->ni", here, way), about], 1) / seconds


def resample(
    light: NDArray[np.float32],
    depth: NDArray[np.float32],
    normals: NDArray[np.float32],
    velocities: NDArray[np.floating],
    shutter: Shutter,
    positions: NDArray[np.float32],
    camera: Camera,
) -> tuple[NDArray[np.float32], NDArray[np.uintp], NDArray[np.float32]]:
    """Light of the pixels of a picture, float32 (N, h, w, 3), the pixel of the source that is nearest to each, and the
    factor, float32 (N, h, w), from its depth to that of the very position on its surface when the row is read.

    light (N, H, W, 3), linear, depth (N, H, W) in metres and normals (N, H, W, 3) are of the source, a pinhole
    `camera`; positions (2, h, w) are columns and rows there (`Lens.positions`). The nearest pixels, uintp (N, h, w),
    are indices into a flattened source image: by them depth and labels go where the light of the middle of the
    exposure went.
    """
    count, shape = len(light), positions.shape[1:]
    out, nearest = np.empty((count, *shape, 3), np.float32), np.empty((count, *shape), np.uintp)
    factors = np.ones((count, *shape), np.float32)
    _resample(
        light, depth, normals, velocities.astype(np.float32), np.float32(camera.focal), np.float32(shutter.exposure),
        np.float32(shutter.readout), positions, out, nearest, factors,
    )  # fmt: skip
    return out, nearest, factors


@partial(compiled, error_model="numpy", fastmath=True)
def _resample(light, depth, normals, velocities, focal, exposure, readout, positions, out, nearest, factors):
    frames, height, width = depth.shape
    rows, columns = positions.shape[1], positions.shape[2]
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    per_pixel = one / focal
    middle_x, middle_y = np.float32(width * 0.5 - 0.5), np.float32(height * 0.5 - 0.5)
    most = np.float32(_TAPS - 1)
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for frame in range(frames):
        vx, vy, vz = velocities[frame, 0], velocities[frame, 1], velocities[frame, 2]
        wx, wy, wz = velocities[frame, 3], velocities[frame, 4], velocities[frame, 5]
        for r in range(rows):
            late = readout * (np.float32((r + 0.5) / rows) - half)
            for c in range(columns):
                u, v = positions[0, r, c], positions[1, r, c]
                right, down = zero, zero
                if exposure > 0 or readout > 0:
                    x, y = (u - middle_x) * per_pixel, (middle_y - v) * per_pixel
                    at = depth[frame, _nearest(v, last_y), _nearest(u, last_x)]
                    near = one / at if at > 0 else zero
                    # how a static point at (x, y, -1) / near moves in the camera frame, at unit distance
                    qx = wy + wz * y - vx * near
                    qy = -wz * x - wx - vy * near
                    qz = wy * x - wx * y - vz * near
                    right, down = focal * (qx + x * qz), -focal * (qy + y * qz)
                    u, v = u - right * late, v - down * late
                    factors[frame, r, c] = one - qz * late
                row, column = _nearest(v, last_y), _nearest(u, last_x)
                nearest[frame, r, c] = row * np.uintp(width) + column
                # the surface's plane, through the point that the nearest pixel shows
                nx, ny, nz = (
                    normals[frame, row, column, 0],
                    normals[frame, row, column, 1],
                    normals[frame, row, column, 2],
                )
                x, y = (u - middle_x) * per_pixel, (middle_y - v) * per_pixel
                here = nx * x + ny * y - nz
                if here < -_OBLIQUE:
                    aside, below = u - np.float32(np.int32(column)), v - np.float32(np.int32(row))
                    factors[frame, r, c] *= one - (nx * aside - ny * below) * per_pixel / here
                taps, share = np.int32(1), one
                if exposure > 0:
                    taps = np.int32(min(exposure * np.sqrt(right * right + down * down), most)) + np.int32(1)
                    share = one / np.float32(taps)
                red, green, blue = zero, zero, zero
                moment = exposure * half * (share - one)
                step = exposure * share
                for _ in range(taps):
                    tap_u = min(max(u - right * moment, zero), last_x)  # beyond the rim, the light of the rim
                    tap_v = min(max(v - down * moment, zero), last_y)
                    left, top = np.int32(tap_u), np.int32(tap_v)
                    fx, fy = tap_u - np.float32(left), tap_v - np.float32(top)
                    x0, y0 = np.uintp(left), np.uintp(top)
                    x1, y1 = np.uintp(min(left + 1, width - 1)), np.uintp(min(top + 1, height - 1))
                    a, b = (one - fx) * (one - fy), fx * (one - fy)
                    e, f = (one - fx) * fy, fx * fy
                    red += a * light[frame, y0, x0, 0] + b * light[frame, y0, x1, 0]
                    red += e * light[frame, y1, x0, 0] + f * light[frame, y1, x1, 0]
                    green += a * light[frame, y0, x0, 1] + b * light[frame, y0, x1, 1]
                    green += e * light[frame, y1, x0, 1] + f * light[frame, y1, x1, 1]
                    blue += a * light[frame, y0, x0, 2] + b * light[frame, y0, x1, 2]
                    blue += e * light[frame, y1, x0, 2] + f * light[frame, y1, x1, 2]
                    moment += step
                out[frame, r, c, 0], out[frame, r, c, 1], out[frame, r, c, 2] = red * share, green * share, blue * share


@inlined
def _nearest(position, last):
    """The pixel nearest to a position, in a row or column whose last pixel is `last`."""
    return np.uintp(np.int32(min(max(position, np.float32(0)), last) + np.float32(0.5)))


def taken(images: NDArray[Any], nearest: NDArray[np.uintp]) -> NDArray[Any]:
    """Images (N, H, W, ...) at the pixels nearest (N, h, w) of `resample`, (N, h, w, ...)."""
    flat = images.reshape(len(images), images.shape[1] * images.shape[2], -1)
    out = np.empty((*nearest.shape, flat.shape[-1]), images.dtype)
    _take(flat, nearest, out)
    return out.reshape(*nearest.shape, *images.shape[3:])


@partial(compiled, error_model="numpy")
def _take(flat, nearest, out):
    frames, rows, columns, channels = out.shape
    for frame in range(frames):
        for r in range(rows):
            for c in range(columns):
                for channel in range(channels):
                    out[frame, r, c, channel] = flat[frame, nearest[frame, r, c], channel]
