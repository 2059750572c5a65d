"""Many lives, one table: what is lived already is not lived again, and the table says what the lives came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from testspace.core.storage import write_json
from testspace.experiments.paper import houses
from testspace.experiments.paper.houses import HousesConfig, run_houses
from testspace.experiments.protocol.presets import Preset
from testspace.experiments.run.live_run import RunConfig

GAINS = {3: 0.05, 5: 0.01, 8: -0.02}


def live(run: RunConfig) -> dict[str, Any]:
    """A life that came to a known gain, without living it."""
    gain = GAINS[int(str(run.house).rsplit(":", 1)[1])]

    def score(miou: float) -> dict[str, Any]:
        return {"miou": miou, "pixel_accuracy": 0.7, "counted": ["Wall", "Floor"]}

    scores = {"scratch": score(0.2), "specialist": score(0.2 + gain)}
    scores["specialist_ttt"] = {**score(0.31), "before": {"miou": 0.3}}
    summary = {"segmentation": scores, "coverage": 1.0, "seconds": 60.0, "samples": 10, "peak_rss_mb": 1.0}
    run.out.mkdir(parents=True)
    write_json(run.out / "summary.json", {**summary, "shared_assets": []})
    return {**summary, "shared_assets": []}


def test_lives_are_lived_once_and_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[str] = []

    def count(run: RunConfig, preset: Preset) -> dict[str, Any]:
        assert preset.milestones == (1.0,)
        lived.append(str(run.house))
        return live(run)

    monkeypatch.setattr(houses, "run_life", count)
    config = HousesConfig(Path("homes.jsonl"), (3, 5, 8), tmp_path)
    results = run_houses(config)
    assert lived == ["homes.jsonl:3", "homes.jsonl:5", "homes.jsonl:8"]
    assert results["mean_gain"] == pytest.approx(0.04 / 3)
    assert (results["better_in"], results["better_by_4_points_in"]) == (2, 1)
    assert results["mean_ttt_gain"] == pytest.approx(0.01)
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    text = (tmp_path / "results.md").read_text()
    assert "| 8 | 0 | 2 | 20.0 / 70.0 | 18.0 / 70.0 | -2.0 | 30.0 → 31.0 | 60 |" in text
    assert "Mean gain +1.3 points of mIoU (standard deviation 3.5), better in 2 of 3 lives" in text
    assert run_houses(config) == results
    assert len(lived) == 3
