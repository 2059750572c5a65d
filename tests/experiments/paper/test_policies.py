"""The comparison of policies: how many frames a score took, by straight lines; what is walked, by the house."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from testspace.agent.policies import PolicyError
from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.core.progress import Progress
from testspace.envs.generator import generate_house
from testspace.experiments.paper import policies
from testspace.experiments.paper.experiment import Summary, Trial
from testspace.experiments.paper.policies import (
    MIOU,
    NEEDED,
    SEEN,
    column,
    draw,
    experiment,
    frames_needed,
    frames_to_half,
)
from testspace.experiments.protocol.presets import PRESETS, Preset
from testspace.experiments.stages.run_stage import LiveRun
from testspace.experiments.stages.store import Store


@pytest.mark.parametrize(
    ("target", "frames"), [(10.0, 0.0), (9.0, 0.0), (15.0, 50.0), (20.0, 100.0), (29.0, 190.0), (31.0, None)]
)
def test_frames_to_a_score_lie_on_straight_lines(target: float, frames: float | None) -> None:
    assert frames_needed([(0, 10.0), (100, 20.0), (200, 30.0)], target) == frames


def test_half_of_the_best_gain_is_asked_of_all() -> None:
    known = {
        "best": [(0, 10.0), (100, 20.0)],
        "late": [(0, 10.0), (100, 10.0), (200, 15.0)],
        "never": [(0, 10.0), (100, 9.0)],
    }
    assert frames_to_half(known) == {"best": 50.0, "late": 200.0}
    assert frames_to_half({"worse": [(0, 10.0), (100, 9.0)]}) == {}


def test_a_column_is_named_without_folders() -> None:
    assert column("frontier") == "frontier"
    assert column("some/where/mine.py:Turn") == "mine.py:Turn"
    assert column("some/where/ppo.zip") == "ppo.zip"


@pytest.mark.parametrize(
    "settings",
    [{"policy": ()}, {"policy": ("random", "random")}, {"shares": (0.0,)}, {"shares": (1.0, 0.5)}, {"shares": (1.5,)}],
)
def test_what_cannot_be_compared_is_told(settings: dict[str, tuple[object, ...]]) -> None:
    with pytest.raises(UserError, match=r"--policy|--shares"):
        experiment(**settings)  # type: ignore[arg-type]


def test_one_share_of_a_life_is_drawn_as_bars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[str, str]] = []
    for form in ("bars", "curves"):
        monkeypatch.setattr(policies, form, lambda summary, file, *_, form=form, **__: drawn.append((form, file.name)))
    seen = {f"{SEEN} after {frames}": {"random": 50.0} for frames in (60, 120)}
    for shares in ((60, 120), (120,)):
        measures = {**seen, **{f"{MIOU} after {frames}": {"random": 9.0} for frames in shares}}
        draw(Summary(experiment(), [measures]), tmp_path / "figure.png")
    curve, bar = ("curves", "figure.png"), ("bars", "figure.png")
    assert drawn == [curve, ("curves", "coverage.png"), bar, ("curves", "coverage.png")]


@pytest.fixture
def tiny(small_networks: None) -> Preset:
    smoke = PRESETS["smoke"]
    return replace(
        smoke,
        episode=replace(smoke.episode, frames=120, rollout=30),
        learner=replace(smoke.learner, image_size=16, targets="patches", input_budget=4, target_budget=4),
        transfer_set=replace(smoke.transfer_set, houses=1, frames_per_house=8, camera=Camera(16, 16)),
        eval_views=8,
    )


def test_coverage_alone_needs_no_learning_and_is_kept(tmp_path: Path, tiny: Preset) -> None:
    (tmp_path / "mine.py").write_text("class Turn:\n    def act(self, observation, info): return 2\n")
    names = ("frontier", f"{tmp_path / 'mine.py'}:Turn")
    with Progress() as progress:
        store = Store(progress, tmp_path / "stages")
        trial = Trial((generate_house(5, rooms=2),), 0, 0, tiny, store)
        asked = experiment(policy=names, shares=())
        measures = asked.trial(trial)
        assert {entry.kind for entry in store.used.values()} == {"run"}
        assert asked.trial(trial) == measures
        assert len(store.used) == 2
        (tmp_path / "mine.py").write_text("class Turn:\n    def act(self, observation, info): return 1\n")
        asked.trial(trial)  # another content is another run
        assert len(store.used) == 3
        with pytest.raises(PolicyError):
            experiment(policy=("fly",), shares=()).trial(trial)
    seen = [measures[f"{SEEN} after {frames}"]["mine.py:Turn"] for frames in (6, 12, 30, 60, 120)]
    assert seen[0] < seen[1] == seen[2] == seen[4]  # twelve turns are a circle
    last = measures[f"{SEEN} after 120"]
    assert last["frontier"] > last["mine.py:Turn"] > 0
    assert NEEDED not in measures
    assert all(not LiveRun(entry).rows("rollout")[-1]["losses"] for entry in store.used.values())
