"""Textures and colours for the kernels: pyramids of texels, their look-up, and the encoding of linear light.

Light is linear inside; albedo is decoded with a square and the picture is encoded through a table (gamma 2 and a
shoulder for highlights).
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cached, code_key
from ...core.jit import inlined
from ..scene import SOLID

MIP_SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
MIP_OFFSETS = tuple(sum(size * size for size in MIP_SIZES[:level]) for level in range(len(MIP_SIZES)))
"""Index of the first texel of each level in a texture's flat pyramid."""
ENCODE_MAX = 8.0
"""Linear light at the end of the encoding table."""


def mip_pyramid(textures: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> NDArray[np.uint32]:
    """uint32 (T, 21845), red in the lowest byte: each texture (128, 128, 3) and its halvings, level by level.

    Levels are averaged in linear light, over the solid texels only if there are holes (alpha, (T, 128, 128)), whose
    colour is undefined. Houses share one stack of textures, so the last pyramids are cached in memory and on disk.
    """
    solid = b"" if alpha is None else np.ascontiguousarray(alpha >= SOLID).tobytes()
    return _pyramid(np.ascontiguousarray(textures, np.uint8).tobytes(), solid)


@lru_cache(maxsize=2)
def _pyramid(content: bytes, solid: bytes) -> NDArray[np.uint32]:
    textures = np.frombuffer(content, np.uint8).reshape(-1, MIP_SIZES[0], MIP_SIZES[0], 3)
    size = sum(side * side for side in MIP_SIZES)
    there = np.frombuffer(solid, np.bool_).reshape(textures.shape[:3]) if solid else None
    code = code_key(__name__)
    if code is None:
        return _halved(textures, there)
    key = hashlib.sha256(code.encode() + content + solid).hexdigest()[:32]
    return cached("pyramids", key, (len(textures), size), np.uint32, lambda: _halved(textures, there))


def _halved(textures: NDArray[np.uint8], solid: NDArray[np.bool_] | None) -> NDArray[np.uint32]:
    level = textures.astype(np.float32) ** 2
    levels = [textures.reshape(len(textures), -1, 3)]
    if solid is not None and not solid.all():
        level = _filled(level, solid)
        levels = [np.round(np.sqrt(level)).astype(np.uint8).reshape(len(textures), -1, 3)]
    for size in MIP_SIZES[1:]:
        level = level.reshape(len(textures), size, 2, size, 2, 3).mean(axis=(2, 4))
        levels.append(np.round(np.sqrt(level)).astype(np.uint8).reshape(len(textures), -1, 3))
    red, green, blue = np.moveaxis(np.concatenate(levels, axis=1).astype(np.uint32), -1, 0)
    return np.ascontiguousarray(red | green << 8 | blue << 16)


def _filled(light: NDArray[np.float32], solid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Light (T, side, side, 3) with each hole filled by the mean of the solid texels around it, at the finest level
    with any."""
    side = light.shape[1]
    if side == 1:
        return light
    weight = solid.reshape(len(light), side // 2, 2, side // 2, 2).sum(axis=(2, 4))
    total = (light * solid[..., None]).reshape(len(light), side // 2, 2, side // 2, 2, 3).sum(axis=(2, 4))
    coarse = _filled((total / np.maximum(weight, 1)[..., None]).astype(np.float32), weight > 0)
    return np.where(solid[..., None], light, coarse.repeat(2, axis=1).repeat(2, axis=2))


@inlined
def texel_colour(texels, texture, u, v, spread):
    """Linear red, green and blue of a texture at (u, v) repeats; a pixel spans `spread` texels of the finest level."""
    one = np.float32(1.0)
    level = 0
    while spread > np.float32(1.5) and level < 7:
        spread *= np.float32(0.5)
        level += 1
    size = 128 >> level
    mask = size - 1
    offset = MIP_OFFSETS[level]
    fx, fy = u * np.float32(size) - np.float32(0.5), v * np.float32(size) - np.float32(0.5)
    floor_x, floor_y = np.floor(fx), np.floor(fy)
    fx -= floor_x
    fy -= floor_y
    x0, y0 = np.int64(floor_x) & mask, np.int64(floor_y) & mask
    x1, y1 = (x0 + 1) & mask, (y0 + 1) & mask
    y0, y1 = offset + y0 * size, offset + y1 * size
    number = np.uintp(texture)
    a, b = texels[number, np.uintp(y0 + x0)], texels[number, np.uintp(y0 + x1)]
    c, d = texels[number, np.uintp(y1 + x0)], texels[number, np.uintp(y1 + x1)]
    # by 1/255, since the texels are whole numbers up to 255
    upper, lower = (one - fy) * np.float32(1 / 255), fy * np.float32(1 / 255)
    qa, qb, qc, qd = (one - fx) * upper, fx * upper, (one - fx) * lower, fx * lower
    red = qa * _byte(a, 0) + qb * _byte(b, 0) + qc * _byte(c, 0) + qd * _byte(d, 0)
    green = qa * _byte(a, 8) + qb * _byte(b, 8) + qc * _byte(c, 8) + qd * _byte(d, 8)
    blue = qa * _byte(a, 16) + qb * _byte(b, 16) + qc * _byte(c, 16) + qd * _byte(d, 16)
    return red * red, green * green, blue * blue


@inlined
def _byte(word, shift):
    return np.float32((np.int32(word) >> shift) & 255)


@inlined
def encoded(table, light):
    """The 8-bit value of linear light, 0 or more."""
    scale = np.float32((table.shape[0] - 1) / np.sqrt(ENCODE_MAX))
    return table[np.uintp(min(table.shape[0] - 1, np.int64(np.sqrt(light) * scale + np.float32(0.5))))]


def encoding_table(exposure: float, shoulder: float = 0.6) -> NDArray[np.uint8]:
    """uint8 (4096,) by sqrt(linear / ENCODE_MAX): exposed, straight up to `shoulder`, then bending towards 1."""
    linear = ENCODE_MAX * np.linspace(0.0, 1.0, 4096) ** 2 * exposure
    room = 1 - shoulder
    bent = np.where(linear > shoulder, 1 - room * np.exp(-(np.maximum(linear, shoulder) - shoulder) / room), linear)
    result: NDArray[Any] = np.round(255 * np.sqrt(bent)).astype(np.uint8)
    return result
