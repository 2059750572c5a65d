"""The fused map from above: the highest thing in each place without the ceiling, and its doubt."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.envs.house.classes import CLASS_ID
from testspace.experiments.report.semantic_drawing import DOUBTS, doubt_colours, from_above
from testspace.experiments.rundir.semantic_file import StoredMap

WALL, FLOOR, CEILING, BED, LAMP = (CLASS_ID[name] for name in ("Wall", "Floor", "Ceiling", "Bed", "FloorLamp"))


def stored(cells: list[tuple[float, float, float, int, float, float]]) -> StoredMap:
    """A map of cells (x, y, z, class, doubt, evidence)."""
    table = np.array(cells, np.float64).reshape(-1, 6)
    return StoredMap(
        np.arange(len(table)), table[:, :3].astype(np.float32), table[:, 3].astype(np.int16),
        table[:, 4].astype(np.float16), table[:, 5].astype(np.float32), 0.1,
    )  # fmt: skip


def test_the_highest_thing_below_the_ceiling_is_seen() -> None:
    view = from_above(
        stored(
            [
                (-0.25, 0.55, 0.05, BED, 0.25, 9),
                (-0.25, 0.05, 0.05, FLOOR, 0.0, 900),
                (-0.25, 2.65, 0.05, CEILING, 0.0, 50),
                (-0.15, 1.75, 0.05, CEILING, 0.0, 50),  # a low ceiling goes too
                (-0.15, 0.05, 0.05, FLOOR, 0.5, 1),
                (0.05, 0.85, 0.35, CEILING, 0.75, 1),  # a mistake: seen, so that it can be mended
                (0.05, 2.25, 0.35, WALL, 0.0, 1),
            ]
        )
    )
    assert view is not None
    assert view.classes.tolist() == [[BED, FLOOR, 0, 0], [0] * 4, [0] * 4, [0, 0, 0, CEILING]]
    assert view.doubt[view.classes > 0].tolist() == [0.25, 0.5, 0.75]
    assert view.low == pytest.approx([-0.3, 0.0])


def test_of_the_sides_of_one_voxel_the_one_seen_most_is_shown() -> None:
    sides = [(0.05, 0.55, 0.05, LAMP, 0.0, 5.0), (0.05, 0.55, 0.05, BED, 0.0, 7.0), (0.05, 0.55, 0.05, WALL, 0.0, 6.0)]
    for order in (sides, sides[::-1]):
        view = from_above(stored(order))
        assert view is not None
        assert view.classes.tolist() == [[BED]]


def test_columns_match_a_loop_over_random_cells() -> None:
    rng = np.random.default_rng(0)
    index = rng.integers(0, [12, 30, 9], (400, 3))
    cells = [
        (*(0.1 * one + 0.05), int(rng.choice([WALL, FLOOR, CEILING, BED])), rng.random(), float(number))
        for number, one in enumerate(index)
    ]
    view = from_above(stored(cells))  # type: ignore[arg-type]
    assert view is not None
    best: dict[tuple[int, int], tuple[int, float, int]] = {}
    for (x, y, z), cell in zip(index.tolist(), cells, strict=True):
        if y < 20 and (cell[3] != CEILING or y < 12):
            best[z, x] = max(best.get((z, x), (-1, 0.0, 0)), (y, cell[5], cell[3]))
    x0, z0 = min(x for _, x in best), min(z for z, _ in best)
    assert {(z - z0, x - x0): c for (z, x), (_, _, c) in best.items()} == {
        (z, x): int(view.classes[z, x]) for z, x in np.argwhere(view.classes > 0).tolist()
    }


def test_nothing_but_a_ceiling_is_nothing_to_draw() -> None:
    assert from_above(stored([(0.0, 2.5, 0.0, CEILING, 0.0, 1)])) is None
    assert from_above(stored([])) is None


def test_doubt_goes_through_its_colours_and_stays_at_the_last() -> None:
    at = np.array([value for value, _ in DOUBTS] + [1.0])
    assert doubt_colours(at).tolist() == [list(colour) for _, colour in DOUBTS] + [list(DOUBTS[-1][1])]
    light = doubt_colours(np.linspace(0, 0.75, 20)).astype(int).sum(-1)
    assert (np.diff(light) < 0).all(), "more doubt is darker: it can be told apart without colour"
