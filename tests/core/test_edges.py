"""Canny edges on pictures whose edges are known."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.core.edges import canny


def test_a_step_gives_one_straight_line() -> None:
    """A black and a white half meet in a single column of edge pixels, and nowhere else is an edge."""
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, 15:] = 255
    edges = canny(picture)
    assert edges.dtype == np.uint8
    assert set(np.unique(edges)) == {0, 255}
    columns = np.flatnonzero(edges.any(axis=0))
    assert len(columns) == 1
    assert columns[0] in (14, 15)
    assert (edges[:, columns[0]] == 255).all()


def test_flat_pictures_and_faint_steps_have_no_edges() -> None:
    """Uniform colour and a step of 5 grey levels stay empty."""
    picture = np.full((16, 16, 3), 120, np.uint8)
    assert not canny(picture).any()
    picture[:, 8:] += 5
    assert not canny(picture).any()


def test_a_batch_is_its_pictures_one_by_one() -> None:
    """(N, H, W, 3) gives what N calls give."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (3, 12, 17, 3), dtype=np.uint8)
    np.testing.assert_array_equal(canny(pictures), np.stack([canny(picture) for picture in pictures]))


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)]
)
def test_other_arrays_are_refused(wrong: np.ndarray) -> None:
    """dtype and shape are named in the message."""
    with pytest.raises(ValueError, match="canny: expected uint8"):
        canny(wrong)
