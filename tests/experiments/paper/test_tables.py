"""Tables and verdicts of measures that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from testspace.experiments.paper.experiment import Claim, Experiment, Measures, Summary, Trial
from testspace.experiments.paper.figures import bars
from testspace.experiments.paper.tables import claim_results, table, verdict


def _not_run(trial: Trial) -> Measures:
    raise AssertionError("only its measures are told")


KNOWN = Experiment(
    command="known",
    source="Table 0",
    question="?",
    unit="%",
    trial=_not_run,
    paper={"a": {"mIoU": 50.0}},
    claims=(
        Claim("b is above a", lambda one: one["b"]["mIoU"] - one["a"]["mIoU"]),
        Claim("c is above a", lambda one: one["c"]["mIoU"] - one["a"]["mIoU"]),
    ),
    draw=bars,
    stages={},
)
TRIALS: list[Measures] = [
    {"a": {"mIoU": 10.0}, "b": {"mIoU": 13.0, "seconds": 0.025}},
    {"a": {"mIoU": 14.0}, "b": {"mIoU": 16.0, "seconds": 0.035}},
]


def test_a_table_sets_the_papers_numbers_beside_means_and_spreads() -> None:
    lines = table(Summary(KNOWN, TRIALS)).splitlines()
    assert lines[0] == "|  | mIoU, paper | mIoU, here | seconds |"
    assert lines[2] == "| a | 50.0 | 12.0 ± 2.8 |  |"  # the deviation of 10 and 14 is sqrt(8)
    assert lines[3] == "| b |  | 14.5 ± 2.1 | 0.03 ± 0.0 |"


def test_a_cell_says_in_how_many_trials_it_has_a_number() -> None:
    trials: list[Measures] = [{"a": {"x": 1.0, "y": 1.0}}, {"a": {"x": 1.0}}, {"b": {"x": 1.0}}]
    lines = table(Summary(replace(KNOWN, paper={}), trials)).splitlines()
    assert lines[2:4] == ["| a | 1.0 ± 0.0 | 1.0 (1 of 2) |", "| b | 1.0 |  |"]  # a line of one trial alone is whole


def test_claims_are_told_by_the_trials_that_can_tell() -> None:
    first, second = claim_results(Summary(KNOWN, TRIALS))
    assert (first["margin"], first["holds_in"], first["trials"]) == (2.5, 2, 2)
    assert first["verdict"] == "agrees"
    assert (second["margin"], second["verdict"]) == (None, "not measured")


@pytest.mark.parametrize(
    ("margins", "says"),
    [
        ([], "not measured"),
        ([3.0], "undecided (one trial)"),
        ([1.0, 1.0], "agrees"),
        ([-1.0, -1.0], "disagrees"),
        ([0.0, 0.0], "undecided"),
        ([1.0, 5.0], "undecided"),  # mean 3, standard error 2
        ([2.0, 4.0, 3.0], "agrees"),  # mean 3, standard error 0.58
    ],
)
def test_a_verdict_asks_for_more_than_two_standard_errors(margins: list[float], says: str) -> None:
    assert verdict(margins) == says


def test_a_figure_is_the_same_bytes_for_the_same_measures(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        bars(Summary(KNOWN, TRIALS), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
