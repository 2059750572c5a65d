"""Lengths of ways over a floor: by closed forms, and between two bounds that another algorithm gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from testspace.agent.mapping.geodesic import distance_at, distance_field
from testspace.envs.floor import ReachableFloor


def floor(reachable: np.ndarray, cell: float = 0.05) -> ReachableFloor:
    return ReachableFloor((-1.0, 2.0), cell, reachable, 0.2, 0.0)


def test_in_the_open_it_is_the_straight_line() -> None:
    open_floor = floor(np.ones((120, 160), np.bool_))
    goal = np.array([1.512, 4.03])
    field = distance_field(open_floor, goal[None])
    centres = open_floor.from_cells(np.argwhere(open_floor.reachable)).reshape(120, 160, 2)
    straight = np.linalg.norm(centres - open_floor.from_cells(open_floor.to_cells(goal)), axis=2)
    far = straight > 0.3
    ratio = field[far] / straight[far]
    assert ratio.min() > 1 - 1e-9
    assert ratio.max() < 1.02
    assert distance_at(field, open_floor, 1.512, 4.03) == 0.0


def test_round_a_wall_it_is_two_lines() -> None:
    reachable = np.ones((100, 100), np.bool_)
    reachable[50, :80] = False
    there = floor(reachable)
    a, b = there.from_cells(np.array([[20, 40], [80, 40]]))
    corner = there.from_cells(np.array([50, 80]))
    expected = np.linalg.norm(a - corner) + np.linalg.norm(b - corner)
    field = distance_field(there, a[None])
    assert distance_at(field, there, *b) == pytest.approx(expected, rel=0.03)


def test_the_nearest_goal_counts_and_islands_are_out_of_reach() -> None:
    reachable = np.ones((20, 41), np.bool_)
    reachable[:, 30] = False
    there = floor(reachable)
    goals = there.from_cells(np.array([[10, 0], [10, 20]]))
    field = distance_field(there, goals)
    assert field[10, 18] == pytest.approx(0.1)
    assert field[10, 2] == pytest.approx(0.1)
    assert np.isinf(field[:, 31:]).all()
    assert np.isinf(distance_field(there, np.array([[1e6, 0.0]]))).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_between_the_straight_line_and_the_way_over_neighbours(seed: int) -> None:
    """Dijkstra over the four neighbours is longer; the straight line, less what the grid loses, is shorter."""
    rng = np.random.default_rng(seed)
    reachable = np.asarray(label(rng.random((14, 17)) < 0.75)[0] == 1)
    there = floor(reachable, 1.0)
    cells = np.argwhere(reachable)
    goal = cells[rng.integers(len(cells))]
    field = distance_field(there, there.from_cells(goal)[None])
    number = np.full(reachable.shape, -1)
    number[reachable] = np.arange(len(cells))
    ends = [
        (number[i, j], number[i + di, j + dj])
        for i, j in cells
        for di, dj in ((0, 1), (1, 0))
        if i + di < 14 and j + dj < 17 and reachable[i + di, j + dj]
    ]
    a, b = np.array(ends, int).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(a)), (a, b)), shape=(len(cells), len(cells)))
    longest = dijkstra(graph, directed=False, indices=number[tuple(goal)])
    found = field[reachable]
    assert np.array_equal(np.isinf(found), np.isinf(longest))
    finite = np.isfinite(found)
    assert (found[finite] <= longest[finite] + 1e-9).all()
    straight = np.linalg.norm(cells - goal, axis=1)
    assert (found[finite] >= straight[finite] - 1e-9).all()
