"""Random numbers of kernels against the normal distribution."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import stats

from testspace.core.jit import compiled
from testspace.envs.camera.draws import hashed, normal, normal_table, seeds


@partial(compiled, error_model="numpy")
def _fill(seed, table, out):  # type: ignore[no-untyped-def]
    for counter in range(len(out)):
        for number in range(5):
            out[counter, number] = normal(table, hashed(seed, counter), number)


def test_numbers_are_normal_and_independent() -> None:
    numbers = np.zeros((40_000, 5))
    first, second = seeds(np.random.default_rng(0), 2)
    _fill(first, normal_table(), numbers)
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert stats.kstest(numbers.ravel(), "norm").statistic < 0.005
    assert np.abs(np.corrcoef(numbers.T) - np.eye(5)).max() < 0.02
    assert abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.02
    other = np.zeros_like(numbers)
    _fill(second, normal_table(), other)
    assert abs(np.corrcoef(numbers.ravel(), other.ravel())[0, 1]) < 0.01
