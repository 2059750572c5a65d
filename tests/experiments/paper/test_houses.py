"""The table of houses is made of the live agent's own scores."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testspace.experiments.paper.experiment import Summary
from testspace.experiments.paper.houses import BEFORE, EPISODE, SCRATCH, SPECIALIST, TTT, experiment, trial
from testspace.experiments.paper.tables import claim_results
from testspace.experiments.protocol.presets import PRESETS


def finished(gain: float) -> Any:
    """A trial whose live run came to a known gain."""

    def score(miou: float) -> dict[str, Any]:
        return {"miou": miou, "pixel_accuracy": 0.7, "counted": ["Wall", "Floor"]}

    scores: dict[str, Any] = {"scratch": score(0.2), "specialist": score(0.2 + gain)}
    scores["specialist_ttt"] = {**score(0.31), "before": {"miou": 0.3, "pixel_accuracy": 0.65}}
    summary = {
        "segmentation": scores, "coverage": 0.75, "seconds": 60.0, "peak_rss_mb": 1000.0, "shared_assets": ["Bed_1"],
    }  # fmt: skip

    def live_run(preset: Any, policy: str) -> Any:
        assert (preset.milestones, policy) == ((1.0,), "random")
        return SimpleNamespace(summary=summary)

    return SimpleNamespace(preset=PRESETS["smoke"], stages=SimpleNamespace(live_run=live_run))


def test_a_trial_is_the_live_agents_scores_in_percent() -> None:
    measures = trial("random", finished(0.05))
    assert measures[SCRATCH]["mIoU"] == pytest.approx(20)
    assert measures[SPECIALIST]["mIoU"] == pytest.approx(25)
    assert (measures[BEFORE]["mIoU"], measures[TTT]["mIoU"]) == pytest.approx((30, 31))
    assert measures[EPISODE] == {
        "floor seen": 75.0, "classes": 2.0, "seconds": 60.0, "peak memory, MB": 1000.0, "assets shared with D_t": 1.0,
    }  # fmt: skip


def test_claims_count_houses_and_margins(tmp_path: Path) -> None:
    gains = (0.05, 0.01, -0.02)
    summary = Summary(experiment("random"), [trial("random", finished(gain)) for gain in gains])
    better, by_four, ttt = claim_results(summary)
    assert better["margin"] == pytest.approx(100 * sum(gains) / 3)
    assert (better["holds_in"], by_four["holds_in"], ttt["holds_in"]) == (2, 1, 3)
    experiment().draw(summary, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
