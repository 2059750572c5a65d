"""The page of results says what the stored measures say, and nothing of the machine they were made on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import testspace
from testspace.core.errors import UserError
from testspace.experiments.cli import main as cli
from testspace.experiments.paper.results import write_results

OURS = Path(testspace.__file__).parent / "experiments"


def _stored(folder: Path, **changed: Any) -> Path:
    """Two trials of the mixin experiment, of which TST-MM gains 3 and 5 points by mixing in."""
    folder.mkdir(parents=True)
    trials = [
        {
            "house": "/somewhere/houses.jsonl:3",
            "seed": seed,
            "seconds": 90.0,
            "stages": 4,
            "measures": {
                "transfer set only": {"TST-MAE": 20.0},
                "test space only": {"TST-MM": 20.0},
                "both, 1/1": {"TST-MAE": 26.0, "TST-MM": 20.0 + gain},
            },
        }
        for seed, gain in ((0, 3.0), (1, 5.0))
    ]
    results = {
        "format": 1, "experiment": "mixin", "settings": {}, "preset": "nano", "houses": ["/somewhere/houses.jsonl:3"],
        "seeds": [0, 1, 2], "planned": 3, "trials": trials, **changed,
    }  # fmt: skip
    (folder / "results.json").write_text(json.dumps(results))
    return folder


def test_our_page_is_what_our_stored_summaries_say(tmp_path: Path) -> None:
    page = write_results([OURS / "results"], tmp_path / "RESULTS.md").read_text()
    assert page == (OURS / "RESULTS.md").read_text(), (
        "run: testspace experiment results experiments/results --out experiments/RESULTS.md"
    )


def test_claims_minutes_seeds_and_the_command_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _stored(tmp_path / "runs" / "mixed")
    cli.main(["experiment", "results", str(tmp_path / "runs"), "--out", str(tmp_path / "RESULTS.md")])
    text = (tmp_path / "RESULTS.md").read_text()
    assert "RESULTS.md" in capsys.readouterr().out
    says = "mixing in rgb of the transfer set helps TST-MM (Table 4)"
    assert (
        f"| {says} | +4.0 ± 1.4 | 2 of 2 | agrees | offline | nano | 3 | 0 1 | 3 |" in text
    )  # two standard errors of 3 and 5 are 2
    level = "pre-training in the test space is better than on the transfer set (Table 4)"
    assert f"| {level} | +0.0 ± 0.0 | 0 of 2 | undecided" in text
    assert "2 of 3 trials are done" in text
    assert (
        "testspace experiment specialise mixin --house houses.jsonl:3 --seeds 0 1 2 --preset nano --out mixed" in text
    )
    assert text.count(says) == 1, "what holds needs no reason"
    why = f"Not reproduced: *{level}*; *with mix-in, TST-MM is better"
    assert why in text  # one reason for both
    assert "/somewhere" not in text
    assert "Not run yet: adapted, houses, specialise table1" in text


def test_the_printed_command_is_one_that_can_be_given() -> None:
    from testspace.experiments.paper.adapted import experiment
    from testspace.experiments.paper.tables import command

    results = {"houses": ["/somewhere/h:3"], "seeds": [0], "preset": "adapted"}
    settings = {"policy": "frontier", "references": False}
    words = command(experiment(), {**results, "settings": settings}, "out").split()
    assert "--no-references" in words
    assert "False" not in words
    assert "--references" in command(experiment(), {**results, "settings": {"references": True}}, "out").split()


@pytest.mark.parametrize(
    "changed",
    [{"experiment": "figure99"}, {"trials": [{"seed": 0}]}, {"settings": {"no": "such"}}, {"trials": 3}],
)
def test_a_file_that_is_no_result_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"results\.json: not the results"):
        write_results([_stored(tmp_path / "one", **changed)], tmp_path / "RESULTS.md")
    with pytest.raises(UserError, match=r"no results\.json"):
        write_results([tmp_path / "two"], tmp_path / "RESULTS.md")
    assert not (tmp_path / "RESULTS.md").exists()


def test_seeds_that_were_run_apart_are_told_together(tmp_path: Path) -> None:
    first = _stored(tmp_path / "runs" / "first")
    stored = json.loads((first / "results.json").read_text())
    (more,) = (dict(trial, seed=2, seconds=60.0) for trial in stored["trials"][:1])
    more["measures"] = {**more["measures"], "both, 1/1": {"TST-MAE": 26.0, "TST-MM": 30.0}}
    second = _stored(tmp_path / "runs" / "second", seeds=[2], asked=1, trials=[more])
    text = write_results([tmp_path / "runs"], tmp_path / "RESULTS.md").read_text()
    assert "| +6.0 ± 3.6 | 3 of 3 | agrees | offline | nano | 3 | 0 1 2 | 4 |" in text  # gains of 3, 5 and 10
    assert "mean of 3 trials" in text
    assert "3 of 3 trials are done" in text
    assert text.count("testspace experiment specialise mixin") == 1
    other = _stored(tmp_path / "runs" / "third", preset="smoke")
    assert write_results([tmp_path / "runs"], tmp_path / "RESULTS.md").read_text().count("specialise mixin --") == 2
    (other / "results.json").write_text((second / "results.json").read_text())
    with pytest.raises(UserError, match=r"second and third both hold /somewhere/houses\.jsonl:3 with seed 2"):
        write_results([tmp_path / "runs"], tmp_path / "RESULTS.md")
