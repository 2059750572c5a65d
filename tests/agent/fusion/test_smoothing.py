"""Smoothing of the fused map: neighbours of like colour share evidence, others do not, and total doubt stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from testspace.agent.fusion.smoothing import smoothed
from testspace.agent.fusion.surface_places import Places, neighbours
from testspace.core.frame import Camera

SIZE = 1 << 10


def place(x: int, y: int, z: int, side: int) -> int:
    return (((x % SIZE) * SIZE + y % SIZE) * SIZE + z % SIZE) * 6 + side


def row_of_cells(count: int, side: int = 3) -> NDArray[np.int64]:
    return np.sort(np.array([place(5 + i, 2, -3, side) for i in range(count)]))


def test_neighbours_are_those_that_touch() -> None:
    places = np.sort([place(0, 0, 0, 1), place(1, 0, 0, 1), place(-1, 1, 1, 1), place(3, 0, 0, 1), place(0, 0, 0, 4)])
    cells, others = neighbours(places)
    pairs = {(int(places[a]), int(places[b])) for a, b in zip(cells, others, strict=True)}
    middle = place(0, 0, 0, 1)
    expected = {(middle, place(1, 0, 0, 1)), (middle, place(-1, 1, 1, 1)), (middle, place(0, 0, 0, 4))}
    assert pairs == expected | {(b, a) for a, b in expected}


def test_centres_are_where_the_cells_were_seen() -> None:
    numbers = Places(Camera(8, 8), 0.25)
    centres = numbers.centres(np.array([place(-2, 3, 7, 0), place(0, 0, 0, 5)]))
    np.testing.assert_allclose(centres, [[-0.375, 0.875, 1.875], [0.125, 0.125, 0.125]])


def test_one_dissenting_cell_is_outvoted_by_neighbours_of_its_colour_only() -> None:
    places = row_of_cells(5)
    sums = np.tile(np.float32([90, 10]), (5, 1))
    sums[2] = 45, 55
    colours = np.tile(np.float32([100, 100, 100]), (5, 1)) * 100
    assert smoothed(places, sums, colours, 2)[2].argmax() == 0
    colours[2] = np.float32([250, 10, 10]) * 100
    assert smoothed(places, sums, colours, 2)[2].argmax() == 1


@pytest.mark.parametrize("passes", [1, 3])
def test_probabilities_stay_probabilities_and_lonely_cells_keep_theirs(passes: int) -> None:
    rng = np.random.default_rng(0)
    places = np.sort(np.append(row_of_cells(6), place(100, 0, 0, 3)))
    sums = rng.random((7, 4)).astype(np.float32) * 30
    colours = rng.random((7, 3)).astype(np.float32) * 255 * sums.sum(1, keepdims=True)
    result = smoothed(places, sums, colours, passes)
    np.testing.assert_allclose(result.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(result[-1], sums[-1] / sums[-1].sum(), rtol=1e-5)
