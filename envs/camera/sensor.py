"""From light to the bytes of a picture: exposure, white balance, noise, response curve, JPEG."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.jit import compiled
from .draws import hashed, normal, normal_table, seeds

_STEPS = 65536
"""Entries of a response curve, by light: twenty to a byte where sRGB is steepest."""


class SensorError(UserError):
    """A sensor that there cannot be."""


@dataclass(frozen=True)
class Sensor:
    """A colour sensor and what the camera makes of its signal; the default changes nothing.

    Light is linear, 0 to 1, where 1 is the brightest that an exact frame can show.
    """

    exposure: float = 0.0
    """Stops by which the picture is brighter: light is multiplied by 2 to this power, and cut off at 1."""
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factors of red, green and blue (von Kries's diagonal model), where the light's colour was guessed wrongly."""
    shot: float = 0.0
    """Variance of the signal by unit of light, `a` of Foi et al. (2008): 1 / electrons of a full pixel."""
    read: float = 0.0
    """Standard deviation of a dark pixel, the square root of their `b`."""
    response: tuple[float, ...] = ()
    """Coefficients of the generalised gamma curve of Ng, Chang & Tsui (2007): the value is light to the power of
    response[0] + response[1] * light + ...; () for the curve of sRGB."""
    jpeg: int = 0
    """Quality of JPEG, 1 to 100, with colours at half the resolution; 0 for none."""

    def __post_init__(self) -> None:
        if not 0 <= self.jpeg <= 100:
            raise SensorError(f"sensor: jpeg must be 1 to 100, or 0 for none, got {self.jpeg}")
        if self.shot < 0 or self.read < 0 or min(self.white_balance) <= 0:
            raise SensorError("sensor: shot and read must be 0 or more, and white_balance above 0")
        if self.response:
            curve = respond(np.linspace(0, 1, 257), self.response)
            if not (np.isfinite(curve).all() and curve[0] == 0 and (np.diff(curve) >= 0).all()):
                raise SensorError(f"sensor: the response {self.response} is not a curve that rises from 0 to 1")

    @property
    def exposes(self) -> bool:
        """Whether the bytes are not simply those of the light."""
        plain = (self.exposure, self.white_balance, self.shot, self.read, self.response) == (0, (1, 1, 1), 0, 0, ())
        return not plain

    def expose(
        self, light: NDArray[np.float32], illumination: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        """rgb, uint8 (N, H, W, 3), of linear light (N, H, W, 3) that reaches a pixel to a share (H, W)."""
        rgb = np.empty(light.shape, np.uint8)
        gains = (2.0**self.exposure * np.array(self.white_balance)).astype(np.float32)
        _expose(
            light, illumination, gains, np.float32(self.shot), np.float32(self.read**2), seeds(rng, len(light)),
            normal_table(), _curve(self.response), rgb,
        )  # fmt: skip
        return rgb

    def compress(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """rgb (N, H, W, 3) after JPEG (ITU-T T.81)."""
        out = np.empty_like(rgb)
        for number, one in enumerate(rgb):
            bgr = cv2.cvtColor(one, cv2.COLOR_RGB2BGR)
            data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, self.jpeg])[1]
            cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB, dst=out[number])
        return out


def respond(light: NDArray[np.float64], response: tuple[float, ...] = ()) -> NDArray[np.float64]:
    """Values 0 to 1 of linear light 0 to 1, by the curve of sRGB (IEC 61966-2-1), or that of `Sensor.response`."""
    if not response:
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
    power = np.polynomial.polynomial.polyval(light, response)
    with np.errstate(divide="ignore"):
        return np.asarray(light**power)


@cache
def light_table() -> NDArray[np.float32]:
    """Linear light of each byte of sRGB, float32 (256,): the inverse of `respond`."""
    value = np.arange(256) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


def linear(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear light of sRGB."""
    return np.asarray(cv2.LUT(rgb, light_table()))


@lru_cache(8)
def _curve(response: tuple[float, ...]) -> NDArray[np.uint8]:
    light = np.linspace(0, 1, _STEPS)
    return np.round(255 * respond(light, response)).astype(np.uint8)


@partial(compiled, error_model="numpy")
def _expose(light, illumination, gains, shot, dark, frame_seeds, table, curve, rgb):
    frames, height, width, _ = light.shape
    noisy, zero, one = shot > 0 or dark > 0, np.float32(0), np.float32(1)
    last, half = np.float32(len(curve) - 1), np.float32(0.5)
    for frame in range(frames):
        for row in range(height):
            for column in range(width):
                share = illumination[row, column]
                bits = hashed(frame_seeds[frame], row * width + column) if noisy else np.uint64(0)
                for channel in range(3):
                    signal = light[frame, row, column, channel] * share * gains[channel]
                    if noisy:
                        signal += np.sqrt(shot * signal + dark) * normal(table, bits, channel)
                    signal = min(max(signal, zero), one)
                    rgb[frame, row, column, channel] = curve[np.uintp(np.int32(signal * last + half))]
