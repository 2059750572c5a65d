"""Normally distributed random numbers inside kernels, in a few nanoseconds: a counter is hashed, a table is read."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inlined

BITS = 12
"""Bits of a hash that one number takes; a hash of 64 has five numbers."""


@cache
def normal_table() -> NDArray[np.float32]:
    """float32 (4096,): the quantiles of the normal distribution, of variance 1, up to 3.7 standard deviations."""
    count = 2**BITS
    quantiles = np.array([NormalDist().inv_cdf((k + 0.5) / count) for k in range(count)])
    return (quantiles / quantiles.std()).astype(np.float32)


def seeds(rng: np.random.Generator, count: int) -> NDArray[np.uint64]:
    """A seed for each of so many frames, uint64 (count,)."""
    return rng.integers(0, 2**64, count, np.uint64)


@inlined
def hashed(seed, counter):
    """64 random bits for a counter: SplitMix64 (Steele, Lea & Flood 2014)."""
    bits = seed + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


@inlined
def normal(table, bits, number):
    """The normal number 0 to 4 of a hash."""
    return table[np.uintp((bits >> np.uint64(BITS * number)) & np.uint64(2**BITS - 1))]
