"""The specialist against scratch in many houses: one life for each house and seed, one table at the end.

    python -m testspace.experiments.paper.houses --houses FILE --lines 0 5 9 --seeds 0 --out runs/houses

Lives already in the folder are not lived again, so a killed run goes on with the same command, and processes that are
given different lines may share a folder (a last call with all lines then writes the whole table). The specialist is
tested at the end of each life only. Hyper-parameters are chosen on other houses than those reported (VALIDATION_LINES
of the sample of 48); the table says which houses and seeds it holds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from ...core.errors import ending_in_one_line
from ...core.storage import write_json
from ..protocol.presets import find_preset
from ..run.live_run import RunConfig, run_life

VALIDATION_LINES = (7, 19, 26, 28)
"""Houses of the sample on which the preset nano was chosen; not to be reported."""


@dataclass(frozen=True)
class HousesConfig:
    """Which lives to live."""

    houses: Path
    """House file, .jsonl or .jsonl.gz."""
    lines: tuple[int, ...]
    """Lines of the file, from 0."""
    out: Path
    """Folder for the lives, results.json and results.md."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every house is lived in with each."""
    policy: str = "frontier"
    """Who explores."""
    preset: str = "nano"
    """How large each life is."""


def run_houses(config: HousesConfig) -> dict[str, Any]:
    """Live every life that is not lived yet and write the table; returns what results.json holds."""
    lives = []
    preset = replace(find_preset(config.preset), milestones=(1.0,))
    for line in config.lines:
        for seed in config.seeds:
            out = config.out / f"house{line}-seed{seed}"
            run = RunConfig(out, f"{config.houses}:{line}", seed, config.policy, config.preset, resume=True)
            summary_file = out / "summary.json"
            summary = json.loads(summary_file.read_text()) if summary_file.exists() else run_life(run, preset)
            lives.append({"line": line, "seed": seed, **_row(summary)})
            results = {"preset": config.preset, "policy": config.policy, "lives": lives, **_gain(lives)}
            write_json(config.out / "results.json", results)
            (config.out / "results.md").write_text(table(results))
    return results


def _row(summary: dict[str, Any]) -> dict[str, Any]:
    scores = summary["segmentation"]
    row = {f"{method}_{key}": scores[method][key] for method in scores for key in ("miou", "pixel_accuracy")}
    row["specialist_on_ttt_views_miou"] = scores["specialist_ttt"]["before"]["miou"]
    row["classes"] = len(scores["specialist"]["counted"])
    return {**row, **{key: summary[key] for key in ("coverage", "seconds", "samples", "peak_rss_mb", "shared_assets")}}


def _gain(lives: Sequence[dict[str, Any]]) -> dict[str, Any]:
    gains = np.array([life["specialist_miou"] - life["scratch_miou"] for life in lives])
    ttt = np.array([life["specialist_ttt_miou"] - life["specialist_on_ttt_views_miou"] for life in lives])
    return {
        "mean_gain": float(gains.mean()),
        "gain_deviation": float(gains.std(ddof=1)) if len(gains) > 1 else None,
        "better_in": int((gains > 0).sum()),
        "better_by_4_points_in": int((gains >= 0.04).sum()),
        "mean_ttt_gain": float(ttt.mean()),
    }


def table(results: dict[str, Any]) -> str:
    """The lives as Markdown, mIoU and accuracy in percent, with the mean gain and its spread below."""
    lines = [
        "| house | seed | classes | scratch mIoU / acc | specialist mIoU / acc | gain | TTT before → after | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for life in results["lives"]:
        percent = {key: 100 * value for key, value in life.items() if key.endswith(("miou", "accuracy"))}
        lines.append(
            f"| {life['line']} | {life['seed']} | {life['classes']} "
            f"| {percent['scratch_miou']:.1f} / {percent['scratch_pixel_accuracy']:.1f} "
            f"| {percent['specialist_miou']:.1f} / {percent['specialist_pixel_accuracy']:.1f} "
            f"| {percent['specialist_miou'] - percent['scratch_miou']:+.1f} "
            f"| {percent['specialist_on_ttt_views_miou']:.1f} → {percent['specialist_ttt_miou']:.1f} "
            f"| {life['seconds']:.0f} |"
        )
    spread = results["gain_deviation"]
    deviation = f" (standard deviation {100 * spread:.1f})" if spread is not None else ""
    lines += [
        "",
        f"Mean gain {100 * results['mean_gain']:+.1f} points of mIoU{deviation}, better in {results['better_in']} of "
        f"{len(results['lives'])} lives, by 4 points or more in {results['better_by_4_points_in']}; "
        f"TTT {100 * results['mean_ttt_gain']:+.1f} on its views. "
        f"Preset {results['preset']}, policy {results['policy']}.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with ending_in_one_line():
        run_houses(tyro.cli(HousesConfig))
