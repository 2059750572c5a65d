"""The folder of a run: nothing is overwritten, everything goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from testspace.experiments.rundir.run_folder import RunFolder, RunFolderError

SETTINGS = {"house": "a.json", "seed": 1, "sizes": {"frames": (1, 2)}}


def test_a_new_folder_keeps_the_settings_and_the_rows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", SETTINGS, resume=False)
    run.log("rollout", 10, loss=0.5)
    run.log("evaluation", 10, method="scratch", miou=0.25)
    run.close()
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == [
        {"kind": "rollout", "frame": 10, "loss": 0.5},
        {"kind": "evaluation", "frame": 10, "method": "scratch", "miou": 0.25},
    ]
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert events.Tags()["scalars"]


def test_another_run_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    RunFolder(tmp_path, SETTINGS, resume=False).close()
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(RunFolderError, match="--resume"):
        RunFolder(tmp_path, SETTINGS, resume=False)
    with pytest.raises(RunFolderError, match="seed = 1, not 2"):
        RunFolder(tmp_path, {**SETTINGS, "seed": 2}, resume=True)
    assert (tmp_path / "config.json").read_bytes() == before


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for resume in (False, True):
        with pytest.raises(RunFolderError, match="not a run"):
            RunFolder(tmp_path, SETTINGS, resume=resume)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


def test_resume_drops_a_row_that_a_crash_cut_off(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, SETTINGS, resume=False)
    run.log("rollout", 10, loss=0.5)
    run.close()
    with (tmp_path / "metrics.jsonl").open("a") as out:
        out.write('{"kind": "rollout", "fra')
    run = RunFolder(tmp_path, SETTINGS, resume=True)
    run.log("rollout", 20, loss=0.25)
    run.close()
    assert [row["frame"] for row in run.logged("rollout")] == [10, 20]
    assert run.logged("rollout", loss=0.25)[0]["frame"] == 20
    assert [json.loads(line)["frame"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [10, 20]


def test_settings_that_are_not_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"config\.json"):
        RunFolder(tmp_path, SETTINGS, resume=True)


def test_a_size_that_differs_is_named_as_the_command_line_names_it(tmp_path: Path) -> None:
    sizes = {"sizes": {"episode": {"frames": 80}, "own_frames": 3}}
    RunFolder(tmp_path / "run", {"seed": 0, **sizes}, resume=False).close()
    sizes = {"sizes": {"episode": {"frames": 90}, "own_frames": 3}}
    with pytest.raises(RunFolderError, match=r"episode\.frames = 80, not 90"):
        RunFolder(tmp_path / "run", {"seed": 0, **sizes}, resume=True)
