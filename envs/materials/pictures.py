"""Pictures and rugs, drawn from a few motifs in matching palettes.

Each is float64 (N, N, 3) sRGB in 0..1, not periodic: it spans its frame, or the rug, once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..scene import TEXTURE_SIZE

Image = NDArray[np.float64]
_Y, _X = (np.mgrid[0:TEXTURE_SIZE, 0:TEXTURE_SIZE] + 0.5) / TEXTURE_SIZE

_PALETTES = np.array(
    [  # ground, light, middle, dark, accent
        [(0.93, 0.89, 0.80), (0.83, 0.70, 0.52), (0.62, 0.45, 0.33), (0.27, 0.22, 0.22), (0.76, 0.34, 0.22)],
        [(0.90, 0.91, 0.90), (0.66, 0.77, 0.82), (0.35, 0.51, 0.62), (0.14, 0.23, 0.34), (0.90, 0.67, 0.30)],
        [(0.92, 0.91, 0.84), (0.70, 0.76, 0.60), (0.42, 0.54, 0.40), (0.18, 0.27, 0.24), (0.82, 0.50, 0.36)],
        [(0.95, 0.90, 0.86), (0.88, 0.72, 0.66), (0.68, 0.42, 0.42), (0.32, 0.20, 0.28), (0.36, 0.50, 0.54)],
        [(0.94, 0.93, 0.91), (0.78, 0.77, 0.75), (0.50, 0.50, 0.50), (0.16, 0.16, 0.17), (0.80, 0.22, 0.18)],
    ]
)


def _ridge(rng: np.random.Generator, height: float, rough: float) -> Image:
    """The height of a line of hills over each column, as a row coordinate."""
    waves = [rough / k * np.sin(2 * np.pi * (k * _X * rng.uniform(0.5, 1.2) + rng.random())) for k in (1, 2, 4, 7)]
    line: Image = height + np.sum(waves, axis=0)
    return line


def _landscape(rng: np.random.Generator, colours: Image) -> Image:
    """Sky with a low sun, three lines of hills, darker the nearer."""
    sky = colours[0] * (1 - _Y[..., None]) + (0.4 * colours[0] + 0.6 * colours[1]) * _Y[..., None]
    sun = np.hypot(_X - rng.uniform(0.25, 0.75), _Y - rng.uniform(0.22, 0.4)) < rng.uniform(0.06, 0.11)
    image = np.where(sun[..., None], colours[4], sky)
    for k, height in enumerate((0.48, 0.64, 0.82)):
        tone = (colours[1] * (2 - k) + colours[3] * k) / 2 if k != 1 else colours[2]
        image = np.where((_ridge(rng, height, 0.05) < _Y)[..., None], tone, image)
    return image


def _sea(rng: np.random.Generator, colours: Image) -> Image:
    """A horizon, water with glints and a boat."""
    horizon = rng.uniform(0.42, 0.58)
    deep = np.clip((_Y - horizon) / (1 - horizon), 0, 1)[..., None]
    water = colours[1] * (1 - deep) + colours[2] * deep
    glints = np.sin(2 * np.pi * (22 * _Y + 0.6 * np.sin(2 * np.pi * (3 * _X + 5 * _Y)))) > 0.86
    image = np.where((horizon > _Y)[..., None], colours[0] * (0.9 + 0.1 * _Y[..., None]), water)
    image = np.where((glints & (horizon + 0.03 < _Y))[..., None], colours[0], image)
    x = rng.uniform(0.3, 0.7)
    rise = horizon + 0.05 - _Y
    sail = (np.abs(_X - x - 0.02) < 0.10 * (1 - rise / 0.28)) & (rise > 0.02) & (rise < 0.28)
    hull = (np.abs(_X - x) < 0.13 + rise) & (rise < 0.015) & (rise > -0.03)
    return np.where(hull[..., None], colours[3], np.where(sail[..., None], colours[4], image))


def _still_life(rng: np.random.Generator, colours: Image) -> Image:
    """A vase with flowers on a table."""
    image = np.where((_Y > 0.78)[..., None], colours[2], colours[0] * (1 - 0.15 * _Y[..., None]))
    stem = (np.abs(_X - 0.5 - 0.1 * np.sin(5 * _Y)) < 0.012) & (_Y > 0.3) & (_Y < 0.6)
    image = np.where(stem[..., None], colours[3], image)
    for _ in range(9):
        x, y, r = rng.uniform(0.28, 0.72), rng.uniform(0.16, 0.44), rng.uniform(0.05, 0.10)
        away = np.hypot(_X - x, _Y - y)
        petal = r * (0.8 + 0.2 * np.cos(6 * np.arctan2(_Y - y, _X - x)))
        tone = colours[4] if rng.random() < 0.6 else colours[1]
        image = np.where((away < petal)[..., None], tone, image)
        image = np.where((away < 0.3 * r)[..., None], colours[3], image)
    width = 0.07 + 0.09 * np.sin(np.pi * np.clip((_Y - 0.52) / 0.36, 0, 1)) ** 1.5
    vase = (np.abs(_X - 0.5) < width) & (_Y > 0.52) & (_Y < 0.88)
    shade = (0.75 + 0.35 * np.clip((0.5 - _X) / 0.16 + 0.5, 0, 1))[..., None]
    return np.where(vase[..., None], (0.5 * colours[2] + 0.5 * colours[3]) * shade, image)


def _fields(rng: np.random.Generator, colours: Image) -> Image:
    """Rectangles between dark bars, one of them bright."""
    image = np.broadcast_to(colours[0], (*_X.shape, 3)).copy()
    xs, ys = (np.sort(rng.uniform(0.12, 0.88, 3)) for _ in range(2))
    column, row = np.searchsorted(xs, _X), np.searchsorted(ys, _Y)
    tone = rng.choice([0, 0, 1, 1, 2, 4], (4, 4))
    tone[rng.integers(4), rng.integers(4)] = 4
    image[:] = colours[tone[row, column]]
    bars = np.min(np.abs(_X[..., None] - xs), -1) < 0.014
    bars |= np.min(np.abs(_Y[..., None] - ys), -1) < 0.014
    return np.where(bars[..., None], colours[3], image)


def _discs(rng: np.random.Generator, colours: Image) -> Image:
    """Overlapping discs and a bow on a plain ground."""
    image = np.broadcast_to(colours[0], (*_X.shape, 3)).copy()
    for tone in (1, 2, 4, 3):
        x, y, r = rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75), rng.uniform(0.10, 0.27)
        away = np.hypot(_X - x, _Y - y)
        part = (away < r) if tone != 2 else (away < 1.2 * r) & (x > _X)
        image = np.where(part[..., None], colours[tone], image)
    return image


def _portrait(rng: np.random.Generator, colours: Image) -> Image:
    """Head and shoulders before a ground."""
    image = np.broadcast_to(colours[2] * 0.9, (*_X.shape, 3)) * (1.1 - 0.3 * np.hypot(_X - 0.4, _Y - 0.35))[..., None]
    skin = np.array((0.86, 0.68, 0.55)) * rng.uniform(0.55, 1.05)
    shoulders = np.hypot((_X - 0.5) / 0.38, (_Y - 1.02) / 0.36) < 1
    hair = np.hypot((_X - 0.5) / 0.19, (_Y - 0.40) / 0.24) < 1
    neck = (np.abs(_X - 0.5) < 0.06) & (_Y > 0.5) & (_Y < 0.72)
    face = np.hypot((_X - 0.5) / 0.13, (_Y - 0.43) / 0.18) < 1
    for mask, tone in ((hair, colours[3]), (shoulders, colours[4]), (neck, skin * 0.85), (face, skin)):
        image = np.where(mask[..., None], tone, image)
    eyes = (np.abs(np.abs(_X - 0.5) - 0.05) < 0.018) & (np.abs(_Y - 0.41) < 0.012)
    mouth = (np.abs(_X - 0.5) < 0.035) & (np.abs(_Y - 0.53) < 0.010)
    return np.where(eyes[..., None], 0.15, np.where(mouth[..., None], (0.6, 0.25, 0.25), image))


_MOTIFS = (_landscape, _still_life, _fields, _sea, _discs, _portrait)


def picture(rng: np.random.Generator, number: int) -> Image:
    """The picture of that number: motifs by turns, each time in another palette."""
    colours = _PALETTES[(2 * number + number // len(_MOTIFS)) % len(_PALETTES)]
    image = _MOTIFS[number % len(_MOTIFS)](rng, colours)
    strokes = 0.02 * rng.standard_normal((TEXTURE_SIZE // 2, TEXTURE_SIZE // 2)).repeat(2, 0).repeat(2, 1)
    return np.clip(image + strokes[..., None], 0, 1)


_RUGS = np.array(
    [  # field, border, ornament, line
        [(0.58, 0.19, 0.18), (0.17, 0.20, 0.33), (0.82, 0.68, 0.48), (0.90, 0.84, 0.70)],
        [(0.22, 0.30, 0.43), (0.72, 0.63, 0.50), (0.84, 0.80, 0.70), (0.55, 0.25, 0.20)],
        [(0.82, 0.77, 0.67), (0.52, 0.44, 0.36), (0.63, 0.53, 0.42), (0.93, 0.91, 0.85)],
    ]
)


def rug(rng: np.random.Generator, number: int) -> Image:
    """A rug with a border: a medallion among lozenges, chequered diamonds, or stripes, by turns."""
    field, border, ornament, line = _RUGS[(number + number // 3) % len(_RUGS)]
    rim = np.minimum(np.minimum(_X, 1 - _X), np.minimum(_Y, 1 - _Y))
    x, y = np.abs(_X - 0.5), np.abs(_Y - 0.5)
    kind = number % 3
    if kind == 0:
        lozenge = (x * 1.3 + y) % 0.16 < 0.05
        image = np.where(lozenge[..., None], ornament, field)
        middle = np.hypot(x * 1.2, y) * (1 + 0.10 * np.cos(8 * np.arctan2(y, x)))
        for radius, tone in ((0.25, border), (0.21, ornament), (0.17, field), (0.08, line)):
            image = np.where((middle < radius)[..., None], tone, image)
    elif kind == 1:
        u, v = (_X + _Y) * 7, (_X - _Y) * 7
        image = np.where(((np.floor(u) + np.floor(v)) % 2 == 0)[..., None], field, ornament)
        image = np.where(((np.abs(u % 1 - 0.5) < 0.14) & (np.abs(v % 1 - 0.5) < 0.14))[..., None], line, image)
    else:
        stripe = (_Y * 11).astype(int)
        tones = np.stack([field, ornament, field, border, line])
        image = tones[np.array([0, 1, 0, 2, 3, 0, 4, 0, 3, 1, 0])[stripe]]
    motif = np.abs(((_X + _Y) * 14) % 1 - 0.5) < 0.22
    band = np.where(motif[..., None], ornament, border)
    image = np.where((rim < 0.115)[..., None], band, image)
    for inner, outer in ((0.0, 0.022), (0.10, 0.118)):
        image = np.where(((rim >= inner) & (rim < outer))[..., None], line if inner else border, image)
    return np.clip(image * (1 + 0.05 * rng.standard_normal(_X.shape))[..., None], 0, 1)
