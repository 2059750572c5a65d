"""Textures and the encoding of colours, against plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from testspace.envs.render.texels import ENCODE_MAX, MIP_OFFSETS, MIP_SIZES, encoding_table, mip_pyramid, texel_colour

TEXTURES = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), np.uint8)


def unpacked(texels: np.ndarray) -> np.ndarray:
    """(..., 3) bytes of packed texels."""
    return np.stack([texels & 255, texels >> 8 & 255, texels >> 16 & 255], axis=-1)


@njit(error_model="numpy")
def colour(texels, texture, u, v, spread):  # type: ignore[no-untyped-def]
    """The kernels' look-up, called from here."""
    return texel_colour(texels, texture, u, v, spread)


def test_each_level_of_the_pyramid_halves_the_one_before_in_linear_light() -> None:
    """The finest is the texture itself; the coarsest has its mean light."""
    texels = mip_pyramid(TEXTURES)
    np.testing.assert_array_equal(unpacked(texels[:, : 128 * 128]).reshape(TEXTURES.shape), TEXTURES)
    square = (TEXTURES.astype(float) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(unpacked(texels[:, -1]), np.sqrt(square), atol=0.51)
    assert texels.shape[1] == sum(size * size for size in MIP_SIZES)


@pytest.mark.parametrize(("level", "spread"), [(0, 1.0), (0, 1.5), (1, 1.6), (3, 9.0), (7, 1e6)])
def test_colours_are_bilinear_between_texel_centres(level: int, spread: float) -> None:
    """Anywhere, negative and far out too, and at the level that a pixel's spread asks for."""
    texels = mip_pyramid(TEXTURES)
    size = MIP_SIZES[level]
    first = MIP_OFFSETS[level]
    image = unpacked(texels[1, first : first + size * size]).reshape(size, size, 3) / 255
    for u, v in np.random.default_rng(level).uniform(-3, 3, (50, 2)):
        x, y = u * size - 0.5, v * size - 0.5
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        rows = [image[(y0 + i) % size] for i in (0, 1)]
        mixed = [(1 - x + x0) * row[x0 % size] + (x - x0) * row[(x0 + 1) % size] for row in rows]
        truth = ((1 - y + y0) * mixed[0] + (y - y0) * mixed[1]) ** 2
        found = colour(texels, 1, np.float32(u), np.float32(v), np.float32(spread))
        np.testing.assert_allclose(found, truth, atol=2e-3)


def test_encoding_is_gamma_two_and_then_bends() -> None:
    """Straight up to its shoulder, rising after it, white at the end."""
    table = encoding_table(1.0).astype(float)
    linear = ENCODE_MAX * np.linspace(0, 1, 4096) ** 2
    straight = linear < 0.6
    np.testing.assert_allclose(table[straight], 255 * np.sqrt(linear[straight]), atol=0.51)
    assert (np.diff(table) >= 0).all()
    assert table[-1] == 255
