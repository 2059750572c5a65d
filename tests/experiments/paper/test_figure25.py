"""Figure 25 from the generalist: which scores of a run stand in which cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from testspace.core.progress import Progress
from testspace.envs.generator import generate_house
from testspace.experiments.cli import main as cli
from testspace.experiments.paper import figure25
from testspace.experiments.paper.adapted import GENERALIST
from testspace.experiments.paper.experiment import Trial
from testspace.experiments.paper.figure25 import AFTER, BACK, BEFORE, FROZEN, NEW, continual
from testspace.experiments.protocol.presets import PRESETS
from testspace.experiments.stages.run_stage import LiveRun
from testspace.experiments.stages.stages import Stages
from testspace.experiments.stages.store import Store


class _Run:
    """A run with known scores: those of the class Bed, and of a class that the changed house does not count."""

    def __init__(self, preset: Any) -> None:
        frames, self.milestones = preset.episode.frames, preset.milestones
        self.points = [(round(share * frames), 1) for share in self.milestones]

    def scores(self, method: str) -> list[dict[str, Any]]:
        base = {"generalist": 0.5, "specialist": 0.6, "specialist_rgbd": 0.7, "map": 0.8, "specialist_map": 0.9}[method]
        half = self.points[-1][0] // 2
        if method == "generalist":
            return [self._row(0, 0, base), self._row(half, 1, base - 0.2)]
        later = [self._row(frame, 1, base - 0.04 * step) for step, (frame, _) in enumerate(reversed(self.points))]
        return [self._row(half, 0, base), self._row(half, 1, base - 0.3), *later]

    @staticmethod
    def _row(frame: int, change: int, value: float) -> dict[str, Any]:
        counted = ["Bed", "Sofa"] if change == 0 else ["Bed"]
        return {"frame": frame, "change": change, "counted": counted, "per_class": {"Bed": value, "Sofa": 0.1}}

    @property
    def summary(self) -> dict[str, Any]:
        return {"original_house": self._row(0, 0, 0.55)}


def test_the_live_specialist_is_followed_with_each_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any]] = []

    def live_run(stages: Stages, preset: Any = None, policy: str = "frontier", change: Any = ()) -> LiveRun:
        asked.append((preset, change))
        return _Run(preset)  # type: ignore[return-value]

    monkeypatch.setattr(Stages, "live_run", live_run)
    preset = PRESETS["adapted-smoke"]
    with Progress() as progress:
        store = Store(progress, root=tmp_path, preset="adapted-smoke")
        trial = Trial((generate_house(5),), 0, 0, preset, store)
        found = figure25.trial("lighting=1,objects=0.6", ("reservoir",), (), trial)
    (first, change), (new, none) = asked
    assert (first.episode.frames, first.episode.memory) == (2 * preset.episode.frames, preset.episode.frames)
    assert change == (f"at={preset.episode.frames}:lighting=1,objects=0.6",)
    assert (new.milestones, none) == ((1.0,), ())
    ours = continual("reservoir")
    assert [found[line][ours] for line in (BEFORE, AFTER, "after 1/10", "after 1/1", BACK)] == pytest.approx(
        [60.0, 30.0, 48.0, 60.0, 55.0]
    )
    assert [found[line][FROZEN] for line in (BEFORE, "after 1/1", BACK)] == pytest.approx([60.0, 30.0, 60.0])
    assert [found[line][GENERALIST] for line in (BEFORE, AFTER, BACK)] == pytest.approx([50.0, 30.0, 50.0])
    assert found[AFTER][continual("reservoir", "map")] == pytest.approx(50.0)
    assert found["after 1/1"][NEW] == pytest.approx(60.0)
    assert continual("reservoir", "rgb-d") not in found[BACK]


def test_other_generalists_are_for_presets_from_scratch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["experiment", "continual", "--preset", "adapted", "--house", "5", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        cli.main([*command, "--generalist", "test_vit3"])
    assert "presets from scratch" in capsys.readouterr().err
