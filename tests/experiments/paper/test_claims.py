"""What claims make of measures that are known."""

from __future__ import annotations

import pytest

from testspace.core.errors import UserError
from testspace.experiments.paper.experiment import Measures, Summary
from testspace.experiments.paper.figure17 import at_equal_samples, at_equal_seconds
from testspace.experiments.paper.figure25 import AFTER, BACK, BEFORE, FROZEN, continual
from testspace.experiments.paper.registry import find_experiment
from testspace.experiments.paper.tables import claim_results
from testspace.experiments.stages.baselines import EFFICIENTNET


def _margins(name: str, measures: Measures, **settings: object) -> list[float | None]:
    return [claim["margin"] for claim in claim_results(Summary(find_experiment(name, settings), [measures]))]


def _life(before: float, after: float, tenth: float) -> Measures:
    """mIoU of a frozen specialist, of one that learns on with two writers, and of a generalist."""
    reservoir, ring = continual("reservoir"), continual("ring")
    return {
        BEFORE: {FROZEN: before, reservoir: before, ring: before, EFFICIENTNET: 20.0},
        AFTER: {FROZEN: after, reservoir: after, ring: after, EFFICIENTNET: 19.0},
        "after 1/10": {FROZEN: after, reservoir: tenth, ring: tenth},
        "after 1/1": {FROZEN: after, reservoir: before, ring: before, EFFICIENTNET: 19.0},
        BACK: {FROZEN: before, reservoir: before - 1, ring: before - 4, EFFICIENTNET: 20.0},
    }


def test_recovery_is_measured_against_two_thirds_of_the_drop() -> None:
    rules = ("reservoir", "ring")
    # from 40 to 31: two thirds of the 9 lost are 6, so 38 after a tenth is one more than is asked for
    drop, recovers, better, above, forgets = _margins("figure25", _life(40.0, 31.0, 38.0), eviction=rules)
    assert (drop, recovers, better, above, forgets) == (9.0, pytest.approx(1.0), 9.0, 21.0, 3.0)
    gained = _margins("figure25", _life(30.0, 31.0, 38.0), eviction=rules)
    assert gained[:2] == [-1.0, None]  # nothing lost, so nothing can come back


def test_the_diagonal_is_held_against_the_best_other_house() -> None:
    row = {"pre-trained in 1": 30.0, "pre-trained in 2": 33.0, "pre-trained in 3": 31.5, "scratch": 40.0}
    assert _margins("figure7", {"tested in 2": row}) == [1.5]
    assert _margins("figure7", {"tested in 1": {"pre-trained in 1": 30.0, "scratch": 20.0}}) == [None]


def test_objectives_are_compared_where_both_have_spent_as_much() -> None:
    measures: Measures = {
        "mIoU after samples: 100": {"scratch": 8.0, "TST-MAE": 10.0, "TST-MM": 9.0, "TST-DINO": 9.0},
        "seconds for samples: 100": {"TST-MAE": 10.0, "TST-MM": 20.0, "TST-DINO": 40.0},
        "mIoU after samples: 400": {"scratch": 8.0, "TST-MAE": 14.0, "TST-MM": 16.0},
        "seconds for samples: 400": {"TST-MAE": 40.0, "TST-MM": 80.0},
    }
    assert at_equal_samples("TST-MM", "TST-MAE", measures) == 2.0
    assert at_equal_samples("TST-MM", "TST-DINO", measures) == 0.0  # after 100, the most that both had
    # after 40 s, half-way from 20 to 80 on a logarithm, TST-MM stands at 12.5
    assert at_equal_seconds("TST-MM", "TST-MAE", measures) == pytest.approx(-1.5)
    assert at_equal_seconds("TST-DINO", "TST-MAE", measures) == pytest.approx(-5.0)
    late = {line: {**row, "TST-DINO": 90.0} if "100" in line else row for line, row in measures.items()}
    with pytest.raises(KeyError):
        at_equal_seconds("TST-MM", "TST-DINO", late)


def test_a_table_of_retrieval_has_the_papers_numbers_where_they_belong() -> None:
    paper = find_experiment("table2").paper["TST-MM"]
    assert paper == {
        "image to depth, R@1": 25.48, "image to depth, R@5": 37.0, "image to depth, R@10": 41.58,
        "depth to image, R@1": 24.32, "depth to image, R@5": 36.46, "depth to image, R@10": 40.82,
    }  # fmt: skip


@pytest.mark.parametrize("settings", [{"eviction": ()}, {"eviction": ("ring", "ring")}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(UserError, match="--eviction"):
        find_experiment("figure25", settings)
