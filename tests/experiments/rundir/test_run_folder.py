"""The folder of a run: nothing is overwritten, everything goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from testspace.core.storage import LockedError
from testspace.experiments.rundir.run_folder import RunFolder, RunFolderError, read_rows

SETTINGS = {"house": "a.json", "seed": 1, "sizes": {"frames": (1, 2)}}


def test_a_new_folder_keeps_the_settings_and_the_rows(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", SETTINGS, resume=False)
    run.log("rollout", 10, loss=0.5)
    run.log("evaluation", 10, method="scratch", miou=0.25)
    run.close()
    assert json.loads((tmp_path / "run" / "config.json").read_text())["seed"] == 1
    rows, damaged = read_rows(tmp_path / "run")
    assert damaged == 0
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


def test_rows_after_a_damaged_one_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(tmp_path, SETTINGS, resume=False)
    for frame in (10, 20, 30):
        run.log("rollout", frame, loss=0.5)
    run.close()
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"0.5", b"0.7")  # JSON as before, and not what was measured
    (tmp_path / "metrics.jsonl").write_bytes(b"".join(lines)[:-1])  # the end of the last line is cut too
    run = RunFolder(tmp_path, SETTINGS, resume=True)
    run.log("rollout", 40, loss=0.5)
    run.close()
    assert "1 damaged row" in capsys.readouterr().err
    rows, damaged = read_rows(tmp_path)
    assert [row["frame"] for row in rows] == [10, 30, 40]
    assert damaged == 0


def test_a_second_process_is_refused_at_its_start(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, SETTINGS, resume=False)
    with pytest.raises(LockedError, match=f"process {os.getpid()} runs here"):
        RunFolder(tmp_path, SETTINGS, resume=True)
    run.close()
    RunFolder(tmp_path, SETTINGS, resume=True).close()


def test_what_a_killed_process_left_half_written_is_cleared(tmp_path: Path) -> None:
    RunFolder(tmp_path, SETTINGS, resume=False).close()
    (tmp_path / "report_data").mkdir()
    (tmp_path / "report_data" / "map.npz.123.tmp").write_bytes(b"half")
    RunFolder(tmp_path, SETTINGS, resume=True).close()
    assert not list(tmp_path.rglob("*.tmp"))


def test_settings_that_are_gone_are_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, SETTINGS, resume=False)
    run.log("rollout", 10, loss=0.5)
    run.close()
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunFolderError, match=r"config\.json is gone"):
        RunFolder(tmp_path, SETTINGS, resume=True)


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
