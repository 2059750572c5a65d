"""The experiment of simulators: its claims by hand, and a trial in AI2-THOR's stand-in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from thor_options import stand_in

from testspace.envs.thor import session
from testspace.experiments.cli import main as cli
from testspace.experiments.paper.adapted import GENERALIST
from testspace.experiments.paper.experiment import Summary
from testspace.experiments.paper.simulators import column, experiment, line, trial
from testspace.experiments.paper.tables import claim_results
from testspace.experiments.protocol.presets import PRESETS
from testspace.learners.generalist.specialist_config import SpecialistConfig

ADAPTED = PRESETS["adapted-smoke"]
TINY = replace(
    ADAPTED,
    episode=replace(ADAPTED.episode, frames=16, rollout=8, learning_starts=8, replay_ratio=0.5),
    milestones=(1.0,),
    specialist=SpecialistConfig(batch_size=4, generated_houses=1, generated_views=4),
    eval_views=2,
)


def scored(abroad: float) -> Any:
    """A trial whose specialists gain 10 points at home, and so many in the other's pictures."""

    def score_in(shown: str, run: Any) -> dict[str, dict[str, float]]:
        gain = 0.0 if run is None else 0.1 if run.sim == shown else abroad / 100
        return {"rgb": {"miou": 0.3 + gain}, "rgbd": {"miou": 0.4 + gain}}

    def live_run(policy: str, sim: str) -> Any:
        return SimpleNamespace(sim=sim, summary={"coverage": 0.5, "seconds": 60.0})

    stages = SimpleNamespace(pictures=lambda sim: sim, live_run=live_run, score_in=score_in)
    return SimpleNamespace(stages=stages)


def test_claims_compare_each_way(tmp_path: Path) -> None:
    measures = trial(("raycast", "thor"), "random", scored(4.0))
    assert measures[GENERALIST] == pytest.approx(
        {"ray caster, rgb": 30, "ray caster, rgb-d": 40, "AI2-THOR, rgb": 30, "AI2-THOR, rgb-d": 40}
    )
    assert measures[line("raycast")][column("thor")] == pytest.approx(34)
    assert measures[line("thor")][column("thor", "rgbd")] == pytest.approx(50)
    assert measures[line("thor")]["floor seen"] == 50
    summary = Summary(experiment(), [measures, trial(("raycast", "thor"), "random", scored(-1.0))])
    serves, home, back, home_again = claim_results(summary)
    assert [serves["margin"], back["margin"]] == pytest.approx([1.5, 1.5])
    assert [home["margin"], home_again["margin"]] == pytest.approx([8.5, 8.5])
    assert serves["says"] == "a specialist of ray caster is better than the generalist in the pictures of AI2-THOR"
    summary.experiment.draw(summary, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert len(experiment(("raycast", "thor", "habitat")).claims) == 8


# The Controller leaves pipes, log files and its server's socket to the end of the process.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_same_run_in_ai2_thor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai2thor", reason="pip install 'testspace[thor]'")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(session, "drawing_options", lambda: stand_in(tmp_path / "thor"))
    monkeypatch.setitem(PRESETS, "adapted-smoke", TINY)
    command = ["experiment", "simulators", "--preset", "adapted-smoke", "--house", "5", "--policy", "random"]
    cli.main([*command, "--out", str(tmp_path / "out")])
    (done,) = json.loads((tmp_path / "out/results.json").read_text())["trials"]
    for row in (GENERALIST, line("raycast"), line("thor")):
        assert all(0 < done["measures"][row][column(sim)] <= 100 for sim in ("raycast", "thor"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--sims", "thor"], "two simulators or more"), (["--sims", "thor", "thor"], "each once"),
     (["--preset", "smoke"], "starts from scratch")],
)  # fmt: skip
def test_what_cannot_be_compared_is_told(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["experiment", "simulators", "--preset", "adapted-smoke", "--house", "5", "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        cli.main([*command, *arguments])
    assert words in capsys.readouterr().err
