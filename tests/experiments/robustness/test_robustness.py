"""Short versions of `testspace bench robustness`: a few mutated files, damaged run folders, and kills."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import recorded
from forks import Testspace

from testspace.experiments.cli import main as cli
from testspace.experiments.robustness import growth
from testspace.experiments.robustness.cases import run_case
from testspace.experiments.robustness.command import RUNS
from testspace.experiments.robustness.folders import commands, damaged_folder
from testspace.experiments.robustness.kills import differences
from testspace.experiments.robustness.readers import make_samples, mutated
from testspace.experiments.rundir.run_folder import read_rows

WORDS = [
    "--seed", "7", *RUNS["scratch, little memory"], "--episode.frames", "80", "--episode.rollout", "20",
    "--episode.learning-starts", "40", "--episode.replay-ratio", "1.0", "--video", "0",
]  # fmt: skip


def test_an_outcome_says_how_a_case_ended() -> None:
    def refuse() -> None:
        sys.exit(2)

    def busy() -> None:
        while True:
            pass

    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: None, "whole"),
        (refuse, "refused"),
        (lambda: 1 / 0, "TRACEBACK"),
        (lambda: bytearray(2**31), "MEMORY"),
        (lambda: __import__("os").abort(), "CRASH"),
        (busy, "HANG"),
    ]
    for call, expected in calls:
        assert run_case(call, seconds=1, memory=2**30).kind == expected


def test_what_grows_from_call_to_call_is_told() -> None:
    kept: list[Any] = []
    ended = threading.Event()

    def steady(number: int) -> None:
        if not number:  # what is made once is no growth
            kept.append(bytearray(b"x" * 2**26))

    def growing(_: int) -> None:
        kept.extend([bytearray(b"x" * 2**24), open("/dev/null"), threading.Thread(target=ended.wait)])  # noqa: SIM115
        kept[-1].start()

    assert growth.growth(steady, 10)["faults"] == []
    assert growth.growth(growing, 10)["faults"] == ["memory", "threads", "files"]
    ended.set()
    for one in kept:
        if isinstance(one, io.IOBase):
            one.close()


def test_resets_do_not_grow() -> None:
    assert growth.resets(4)["faults"] == []


def test_mutated_files_are_read_or_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path / "cache"))
    samples = tmp_path / "samples"
    make_samples(samples)
    seen = recorded.truth()
    for layout in ("tum", "stray", "arkitscenes", "scannet"):
        getattr(recorded, f"write_{layout}")(samples / layout, seen)
    outcomes = list(mutated(sorted(samples.iterdir()), tmp_path / "work", seed=3, count=48))
    assert [f"{name}: {one.text}" for name, one in outcomes if one.fault] == []
    assert Counter(one.kind for _, one in outcomes)["refused"] > 10


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run that was not disturbed, and the same one killed four times."""
    folder = tmp_path_factory.mktemp("runs")
    environment = {"TESTSPACE_CACHE": os.environ["TESTSPACE_CACHE"], "OMP_NUM_THREADS": "1"}
    straight, killed = folder / "straight", folder / "killed"
    first = Testspace(["run", *WORDS, "--out", str(straight)], folder / "straight.log", environment)
    status, errors = first.wait()
    assert status == 0, errors
    for rows in (1, 6, 9):
        words = ["run", *WORDS, "--out", str(killed), *(["--resume"] if killed.exists() else [])]
        run = Testspace(words, folder / "killed.log", environment)
        while run.poll() is None and not (killed.exists() and len(read_rows(killed)[0]) >= rows):
            time.sleep(0.01)
        run.kill()
    status, errors = Testspace(words, folder / "killed.log", environment).wait()
    assert status == 0, errors
    return straight, killed


def test_a_killed_run_ends_as_one_that_never_was(runs: tuple[Path, Path]) -> None:
    straight, killed = runs
    assert differences(straight, killed) == []
    assert json.loads((straight / "summary.json").read_text())["interruptions"] == []
    summary = json.loads((killed / "summary.json").read_text())
    assert len(summary["interruptions"]) >= 2
    assert "Interrupted and resumed at frames" in (killed / "report.html").read_text()
    assert not list(killed.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("buffer/state.json", "gone"),
        ("agent/agent-00000080.npz", "cut"),
        ("segmenters/specialist/segmenter.safetensors", "empty"),
        ("metrics.jsonl", "gone"),
    ],
)
def test_a_damaged_run_goes_on_or_says_why_not(runs: tuple[Path, Path], name: str, kind: str, tmp_path: Path) -> None:
    straight, _ = runs
    work = tmp_path / "work"
    for command in ("report", "resume"):
        outcome = damaged_folder(cli.main, straight, WORDS, tmp_path, True, work, name, kind, command, [0])
        assert not outcome.fault, f"{command}: {outcome.text}"
        if command == "resume":
            assert outcome.kind == "whole", outcome.text
            assert "damaged" in outcome.text or "gone" in outcome.text or "cannot be read" in outcome.text


def test_every_command_of_a_run_exists(tmp_path: Path) -> None:
    named = {words[0] for scratch in (True, False) for words in commands(tmp_path, [], tmp_path, scratch).values()}
    for name in named:
        with pytest.raises(SystemExit, match="0"):
            cli.main([name, "--help"])


def test_stopped_by_sigterm_it_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    environment = {"TESTSPACE_CACHE": os.environ["TESTSPACE_CACHE"], "OMP_NUM_THREADS": "1"}
    run = Testspace(["run", *WORDS, "--out", str(out)], tmp_path / "log", environment)
    while run.poll() is None and not (out.exists() and read_rows(out)[0]):
        time.sleep(0.01)
    second = Testspace(["run", *WORDS, "--out", str(out), "--resume"], tmp_path / "second", environment)
    status, errors = second.wait()
    assert status == 2
    assert f"process {run.pid} runs here" in errors
    run.terminate()
    status, errors = run.wait()
    assert status == 130
    assert "Continue with: testspace run" in errors
    shutil.rmtree(out)
