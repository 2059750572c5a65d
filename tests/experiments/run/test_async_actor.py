"""`testspace run --async`: the same episode in two processes, and the death of either."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from forks import Testspace
from tiny_preset import tiny_preset

from testspace.experiments.cli import main as cli
from testspace.experiments.protocol.presets import PRESETS
from testspace.experiments.run.live_run import run_episode
from testspace.experiments.run.run_config import RunConfig
from testspace.learners.data.replay_buffer import ReplayBuffer

pytestmark = pytest.mark.usefixtures("small_networks")

SMOKE = PRESETS["smoke"]
TINY = replace(tiny_preset(replay_ratio=1.0), milestones=SMOKE.milestones)
SHORT = (
    "--episode.replay-ratio", "1.0", "--learner.targets", "patches", "--learner.batch-size", "8",
    "--transfer-set.houses", "1", "--transfer-set.frames-per-house", "8", "--transfer.steps", "2",
    "--transfer.batch-size", "4", "--eval-views", "8", "--ttt-views", "2",
)  # fmt: skip
"""TINY on the command line."""


def _rows(run: Path, kind: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row["kind"] == kind]


@pytest.mark.usefixtures("forked_children")
def test_it_collects_the_same_frames_and_takes_as_many_steps(tmp_path: Path) -> None:
    change = ("at=80:lighting=0.5",)
    configs = [
        RunConfig(tmp_path / name, seed=5, video=0, change=change, asynchronous=name == "async")
        for name in ("alternating", "async")
    ]
    expected, summary = (run_episode(config, TINY) for config in configs)
    for name in ("frames", "coverage", "buffer_coverage", "collisions", "frames_not_stored", "samples"):
        assert summary[name] == expected[name], name
    alternating, asynchronous = (ReplayBuffer.reader(config.out / "buffer").all() for config in configs)
    assert all(torch.equal(asynchronous[key], alternating[key]) for key in alternating)  # the change at its frame too
    names = ("frame", "coverage", "buffer_coverage", "collisions")
    rollouts = [[[row[name] for name in names] for row in _rows(config.out, "rollout")] for config in configs]
    assert rollouts[0] == rollouts[1]
    scores = [
        [(row["method"], row["frame"], row["change"]) for row in _rows(config.out, "evaluation")] for config in configs
    ]
    assert scores[0] == scores[1]
    maps = [np.load(config.out / "report_data" / "map.npz") for config in configs]
    assert all(np.array_equal(maps[0][key], maps[1][key]) for key in maps[0])
    assert (tmp_path / "async" / "report.html").is_file()


def _arguments(out: Path) -> list[str]:
    return ["run", "--seed", "5", "--preset", "smoke", "--async", *SHORT, "--video", "0", "--out", str(out)]


def _begin(out: Path) -> Testspace:
    """A run that is under way, its first rollout reported; its actor is a real new process."""
    environment = {"TESTSPACE_CACHE": os.environ["TESTSPACE_CACHE"], "OMP_NUM_THREADS": "1"}
    run = Testspace(_arguments(out), out.with_suffix(".log"), environment, small=True)
    metrics, deadline = out / "metrics.jsonl", time.monotonic() + 300
    while not (metrics.exists() and '"rollout"' in metrics.read_text()) and time.monotonic() < deadline:
        assert run.poll() is None, "the run ended before it could be stopped"
        time.sleep(0.02)
    return run


@pytest.mark.usefixtures("forked_children")
def test_killed_interrupted_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the killed run has an actor that was spawned; those of the sessions that resume it are forked."""
    out, over = tmp_path / "run", threading.Event()
    _begin(out).kill()
    lock = out / "agent" / "actor.lock"
    before = ("", lock.read_text(), str(os.getpid()))  # that actor ends by itself, for its learner is gone

    def interrupt() -> None:
        while (actor := lock.read_text()) in before:
            if over.wait(0.02):
                return
        os.kill(int(actor), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    status = None
    try:
        cli.main([*_arguments(out), "--resume"])
    except SystemExit as stop:
        status = stop.code
    finally:
        over.set()
        interrupting.join()
    assert status in (None, 130)  # None where it was over before
    assert "Traceback" not in capsys.readouterr().err
    cli.main([*_arguments(out), "--resume"])
    summary = json.loads((out / "summary.json").read_text())
    steps = ReplayBuffer.reader(out / "buffer").all(("step",))["step"].numpy()
    assert (np.diff(steps) > 0).all(), "a frame was stored twice"
    assert len(steps) + summary["frames_not_stored"] == summary["frames"] == SMOKE.episode.frames
    assert summary["samples"] == TINY.episode.frames * TINY.episode.replay_ratio
    assert [row["frame"] for row in _rows(out, "rollout")] == sorted({row["frame"] for row in _rows(out, "rollout")})


@pytest.mark.usefixtures("forked_children")
def test_a_crash_of_the_actor_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = tmp_path / "mine.py"
    policy.write_text(
        "class Dies:\n    acts = 0\n    def act(self, observation, info):\n"
        "        self.acts += 1\n        return 1 if self.acts < 50 else 1 / 0\n"
    )
    asked = ["run", "--preset", "smoke", "--async", *SHORT, "--policy", f"{policy}:Dies"]
    with pytest.raises(SystemExit, match="2"):
        cli.main([*asked, "--out", str(tmp_path / "run")])
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    assert "ZeroDivisionError: division by zero" in lines[0]
    assert "--resume" in lines[0]
    assert "mine.py" in (tmp_path / "run" / "agent" / "actor.log").read_text()
    assert len(ReplayBuffer.reader(tmp_path / "run" / "buffer")) > 0  # the first turn, whole


@pytest.mark.parametrize(
    ("more", "word"),
    [(["--policy", "curiosity"], "curiosity"), (["--sim", "habitat", "--change", "at=9:lighting=1"], "")],
)
def test_what_cannot_be_asynchronous_is_refused(
    more: list[str], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--preset", "smoke", "--async", "--out", str(tmp_path / "run"), *more])
    assert word in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
