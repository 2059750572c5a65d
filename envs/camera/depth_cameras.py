"""Depth cameras that light the scene themselves: structured light, and time of flight.

Of an ideal, matt surface, the signal is reflectance * cos(angle) / distance^2 (Lambert), 1 for white at one metre.
The reflectance for the camera's infrared is taken from the colour, so that a surface in deep shadow counts as a dark
one. The third kind, stereo, is `gym_envs.sensor_noise.StereoCamera`.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...core.jit import compiled, inlined
from .draws import hashed, normal, normal_table, seeds
from .sensor import light_table
from .surfaces import scattered_shares

LIGHT_SPEED = 299_792_458.0
"""Metres a second."""
_ANGLES = 4096
_EDGE = 0.05
"""Step of depth, as a part of it, from which on a pixel and its neighbours are not one surface."""


@dataclass(frozen=True)
class StructuredLight:
    """A camera that sees a pattern of dots from a projector beside it; the defaults are those of Microsoft's Kinect.

    Noise along the axis and across is that of Nguyen, Izadi & Lovell (2012), the step of disparity that of Khoshelham &
    Elberink (2012). There is no depth in the projector's shadow, at grazing angles, and where too little light comes
    back: from glass, and from black and shiny surfaces that are far or oblique.
    """

    baseline: float = 0.075
    """Metres from the camera to the projector at its right."""
    focal: float = 580.0
    """Focal length in pixels of the sensor, in which disparity and lateral noise are measured."""
    step: float = 1 / 8
    """Smallest step of disparity, in pixels of the sensor; 0 for none."""
    nearest: float = 0.5
    """Least depth, in metres."""
    farthest: float = 8.0
    """Largest depth, in metres."""
    steepest: float = 80.0
    """Largest angle between the ray and the surface's normal, in degrees."""
    faintest: float = 0.002
    """Least signal in which dots are found."""

    def depth(
        self, frames: Frame, semantic: NDArray[np.integer] | None, camera: Camera, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Measured depth, float32 (N, H, W) in metres, 0 where there is none, of exact frames (N, H, W, ...).

        semantic: class ids (N, H, W), for glass and shiny surfaces; None for none of them.
        """
        out = np.empty_like(frames["depth"])
        numbers = (self.baseline, self.focal, self.step, self.nearest, self.farthest, np.cos(np.radians(self.steepest)),
                   self.faintest, camera.focal)  # fmt: skip
        _structured_light(
            frames["depth"], frames["normals"], frames["rgb"], _classes(semantic, out), _rays(camera), light_table(),
            scattered_shares(), np.array(numbers, np.float32), _angle_table(), seeds(rng, len(out)), normal_table(),
            out,
        )  # fmt: skip
        return out


@dataclass(frozen=True)
class TimeOfFlight:
    """A camera that measures the phase of modulated light that comes back; the defaults are of a camera for rooms.

    The standard deviation of distance is that of Lange & Seitz (2001), c / (4 f) / sqrt(8) * sqrt(B) / A for the
    amplitude A and the offset B of the light, in electrons, in four exposures of half a period each. At edges a pixel
    sums the waves of two surfaces, and its depth lies between them: flying pixels (Sabov & Krueger 2008).
    """

    modulation: float = 20e6
    """Frequency of the light's modulation, in hertz; distances up to c / (2 f), 7.5 metres, are measured."""
    electrons: float = 3e5
    """Amplitude of white at one metre."""
    ambient: float = 1e4
    """Offset by other light."""
    nearest: float = 0.2
    """Least distance, in metres."""
    faintest: float = 0.001
    """Least signal that is not rejected."""
    mixing: float = 0.25
    """Part of the light of a pixel that comes from its four neighbours."""

    @property
    def farthest(self) -> float:
        """Largest distance without ambiguity, in metres."""
        return LIGHT_SPEED / (2 * self.modulation)

    def depth(
        self, frames: Frame, semantic: NDArray[np.integer] | None, camera: Camera, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """As StructuredLight's."""
        out = np.empty_like(frames["depth"])
        numbers = (self.farthest, self.electrons, self.ambient, self.nearest, self.faintest, self.mixing)
        _time_of_flight(
            frames["depth"], frames["normals"], frames["rgb"], _classes(semantic, out), _rays(camera), light_table(),
            scattered_shares(), np.array(numbers, np.float32), seeds(rng, len(out)), normal_table(), out,
        )  # fmt: skip
        return out


@cache
def _angle_table() -> NDArray[np.float32]:
    """Angles in radians by their cosine, float32: looked up, an angle costs a tenth."""
    return np.arccos(np.linspace(0, 1, _ANGLES)).astype(np.float32)


@lru_cache(8)
def _rays(camera: Camera) -> NDArray[np.float32]:
    """Unit vectors from the pixels' points to the camera, and the length of a ray of depth 1, float32 (H, W, 4)."""
    rays = camera.rays()
    length = np.linalg.norm(rays, axis=-1, keepdims=True)
    return np.concatenate([-rays / length, length], -1).astype(np.float32)


def _classes(semantic: NDArray[np.integer] | None, like: NDArray[np.float32]) -> NDArray[np.int16]:
    """Class ids in the dtype of the kernels."""
    return np.zeros(like.shape, np.int16) if semantic is None else np.ascontiguousarray(semantic, np.int16)


@inlined
def _reflectance(rgb, semantic, light, shares, frame, row, column):
    """Scattered part of the light, by the luma of the colour (ITU-R BT.709) and the class."""
    red, green, blue = rgb[frame, row, column, 0], rgb[frame, row, column, 1], rgb[frame, row, column, 2]
    luma = np.float32(0.2126) * light[red] + np.float32(0.7152) * light[green] + np.float32(0.0722) * light[blue]
    return luma * shares[np.uintp(semantic[frame, row, column])]


@inlined
def _cosine(normals, rays, frame, row, column):
    """Cosine of the angle between the normal and the way back along the ray."""
    x, y, z = rays[row, column, 0], rays[row, column, 1], rays[row, column, 2]
    nx, ny, nz = normals[frame, row, column, 0], normals[frame, row, column, 1], normals[frame, row, column, 2]
    return min(max(np.float32(0), nx * x + ny * y + nz * z), np.float32(1))


@partial(compiled, error_model="numpy")
def _structured_light(depth, normals, rgb, semantic, rays, light, shares, numbers, angles, frame_seeds, table, out):
    baseline, pixels, step, nearest, farthest, least, faintest, focal = numbers
    frames, height, width = depth.shape
    half, quarter, shift = np.float32(0.5), np.float32(np.pi / 2), focal * baseline
    scale = focal / pixels
    for frame in range(frames):
        for row in range(height):
            front = np.float32(np.inf)  # where the surfaces so far, from the right, lie in the projector's view
            for column in range(width - 1, -1, -1):
                out[frame, row, column] = 0
                own = depth[frame, row, column]
                projected = np.float32(column) - (shift / own if own > 0 else np.float32(0))
                shadowed = front <= projected
                front = min(front, projected)
                if shadowed or own <= 0:
                    continue
                cosine = _cosine(normals, rays, frame, row, column)
                if cosine < least:
                    continue
                angle = angles[np.uintp(np.int32(cosine * np.float32(_ANGLES - 1) + half))]
                ratio = angle / (quarter - angle)
                bits = hashed(frame_seeds[frame], row * width + column)
                across = (np.float32(0.8) + np.float32(0.035) * ratio) * scale
                r = int(np.floor(np.float32(row) + half + across * normal(table, bits, 0)))
                c = int(np.floor(np.float32(column) + half + across * normal(table, bits, 1)))
                r, c = min(max(r, 0), height - 1), min(max(c, 0), width - 1)
                z = depth[frame, r, c]
                if z < nearest or z > farthest:
                    continue
                distance = z * rays[r, c, 3]
                back = _reflectance(rgb, semantic, light, shares, frame, r, c)
                if back * cosine < faintest * distance * distance:
                    continue
                deviation = np.float32(0.0012) + np.float32(0.0019) * (z - np.float32(0.4)) * (z - np.float32(0.4))
                if angle > np.float32(np.pi / 3):
                    deviation += np.float32(0.0001) / np.sqrt(z) * ratio * ratio
                z += deviation * normal(table, bits, 2)
                if step > 0 and z > 0:
                    z = baseline * pixels / (max(np.float32(1), np.rint(baseline * pixels / z / step)) * step)
                out[frame, row, column] = max(z, np.float32(0))


@partial(compiled, error_model="numpy")
def _time_of_flight(depth, normals, rgb, semantic, rays, light, shares, numbers, frame_seeds, table, out):
    farthest, electrons, ambient, nearest, faintest, mixing = numbers
    frames, height, width = depth.shape
    zero, none = np.float32(0), np.float32(np.inf)
    scale = farthest / np.float32(2 * np.sqrt(8.0))
    turn = np.float32(2 * np.pi) / farthest
    for frame in range(frames):
        for row in range(height):
            up, down = max(row - 1, 0), min(row + 1, height - 1)  # beyond the rim, the pixel is its own neighbour
            for column in range(width):
                out[frame, row, column] = 0
                left, right = max(column - 1, 0), min(column + 1, width - 1)
                own = depth[frame, row, column]
                a, b = depth[frame, up, column], depth[frame, down, column]
                c, d = depth[frame, row, left], depth[frame, row, right]
                low, high = min(min(a, b), min(c, d)), max(max(a, b), max(c, d))
                length = rays[row, column, 3]
                mixed = mixing > 0 and max(own, high) - min(own, low) > np.float32(_EDGE) * high
                if mixed:
                    first = own if own > 0 else none
                    for near in (a, b, c, d):
                        first = min(first, near) if near > 0 else first
                    # waves of the pixel and of its neighbours, relative to the phase of the nearest surface
                    real, imaginary = zero, zero
                    for k in range(5):
                        r = row if k == 0 or k > 2 else (up if k == 1 else down)
                        s = column if k < 3 else (left if k == 3 else right)
                        z = depth[frame, r, s]
                        if z <= 0:
                            continue
                        share = np.float32(1) - mixing if k == 0 else np.float32(0.25) * mixing
                        back = _reflectance(rgb, semantic, light, shares, frame, r, s)
                        back *= share * _cosine(normals, rays, frame, r, s) / (z * z * length * length)
                        phase = turn * (z - first) * length
                        real += back * np.cos(phase)
                        imaginary += back * np.sin(phase)
                    signal = np.sqrt(real * real + imaginary * imaginary)
                    distance = first * length + np.arctan2(imaginary, real) / turn
                else:
                    distance = own * length
                    back = _reflectance(rgb, semantic, light, shares, frame, row, column)
                    signal = back * _cosine(normals, rays, frame, row, column) / (distance * distance)
                if not (own > 0 and signal >= faintest and nearest <= distance <= farthest):
                    continue
                amplitude = electrons * signal
                deviation = scale * np.sqrt(amplitude + ambient) / amplitude
                bits = hashed(frame_seeds[frame], row * width + column)
                out[frame, row, column] = max((distance + deviation * normal(table, bits, 0)) / length, zero)
