"""Smoothing of the fused map: cells share their evidence with neighbours of like colour."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from .surface_places import neighbours

_COLOUR_SIGMA = 15.0
"""Difference of mean colour, of 255, at which a neighbour's weight falls to exp(-1/2)."""
_BLOCK = 16
"""Classes smoothed at once: bounds the memory beside the result's."""
_ENOUGH = 50.0
"""Pixels from which on a neighbour's evidence has full weight."""


def smoothed(
    places: NDArray[np.int64], sums: NDArray[np.float32], colours: NDArray[np.float32], passes: int
) -> NDArray[np.float32]:
    """Class probabilities (P, K) of cells whose sorted ids are `places` (P,), from sums of probabilities (P, K).

    In each pass a cell becomes the mean of itself and of its neighbours' weighted mean. colours: sums of rgb (P, 3).
    """
    pixels = np.maximum(sums.sum(1, keepdims=True), 1e-9)
    result, mean = sums / pixels, colours / pixels
    cell, near = neighbours(places)
    alike = np.exp(-((mean[cell] - mean[near]) ** 2).sum(1) / (2 * _COLOUR_SIGMA**2))
    weights = alike * np.sqrt(np.minimum(pixels[near, 0], _ENOUGH) / _ENOUGH)
    matrix = sp.csr_matrix((weights.astype(np.float32), (cell, near)), shape=(len(places), len(places)))
    total = np.asarray(matrix.sum(1), np.float32)
    has, divisor = total > 1e-3, np.maximum(total, np.float32(1e-6))
    for start in range(0, result.shape[1], _BLOCK):
        block = result[:, start : start + _BLOCK]
        own = mixed = block.copy()
        for _ in range(passes):
            mixed = np.where(has, 0.5 * own + 0.5 * ((matrix @ mixed) / divisor), own)
        block[:] = mixed
    return result
