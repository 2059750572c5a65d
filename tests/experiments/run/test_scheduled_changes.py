"""Changes in the middle of a life: what is asked for, what is left behind, and going on after kill -9."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_preset import tiny_preset

from testspace.agent.live import AlternatingAgent
from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.datasets.poses import blank_views
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli import main as cli
from testspace.experiments.protocol.held_out import draw_views
from testspace.experiments.run import live_run
from testspace.experiments.run.live_run import run_episode
from testspace.experiments.run.run_config import RunConfig
from testspace.experiments.run.scheduled_changes import eval_points, kept, parse_scheduled, recoveries, states_of
from testspace.learners.data.replay_buffer import ReplayBuffer

pytestmark = pytest.mark.usefixtures("small_networks")

SHORT = tiny_preset(frames=120, rollout=20, learning_starts=40, replay_ratio=1.0)


def test_every_change_that_is_named_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[RunConfig] = []
    monkeypatch.setattr(live_run, "run_episode", lambda config, sizes: asked.append(config))
    monkeypatch.setattr(cli, "headline", str)
    changes = ["at=20:lighting=0.6", "at=30:objects=0.4"]
    cli.main(["run", "--out", str(tmp_path / "run"), *(part for one in changes for part in ("--change", one))])
    assert asked[0].change == tuple(changes)


def test_changes_are_read_in_the_order_of_time() -> None:
    late, early = "at=90:lighting=0.6,objects=0.3", "at=40:objects=1"
    assert [str(one) for one in parse_scheduled([late, early], 100)] == [early, late]


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["lighting=0.6"], "at=FRAME:KIND=STRENGTH"),
        (["at=x:lighting=0.6"], "at=FRAME:KIND=STRENGTH"),
        (["at=100:lighting=0.6"], "from 1 to 99"),
        (["at=0:lighting=0.6"], "from 1 to 99"),
        (["at=5:weather=1"], "no change 'weather'.*lighting, objects, materials"),
        (["at=5:lighting=2"], "from 0 to 1"),
        (["at=5:lighting=1", "at=5:objects=1"], "two changes at frame 5"),
    ],
)
def test_what_cannot_be_asked_is_said(texts: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_scheduled(texts, 100)


def test_the_specialist_is_tested_before_each_change_and_a_tenth_of_the_life_after() -> None:
    changes = parse_scheduled(["at=30:lighting=1", "at=95:lighting=1"], 100)
    assert eval_points(100, (0.5, 1.0), changes) == [30, 40, 50, 95, 100]
    assert eval_points(100, (0.5, 1.0), ()) == [50, 100]


def test_recovery_is_the_share_of_the_drop_that_came_back() -> None:
    changes = parse_scheduled(["at=30:lighting=1", "at=60:objects=1"], 100)
    told = [(30, 0, 0.5), (30, 1, 0.3), (40, 1, 0.45), (60, 1, 0.4), (60, 2, 0.42), (100, 2, 0.5)]
    rows = [{"method": "specialist", "frame": f, "change": c, "miou": m} for f, c, m in told]
    first, second = recoveries([{"method": "scratch", "frame": 0, "change": 0, "miou": 0.1}, *rows], changes)
    assert (first["before"], first["right_after"]) == (0.5, 0.3)
    assert first["recovered"] == pytest.approx(0.5)
    assert [row["frame"] for row in first["later"]] == [40, 60]
    assert second["recovered"] is None  # it did not drop


def test_views_are_good_in_every_state_of_the_house() -> None:
    states = states_of(generate_house(5, rooms=1), parse_scheduled(["at=1:objects=1"], 9), seed=0)
    before, after = (RayCastSimulator(build_scene(state), Camera(16, 16), light="direct") for state in states)
    views, _ = draw_views(before, 30, 1.5, np.random.default_rng(0), [after])
    assert len(views["pose"]) == 30
    assert after.floor.contains_points(views["pose"][:, [0, 2]].astype(np.float64)).all()
    assert not blank_views(after.render_with_labels(views["pose"])[1].instance).any()


class Killed(BaseException):
    """As kill -9 leaves things: nothing is tidied up."""


def test_a_house_that_changes_twice_and_a_life_that_is_killed_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(tmp_path / "run", seed=5, video=0, change=("at=40:lighting=0.8", "at=80:objects=1"))
    sizes = replace(SHORT, episode=replace(SHORT.episode, eviction="balanced", memory=50))

    def watched_until(frame: int):  # type: ignore[no-untyped-def]
        live = AlternatingAgent.live

        def stop(self: AlternatingAgent, until: int, watch):  # type: ignore[no-untyped-def]
            live(self, min(until, frame), watch)
            if until > frame:
                raise Killed

        return stop

    with monkeypatch.context() as patched:
        patched.setattr(AlternatingAgent, "live", watched_until(60))
        with pytest.raises(Killed):
            run_episode(config, sizes)
    summary = run_episode(replace(config, resume=True), sizes)

    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    tested = [
        (row["method"], row["frame"], row["change"], row.get("adapted", True))
        for row in rows
        if row["kind"] == "evaluation" and row["method"] == "specialist"
    ]
    assert tested == [
        ("specialist", 40, 0, True),
        ("specialist", 40, 1, False),
        ("specialist", 52, 1, True),
        ("specialist", 80, 1, True),
        ("specialist", 80, 2, False),
        ("specialist", 92, 2, True),
        ("specialist", 120, 2, True),
    ]
    scratch = [(row["frame"], row["change"]) for row in rows if row.get("method") == "scratch"]
    assert scratch == [(0, 0), (40, 1), (80, 2)]
    assert [(row["frame"], row["change"]) for row in rows if row["kind"] == "change"] == [
        (40, "lighting=0.8"),
        (80, "objects=1"),
    ]
    assert [change["at"] for change in summary["changes"]] == [40, 80]
    original = summary["original_house"]
    assert 0 <= original["miou"] <= 1
    assert original["backward_transfer"] == pytest.approx(original["miou"] - summary["changes"][0]["before"])
    assert original["forgetting"] >= -original["backward_transfer"]

    buffer = ReplayBuffer.reader(tmp_path / "run" / "buffer")
    assert (len(buffer), buffer.eviction) == (50, "balanced")
    assert set(buffer.sample(1)) == {"rgb", "depth", "normals", "edges", "pose", "step"}  # no label came in
    steps = buffer.all(("step",))["step"].numpy()
    assert len(set(steps.tolist())) == 50

    # the frames after a change show the house as it then was: rendered anew from their poses they are the same
    states = states_of(generate_house(5), parse_scheduled(config.change, 120), seed=5)
    for state, when in zip(states, (steps < 40, (steps >= 40) & (steps < 80), steps >= 80), strict=True):
        assert when.any()
        stored = buffer.all(("rgb", "pose"))
        again = RayCastSimulator(build_scene(state), Camera(32, 32), light="direct")
        same = again.render(stored["pose"].numpy()[when])["rgb"].astype(int) - stored["rgb"].numpy()[when]
        assert np.abs(same).mean() < 0.5

    page = (tmp_path / "run" / "report.html").read_text()
    assert "The house changed" in page
    assert "lighting=0.8 at 40" in page
    assert page.count('alt="before"') == page.count('alt="after"') == 12


def test_what_was_kept_has_its_usual_names() -> None:
    rows = [{"method": "specialist", "change": change, "miou": miou} for change, miou in ((0, 0.5), (0, 0.4), (1, 0.1))]
    assert kept(rows, 0.3) == pytest.approx({"backward_transfer": -0.1, "forgetting": 0.2})
