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
"""Largest number of moments of an exposure; a row has one for each pixel that the fastest point moves."""
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
    # a row in three passes, each short enough for the processor to work on many pixels at once
    right, down = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    u, v = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    moving = exposure > 0 or readout > 0
    for frame in range(frames):
        vx, vy, vz = velocities[frame, 0], velocities[frame, 1], velocities[frame, 2]
        wx, wy, wz = velocities[frame, 3], velocities[frame, 4], velocities[frame, 5]
        for r in range(rows):
            longest = zero
            late = readout * (np.float32((r + 0.5) / rows) - half)
            for c in range(columns):
                u[c], v[c] = positions[0, r, c], positions[1, r, c]
                if moving:
                    x, y = (u[c] - middle_x) * per_pixel, (middle_y - v[c]) * per_pixel
                    at = depth[frame, _nearest(v[c], last_y), _nearest(u[c], last_x)]
                    near = one / at if at > 0 else zero
                    # how a static point at (x, y, -1) / near moves in the camera frame, at unit distance
                    qx = wy + wz * y - vx * near
                    qy = -wz * x - wx - vy * near
                    qz = wy * x - wx * y - vz * near
                    right[c], down[c] = focal * (qx + x * qz), -focal * (qy + y * qz)
                    longest = max(longest, right[c] * right[c] + down[c] * down[c])
                    u[c] -= right[c] * late
                    v[c] -= down[c] * late
                    factors[frame, r, c] = one - qz * late
            for c in range(columns):
                row, column = _nearest(v[c], last_y), _nearest(u[c], last_x)
                nearest[frame, r, c] = row * np.uintp(width) + column
                # the surface's plane, through the point that the nearest pixel shows
                nx, ny = normals[frame, row, column, 0], normals[frame, row, column, 1]
                nz = normals[frame, row, column, 2]
                here = (nx * (u[c] - middle_x) + ny * (middle_y - v[c])) * per_pixel - nz
                if here < -_OBLIQUE:
                    aside, below = u[c] - np.float32(np.int32(column)), v[c] - np.float32(np.int32(row))
                    factors[frame, r, c] *= one - (nx * aside - ny * below) * per_pixel / here
            taps = np.int32(min(exposure * np.sqrt(longest), most)) + np.int32(1)
            share = one / np.float32(taps)
            moment = exposure * half * (share - one)
            out[frame, r] = 0
            for _ in range(taps):
                for c in range(columns):
                    tap_u = min(max(u[c] - right[c] * moment, zero), last_x)  # beyond the rim, the light of the rim
                    tap_v = min(max(v[c] - down[c] * moment, zero), last_y)
                    left, top = np.int32(tap_u), np.int32(tap_v)
                    fx, fy = tap_u - np.float32(left), (tap_v - np.float32(top)) * share
                    x0, y0 = np.uintp(left), np.uintp(top)
                    x1, y1 = np.uintp(min(left + 1, width - 1)), np.uintp(min(top + 1, height - 1))
                    a, b = (one - fx) * (share - fy), fx * (share - fy)
                    e, f = (one - fx) * fy, fx * fy
                    for channel in range(3):
                        upper = a * light[frame, y0, x0, channel] + b * light[frame, y0, x1, channel]
                        lower = e * light[frame, y1, x0, channel] + f * light[frame, y1, x1, channel]
                        out[frame, r, c, channel] += upper + lower
                moment += exposure * share


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
