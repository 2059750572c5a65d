"""The demo and the keyboard: a short walk of each, in a house of one room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from testspace.core.frame import Camera
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.motion import Action
from testspace.experiments.cli import main as cli
from testspace.experiments.tools import play


def test_the_demo_leaves_a_video_and_says_what_was_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    cli.main(["demo", "--house", "11", "--steps", "6", "--no-view", "--out", str(out)])
    said = capsys.readouterr().out
    assert "6 steps" in said
    assert str(out / "demo.mp4") in said
    assert sorted(path.name for path in out.iterdir()) == ["demo.mp4", "demo.png", "demo.webp"]
    assert cv2.VideoCapture(str(out / "demo.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 6
    assert len(cv2.imreadanimation(str(out / "demo.webp"))[1].frames) == 3
    assert cv2.imread(str(out / "demo.png")).std() > 20
    with pytest.raises(SystemExit, match="2"):
        cli.main(["demo", "--out", str(out)])
    assert "not empty" in capsys.readouterr().err


def test_the_demo_is_shown_in_rerun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rerun = pytest.importorskip("rerun")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(rerun, "spawn", lambda **_: None)
    monkeypatch.setattr(rerun, "GrpcSink", lambda: rerun.FileSink(tmp_path / "shown.rrd"))
    cli.main(["demo", "--house", "11", "--steps", "2", "--out", str(tmp_path / "demo")])
    chunk = pytest.importorskip("rerun.chunk")
    found = {one.entity_path for one in chunk.RrdReader(tmp_path / "shown.rrd").stream()}
    assert {"/house/map", "/house/path", "/one_view", "/all_views"} <= found


def test_while_no_key_is_down_nothing_moves() -> None:
    env = play.WithNoOp(HouseEnv(11, Camera(32, 32), render_mode="rgb_array", light="direct"))
    start, _ = env.reset(seed=0)
    frame, *_ = env.step(np.int64(len(Action)))
    np.testing.assert_array_equal(frame["pose"], start["pose"])
    frame, *_ = env.step(np.int64(Action.ROTATE_LEFT))
    assert frame["pose"][3] != start["pose"][3]
    assert env.action_space.contains(np.int64(5))


def test_keys_walk_and_escape_ends(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    turned: list[int] = []
    step = HouseEnv.step

    def counting(self: HouseEnv, action: Any) -> Any:
        turned.append(int(action))
        return step(self, action)

    down = [(pygame.KEYDOWN, pygame.K_LEFT), (pygame.KEYUP, pygame.K_LEFT), (pygame.KEYDOWN, pygame.K_ESCAPE)]
    events = iter([[], *([pygame.event.Event(kind, key=key)] for kind, key in down)])
    monkeypatch.setattr(HouseEnv, "step", counting)
    monkeypatch.setattr(pygame.event, "get", lambda: next(events))
    monkeypatch.setattr(play, "RATE", 1000)
    cli.main(["play", "--house", "11", "--size", "64x48"])
    assert turned == [Action.ROTATE_LEFT]
    assert "Escape ends" in capsys.readouterr().out


def test_play_says_what_it_needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pygame", None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["play"])
    assert "testspace[play]" in capsys.readouterr().err
