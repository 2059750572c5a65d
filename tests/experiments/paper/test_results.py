"""The page of results says what the stored measures say, and nothing of the machine they were made on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import testspace
from testspace.core.errors import UserError
from testspace.experiments.cli import main as cli
from testspace.experiments.paper.adapted import RGB, RGBD
from testspace.experiments.paper.experiment import Measures, Summary
from testspace.experiments.paper.readme_results import readme_results, write_readme_results
from testspace.experiments.paper.registry import find_experiment
from testspace.experiments.paper.results import Stored, write_results

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


def test_the_readmes_section_is_what_our_stored_summaries_say(tmp_path: Path) -> None:
    readme = OURS.parent / "README.md"
    copy = tmp_path / "README.md"
    copy.write_text(readme.read_text())
    write_readme_results([OURS / "results"], copy)
    assert copy.read_text() == readme.read_text(), (
        "run: testspace experiment results experiments/results --out experiments/RESULTS.md --readme README.md"
    )
    copy.write_text("no section\n")
    with pytest.raises(UserError, match="to write between"):
        write_readme_results([OURS / "results"], copy)


def test_the_readme_compares_where_references_were_trained() -> None:
    def rows(generalist: float, specialist: float, **more: float) -> Measures:
        names = {"generalist": generalist, "specialist": specialist, **more}
        run = {"seconds": 600.0, "peak memory, MB": 3500.0}
        return {**{name: {RGB: value, RGBD: value + 5} for name, value in names.items()}, "run": run}

    def stored(trials: list[Measures], references: bool, sensors: str) -> Stored:
        settings = {"references": references, "sensors": sensors}
        summary = Summary(find_experiment("adapted", {**settings, "policy": "frontier"}), trials)
        return summary, {"experiment": "adapted", "settings": settings}, "out"

    maps = {"fused map": 85.0, "specialist and map": 86.0}
    more = {"control": 71.0, "self-training by frames": 72.0, "hard votes in voxels": 73.0, "bound": 84.0}
    plain = stored([rows(70, 76, **maps), rows(60, 62, **maps)], False, "exact")
    text = " ".join(readme_results([plain, stored([rows(70, 76, **maps, **more)], True, "exact")]).split())
    assert "in 2 real ProcTHOR houses" in text
    assert "| specialist | 69.0 ± 9.9 | 74.0 ± 9.9 |" in text
    assert "in 2 of 2 houses, by 4.0 points on average (2.0 to 6.0)" in text
    assert "took 10 to 10 minutes" in text
    assert (
        "(control) 71.0; self-training by single frames 72.0; hard votes in voxels 73.0; specialist 76.0"
        in text.replace("\n", " ")
    )
    noisy = " ".join(readme_results([plain, stored([rows(68, 72, **maps)], False, "slam")]).split())
    assert "`--sensors slam`), in one of these houses: generalist 68.0 from colour, specialist 72.0" in noisy.replace(
        "\n", " "
    )
    with pytest.raises(UserError, match="no results"):
        readme_results([])


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
    assert "Not run yet: adapted, masked, houses, specialise table1" in text


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


def test_results_with_another_camera_stay_apart(tmp_path: Path) -> None:
    own = {"camera": None, "fov": None, "camera_height": None}  # the preset's
    _stored(tmp_path / "runs" / "first")
    _stored(tmp_path / "runs" / "second", camera=own | {"fov": 60.0})
    text = write_results([tmp_path / "runs"], tmp_path / "RESULTS.md").read_text()
    assert text.count("testspace experiment specialise mixin") == 2
    assert text.count("--fov 60.0") == 1
    _stored(tmp_path / "runs" / "third", camera=own)  # the first's camera, and its trials
    with pytest.raises(UserError, match="first and third both hold"):
        write_results([tmp_path / "runs"], tmp_path / "RESULTS.md")


def test_results_on_a_gpu_stay_apart_and_say_so(tmp_path: Path) -> None:
    _stored(tmp_path / "runs" / "first")
    _stored(tmp_path / "runs" / "second", device="NVIDIA H200")
    text = write_results([tmp_path / "runs"], tmp_path / "RESULTS.md").read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == [titles[0], f"{titles[0]}, on an NVIDIA H200"]
    assert "Run offline on an NVIDIA H200:" in text
    _stored(tmp_path / "runs" / "third", device="CPU")  # as results that do not say
    with pytest.raises(UserError, match="first and third both hold"):
        write_results([tmp_path / "runs"], tmp_path / "RESULTS.md")
