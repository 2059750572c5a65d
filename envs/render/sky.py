"""The background panorama, seen through windows and around a scene, lit by the scene's sun."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cached_by_code
from ...core.jit import inlined

if TYPE_CHECKING:
    from ..scene import Scene

ROWS, COLUMNS = 192, 1024
"""Size of the panorama; `sky_light` defines the heights of its rows."""
ZENITH, HORIZON = (0.26, 0.50, 0.92), (0.88, 0.95, 1.00)
LAWN, GROUND = (0.40, 0.50, 0.20), (0.46, 0.44, 0.30)
"""Linear colours: sky straight up and low, and the ground far away and at the foot of the house."""
NIGHT = 0.35
"""Share of the sky's light that is not the sun's."""


def sky_panorama(scene: Scene) -> NDArray[np.float32]:
    """float32 (rows, columns, 3), linear: sky with clouds, trees and lawn around a house; a bare sky around a scan."""
    from ..scene import DirectionalLight

    picture = _country() if scene.rooms else _bare()
    suns = [light.rgb for light in scene.lights if isinstance(light, DirectionalLight)]
    if suns:
        picture = picture * (NIGHT + (1 - NIGHT) * np.minimum(np.sum(suns, axis=0), 1.5))
    return np.ascontiguousarray(picture, np.float32)


def _sines(rows: int) -> NDArray[np.float64]:
    """(rows, 1): sine of each row's height above the horizon."""
    height = 1 - 2 * np.arange(rows)[:, None] / (rows - 1)
    return np.sign(height) * height**2


def _mixed(share: NDArray[np.float64], low: object, high: object) -> NDArray[np.float64]:
    return (1 - share[..., None]) * np.asarray(low) + share[..., None] * np.asarray(high)


def _bare() -> NDArray[np.float32]:
    return _mixed(np.clip(2 * _sines(ROWS), 0, 1), HORIZON, ZENITH).astype(np.float32)


@lru_cache(maxsize=1)
def _country() -> NDArray[np.float32]:
    picture = cached_by_code("sky", __name__, (ROWS, COLUMNS, 3), np.float32, _painted)
    picture.flags.writeable = False
    return picture


def _painted() -> NDArray[np.float32]:
    rng = np.random.default_rng(48)
    sine = _sines(ROWS)
    sky = _mixed(np.clip(1.6 * sine, 0, 1) ** 0.7 * np.ones((1, COLUMNS)), HORIZON, ZENITH)
    # clouds on a plane far above: rows that draw together towards the horizon
    stretch = _noise(rng, (ROWS, COLUMNS), 14, 60) + 0.5 * _noise(rng, (ROWS, COLUMNS), 4, 14)
    cover = np.clip(0.55 * stretch - 0.25, 0, 0.85) * np.clip(4 * sine, 0, 1)
    sky = sky * (1 - cover[..., None]) + cover[..., None] * np.array([0.95, 0.96, 0.98])
    ground = _mixed(np.clip(-1.8 * sine, 0, 1) * np.ones((1, COLUMNS)), LAWN, GROUND)
    ground *= 1 + 0.08 * _noise(rng, (ROWS, COLUMNS), 2, 6)[..., None]
    # far hills, and the crowns of trees and bushes before them; heights are sines
    hills = 0.022 + 0.009 * _line(rng, 90)
    crowns = 0.028 + 0.026 * _line(rng, 24) + 0.009 * _line(rng, 5) + 0.003 * _line(rng, 1)
    leaves = np.array([0.15, 0.26, 0.09]) * (1 + 0.35 * _noise(rng, (ROWS, COLUMNS), 2, 3))[..., None]
    leaves *= 0.65 + 0.6 * np.clip(sine / 0.07, 0, 1)[..., None]
    picture = np.where((sine < 0)[..., None], ground, sky)
    picture = np.where(((sine >= -0.002) & (sine < hills))[..., None], (0.46, 0.58, 0.60), picture)
    picture = np.where(((sine >= -0.012) & (sine < crowns))[..., None], np.clip(leaves, 0.01, 1), picture)
    return picture.astype(np.float32)


def _noise(rng: np.random.Generator, shape: tuple[int, int], down: float, across: float) -> NDArray[np.float64]:
    """Noise of mean 0 and deviation 1 that repeats around the panorama, of features of about that many texels."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None] * down, np.fft.fftfreq(shape[1])[None, :] * across)
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * np.exp(-2 * frequency**2)).real
    field -= field.mean()
    scaled: NDArray[np.float64] = field / (field.std() + 1e-9)
    return scaled


def _line(rng: np.random.Generator, across: float) -> NDArray[np.float64]:
    return _noise(rng, (1, COLUMNS), 1, across)


@inlined
def sky_light(sky, dx, dy, dz):
    """Linear colour of the background in a direction: bilinear on its panorama, north (-z) in the middle.

    Rows go by the root of the sine above or below the horizon, so that most of them are near it, where the detail is.
    """
    one, half = np.float32(1.0), np.float32(0.5)
    rows, columns = sky.shape[0], sky.shape[1]
    sine = dy / np.sqrt(dx * dx + dy * dy + dz * dz)
    height = np.sqrt(abs(sine)) if sine > 0 else -np.sqrt(abs(sine))
    y = (half - half * height) * np.float32(rows - 1)
    x = (half + np.float32(np.arctan2(dx, -dz)) * np.float32(0.5 / np.pi)) * np.float32(columns)
    row, column = min(np.int64(y), rows - 2), np.int64(x)
    fy, fx = y - np.float32(row), x - np.float32(column)
    p, q = column % columns, (column + 1) % columns
    a, b, c, d = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    return (
        a * sky[row, p, 0] + b * sky[row, q, 0] + c * sky[row + 1, p, 0] + d * sky[row + 1, q, 0],
        a * sky[row, p, 1] + b * sky[row, q, 1] + c * sky[row + 1, p, 1] + d * sky[row + 1, q, 1],
        a * sky[row, p, 2] + b * sky[row, q, 2] + c * sky[row + 1, p, 2] + d * sky[row + 1, q, 2],
    )
