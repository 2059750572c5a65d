"""`testspace run --sim thor`: a life in AI2-THOR's stand-in, through a crash and a change of light."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from thor_options import stand_in
from tiny_preset import tiny_preset

from testspace.envs.thor import session
from testspace.envs.thor.thor_simulator import ThorSimulator
from testspace.experiments.cli import main as cli
from testspace.experiments.cli import run_cli
from testspace.experiments.run import world_factory
from testspace.learners.data.replay_buffer import ReplayBuffer

pytest.importorskip("ai2thor", reason="pip install 'testspace[thor]'")
# The Controller leaves pipes, log files and its server's socket to the end of the process, and tells of its restarts.
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::UserWarning"
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_networks: None) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(session, "drawing_options", lambda: stand_in(tmp_path / "thor"))
    small = tiny_preset(frames=36, rollout=12, learning_starts=24, replay_ratio=1.0)
    monkeypatch.setattr(run_cli, "find_preset", lambda name: small)


def test_a_life_goes_through_a_crash_and_a_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    (tmp_path / "thor").mkdir()
    (tmp_path / "thor/FAULTS").write_text("RotateRight die\n")
    cli.main(["run", "--sim", "thor", "--seed", "5", "--preset", "smoke", "--policy", "random", "--out", str(out),
              "--video", "0", "--change", "at=24:lighting=1"])  # fmt: skip
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["sim"], summary["frames"]) == ("thor", 36)
    assert summary["notes"][0] == "AI2-THOR crashed or hung 1 times, and was restarted."
    assert summary["notes"][0] in capsys.readouterr().out
    assert summary["segmentation"]["specialist"]["miou"] >= 0
    assert [change["at"] for change in summary["changes"]] == [24]
    assert 0 < summary["coverage"] <= 1
    stored = ReplayBuffer.reader(out / "buffer").all(("pose", "depth"))
    assert len(stored["pose"]) == 36 - summary["frames_not_stored"]
    assert stored["pose"][:, 1].numpy() == pytest.approx(1.576, abs=1e-4)
    assert json.loads((out / "config.json").read_text())["sizes"]["transfer_set"]["camera_height"] == pytest.approx(
        1.576
    )


def test_when_it_is_given_up_what_was_lived_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(world_factory, "ThorSimulator", partial(ThorSimulator, restarts=0))
    out, faults = tmp_path / "run", tmp_path / "thor/FAULTS"
    asked = [
        "run",
        "--sim",
        "thor",
        "--seed",
        "5",
        "--preset",
        "smoke",
        "--policy",
        "random",
        "--video",
        "0",
        "--out",
        str(out),
    ]
    stored = ReplayBuffer.flush

    def flush(self: ReplayBuffer) -> None:
        stored(self)
        if len(self) > 10:
            faults.write_text("RotateRight die\n")

    with monkeypatch.context() as patch:
        patch.setattr(ReplayBuffer, "flush", flush)
        with pytest.raises(SystemExit) as stop:
            cli.main(asked)
    assert stop.value.code == 2
    assert "gave up after 0 restarts" in capsys.readouterr().err.splitlines()[-1]
    lived = len(ReplayBuffer.reader(out / "buffer").all(("pose",))["pose"])
    assert lived > 10
    faults.unlink(missing_ok=True)
    cli.main([*asked, "--resume"])
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == 36


def test_what_is_missing_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "prior", None)
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "--sim", "thor", "--house", "procthor-10k:train/17", "--out", str(tmp_path / "run")])
    assert stop.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "testspace: error: procthor-10k needs the package that fetches it: pip install prior"
    ]
    assert not (tmp_path / "run").exists()
