"""Procedural textures: one fixed stack, computed once and cached on disk, the same in every process.

Material textures are near white, since they are multiplied with a colour; pictures, books, screens and the sky have
their own colours. All are seamless.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cached_by_code
from ..scene import TEXTURE_SIZE
from .pictures import picture, rug

Grey = NDArray[np.float64]
N = TEXTURE_SIZE
_ROW, _COLUMN = np.mgrid[0:N, 0:N] / N  # texture coordinates, 0 to 1


def _random(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _noise(rng: np.random.Generator, across: float, down: float, roughness: float = 1.0) -> Grey:
    """Periodic noise of mean 0 and deviation 1 whose features span about `across` x `down` texels."""
    frequency = np.hypot(np.fft.fftfreq(N)[:, None] * down, np.fft.fftfreq(N)[None, :] * across)
    field = np.fft.ifft2(np.fft.fft2(rng.standard_normal((N, N))) / (1.0 + frequency * 2 * np.pi) ** (2 * roughness))
    real = field.real - field.real.mean()
    return real / (real.std() + 1e-9)


def _cells(rows: int, columns: int, shift: float) -> tuple[NDArray[np.int64], Grey]:
    """Number of each texel's brick, and its distance to the joint in texels; odd rows are shifted."""
    row = (_ROW * rows).astype(int)
    along = _COLUMN * columns + shift * (row % 2)
    column = along.astype(int) % columns
    inside = np.stack(
        [(_ROW * rows) % 1 / rows, (1 - (_ROW * rows) % 1) / rows, along % 1 / columns, (1 - along % 1) / columns]
    )
    return row * columns + column, inside.min(0) * N


def _bricks(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    shift: float,
    spread: float,
    joint: float,
    joint_width: float = 1.0,
) -> Grey:
    cell, edge = _cells(rows, columns, shift)
    tone = 1 - spread * rng.random(rows * columns)[cell]
    return np.where(edge < joint_width, joint, tone)


def _grain(rng: np.random.Generator, strength: float) -> Grey:
    """Wood grain along the columns."""
    warp = _noise(rng, 60, 30)
    rings = np.sin(2 * np.pi * (6 * _ROW + 0.35 * warp))
    return strength * (0.4 * rings + 0.8 * _noise(rng, 40, 1.2))


def _planks(rng: np.random.Generator) -> Grey:
    """Floor boards along the columns, eight of them, with joints at different places."""
    board = (_ROW * 8).astype(int)
    start = rng.random(8)[board]
    along = (_COLUMN + start) % 1.0
    half = (along * 2).astype(int)
    tone = 0.86 + 0.14 * rng.random((8, 2))[board, half]
    edge = np.minimum((_ROW * 8) % 1, 1 - (_ROW * 8) % 1) / 8 * N
    end = np.minimum(along * 2 % 1, 1 - along * 2 % 1) / 2 * N
    return np.where((edge < 0.6) | (end < 0.6), 0.6, tone + 0.03 * _grain(rng, 1.0))


def _parquet(rng: np.random.Generator) -> Grey:
    """Square blocks of four staves, turned by turns."""
    row, column = (_ROW * 4).astype(int), (_COLUMN * 4).astype(int)
    along = np.where((row + column) % 2 == 0, _ROW, _COLUMN)
    stave = (along * 16).astype(int) % 4
    tone = 0.84 + 0.16 * rng.random((4, 4, 4))[row, column, stave]
    edge = np.minimum(along * 16 % 1, 1 - along * 16 % 1)
    return np.where(edge < 0.08, 0.66, tone + 0.02 * _noise(rng, 4, 4))


def _veins(rng: np.random.Generator) -> Grey:
    vein = np.abs(np.sin(2 * np.pi * (_COLUMN + _ROW) + 2.4 * _noise(rng, 40, 40)))
    return 0.96 - 0.22 * np.exp(-vein * 9) + 0.02 * _noise(rng, 16, 16)


def _weave(rng: np.random.Generator, count: int, depth: float) -> Grey:
    over = np.sin(2 * np.pi * count * _ROW) * np.sin(2 * np.pi * count * _COLUMN)
    return 0.95 + depth * over + 0.015 * _noise(rng, 2, 2)


def _checker(rows: int, columns: int, dark: float) -> Grey:
    return np.where(((_ROW * rows).astype(int) + (_COLUMN * columns).astype(int)) % 2 == 0, 1.0, dark)


def _stripes(count: int, dark: float) -> Grey:
    return np.where((_COLUMN * count) % 1 < 0.5, 1.0, dark)


def _trellis(rng: np.random.Generator) -> Grey:
    """Wallpaper: a lattice of bowed lozenges."""
    bow = 0.12 * np.sin(4 * np.pi * _ROW)
    line = np.minimum(
        np.abs((4 * _COLUMN + bow + 4 * _ROW) % 1 - 0.5), np.abs((4 * _COLUMN - bow - 4 * _ROW) % 1 - 0.5)
    )
    return 0.97 - 0.09 * np.clip(1.4 - line / 0.07, 0, 1) + 0.006 * _noise(rng, 2, 2)


def _sprigs(rng: np.random.Generator) -> Grey:
    """Wallpaper: small flowers in staggered rows."""
    y = _ROW * 4
    x = _COLUMN * 4 + 0.5 * (y.astype(int) % 2)
    away, turn = np.hypot(x % 1 - 0.5, y % 1 - 0.5), np.arctan2(y % 1 - 0.5, x % 1 - 0.5)
    flower = away < 0.2 * (0.75 + 0.25 * np.cos(5 * turn))
    return np.where(flower, 0.87, 0.97) + 0.006 * _noise(rng, 2, 2)


def _text(rng: np.random.Generator) -> Grey:
    """Lines of print: dark words in rows."""
    line = (_ROW * 16).astype(int)
    word = rng.random((16, 32))[line, (_COLUMN * 32).astype(int)] > 0.25
    return np.where(((_ROW * 16) % 1 < 0.5) & word & (_COLUMN > 0.08) & (_COLUMN < 0.92), 0.35, 0.97)


def _keys(rng: np.random.Generator) -> Grey:
    _, edge = _cells(5, 12, 0.5)
    return np.where(edge < 1.2, 0.35, 1.0) + 0.0 * rng.random()


def _books(rng: np.random.Generator) -> NDArray[np.float64]:
    """Book spines side by side, of several widths, in the muted colours of cloth and card, with their titles."""
    edges = np.cumsum(rng.uniform(0.7, 1.5, 14))
    edges = edges / edges[-1]
    spine = np.searchsorted(edges, _COLUMN, side="right").clip(max=13)
    start = np.concatenate([[0.0], edges])
    across = (_COLUMN - start[spine]) / (start[spine + 1] - start[spine])
    covers = np.array(_COVERS)[rng.integers(len(_COVERS), size=14)] * rng.uniform(0.8, 1.1, (14, 1))
    picture = covers[spine] * (0.72 + 0.28 * np.sin(np.pi * np.clip(across, 0.04, 0.96)))[..., None]
    ink = np.where(covers.mean(1, keepdims=True) < 0.5, (0.90, 0.82, 0.58), (0.20, 0.16, 0.14))[spine]
    low = rng.uniform(0.2, 0.4, 14)[spine]
    title = (low < _ROW) & (low + 0.3 > _ROW) & (np.abs(across - 0.5) < 0.16)
    band = (np.abs(_ROW - 0.5 * low) < 0.018) | (np.abs(_ROW - 1 + 0.4 * low) < 0.018)
    return np.where((title | band)[..., None], ink, picture)


_COVERS = (
    (0.56, 0.17, 0.15), (0.15, 0.26, 0.42), (0.17, 0.36, 0.28), (0.78, 0.62, 0.30), (0.22, 0.20, 0.22),
    (0.68, 0.40, 0.22), (0.40, 0.27, 0.44), (0.83, 0.79, 0.70), (0.32, 0.50, 0.56), (0.90, 0.88, 0.84),
)  # fmt: skip


def _screen(rng: np.random.Generator) -> NDArray[np.float64]:
    """A desktop with a few windows."""
    picture = np.stack([0.1 + 0.1 * _ROW, 0.25 + 0.2 * _ROW, 0.5 + 0.2 * (1 - _ROW)], -1)
    for left, top in ((0.08, 0.1), (0.4, 0.35)):
        window = (left < _COLUMN) & (left + 0.5 > _COLUMN) & (top < _ROW) & (top + 0.5 > _ROW)
        picture[window] = 0.93
        picture[window & (top + 0.06 > _ROW)] = (0.35, 0.4, 0.5)
        picture[window & ((_ROW * 24) % 1 < 0.4) & (rng.random((N, N)) > 0.3) & (top + 0.1 < _ROW)] = 0.45
    return picture


def _sky(rng: np.random.Generator) -> NDArray[np.float64]:
    """View from a window: sky with clouds above, trees below; periodic horizontally only, since it is never tiled
    vertically."""
    height = _ROW[..., None]
    picture = (1 - height) * np.array([0.50, 0.71, 0.95]) + height * np.array([0.86, 0.93, 0.98])
    cloud = np.clip(0.55 * _noise(rng, 40, 14) - 0.1, 0, 0.8)[..., None]
    picture = picture * (1 - cloud) + cloud
    hills = 0.80 + 0.03 * np.sin(2 * np.pi * (_COLUMN * 2)) + 0.02 * np.sin(2 * np.pi * (_COLUMN * 7 + 0.3))
    leaves = np.array([0.33, 0.47, 0.27]) * (1 + 0.12 * _noise(rng, 3, 3)[..., None])
    return np.where((hills < _ROW)[..., None], leaves, picture)


def _motif(rng: np.random.Generator) -> NDArray[np.float64]:
    """A printed fabric: dots, stripes or zigzag of two tones and one accent."""
    kind = int(rng.integers(3))
    accent = rng.uniform(0.35, 1.0, 3)
    if kind == 0:
        hit = np.hypot((_ROW * 6) % 1 - 0.5, (_COLUMN * 6) % 1 - 0.5) < 0.3
    elif kind == 1:
        hit = (_ROW * 6) % 1 < 0.4
    else:
        hit = (_ROW * 5 + np.abs((_COLUMN * 5) % 1 - 0.5)) % 1 < 0.45
    return np.where(hit[..., None], accent, 1.0) * _weave(rng, 32, 0.03)[..., None]


PICTURES, MOTIFS, BOOK_ROWS, RUGS = 18, 6, 4, 6

_MAKERS: dict[str, Callable[[np.random.Generator], NDArray[np.float64]]] = {
    "wood": lambda r: 0.9 + 0.07 * _grain(r, 1.0),
    "planks": _planks,
    "parquet": _parquet,
    "tiles": lambda r: _bricks(r, 4, 4, 0.0, 0.07, 0.62, 1.3) + 0.012 * _noise(r, 6, 6),
    "small tiles": lambda r: _bricks(r, 10, 10, 0.0, 0.16, 0.7, 0.9),
    "subway": lambda r: _bricks(r, 10, 5, 0.5, 0.07, 0.7, 0.9),
    "brick": lambda r: _bricks(r, 10, 4, 0.5, 0.24, 0.55, 1.1) + 0.015 * _noise(r, 3, 3),
    "checker": lambda r: _checker(4, 4, 0.3) + 0.01 * _noise(r, 4, 4),
    "marble": _veins,
    "granite": lambda r: np.where(_noise(r, 2, 2) > 1.7, 0.7, 0.92 + 0.03 * _noise(r, 1.5, 1.5, 0.6)),
    "plaster": lambda r: 0.97 + 0.008 * _noise(r, 2, 2, 0.7),
    "concrete": lambda r: 0.93 + 0.018 * _noise(r, 30, 30) + 0.02 * _noise(r, 2, 2),
    "wallpaper": lambda r: _stripes(8, 0.92) + 0.008 * _noise(r, 3, 3),
    "trellis": _trellis,
    "sprigs": _sprigs,
    "carpet": lambda r: 0.86 + 0.08 * _noise(r, 1.5, 1.5, 0.7),
    "fabric": lambda r: _weave(r, 32, 0.06),
    "wicker": lambda r: _weave(r, 12, 0.22) - 0.06,
    "leather": lambda r: 0.9 + 0.05 * _noise(r, 4, 4, 1.2),
    "brushed": lambda r: 0.92 + 0.04 * _noise(r, 60, 1),
    "hammered": lambda r: 0.9 + 0.06 * _noise(r, 6, 6, 1.5),
    "speckle": lambda r: np.where(_noise(r, 2.5, 2.5) > 1.6, 0.6, 0.97),
    "leaf": lambda r: 0.86 + 0.12 * np.cos(2 * np.pi * _COLUMN) + 0.04 * _noise(r, 2, 8),
    "crust": lambda r: 0.88 + 0.1 * _noise(r, 8, 8),
    "text": _text,
    "keys": _keys,
    "screen": _screen,
    "sky": _sky,
    **{f"books {k}": _books for k in range(BOOK_ROWS)},
    **{f"picture {k}": partial(picture, number=k) for k in range(PICTURES)},
    **{f"rug {k}": partial(rug, number=k) for k in range(RUGS)},
    **{f"motif {k}": _motif for k in range(MOTIFS)},
}

TEXTURE_ID: dict[str, int] = {name: i for i, name in enumerate(_MAKERS)}
"""Index of each texture in the stack, by name."""


@lru_cache(maxsize=1)
def texture_stack() -> NDArray[np.uint8]:
    """All textures, uint8 (T, 128, 128, 3) sRGB, read-only; computed on first use, and cached on disk."""
    stack = cached_by_code("textures", __name__, (len(_MAKERS), N, N, 3), np.uint8, _make_all)
    stack.flags.writeable = False
    return stack


def _make_all() -> NDArray[np.uint8]:
    stack = np.empty((len(_MAKERS), N, N, 3), np.uint8)
    for i, (name, make) in enumerate(_MAKERS.items()):
        image = make(_random(name))
        stack[i] = np.rint(np.clip(image if image.ndim == 3 else image[..., None], 0, 1) * 255)
    return stack
