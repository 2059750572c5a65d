"""The learning rate: a linear rise, then half a cosine, against values worked out by hand."""

from __future__ import annotations

import pytest

from testspace.learners.nn.schedules import warmup_cosine


def test_it_rises_linearly_and_falls_as_half_a_cosine() -> None:
    rates = [warmup_cosine(2.0, step, 4, 8) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 1 + 2**-0.5, 1.0, 1 - 2**-0.5, 0.0, 0.0], abs=1e-12)


def test_it_stays_at_the_peak_where_the_end_is_unknown() -> None:
    assert [warmup_cosine(3.0, step, 2, None) for step in (0, 1, 2, 10_000)] == [1.5, 3.0, 3.0, 3.0]
