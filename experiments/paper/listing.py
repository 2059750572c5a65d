"""`testspace experiment list`: the experiments, the cost of a trial at each preset, and the cached stages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from ...core.cache import cache_folder
from ..protocol.presets import PRESETS
from .registry import EXPERIMENTS, find_experiment


def listing(root: Path | None = None) -> str:
    """One paragraph per experiment, and the contents of the stage cache. `root`: cache folder, None for the default.

    Costs are median durations of earlier stages on this machine; unknown before the first.
    """
    root = root or cache_folder() / "stages"
    seconds, finished, size = _history(root)
    lines = []
    for name in EXPERIMENTS:
        experiment = find_experiment(name)
        lines += [f"{experiment.command:<20} {experiment.source}", f"{'':<20} {experiment.question}"]
        lines.append(f"{'':<20} a trial (one house, one seed): {_costs(experiment.stages, seconds)}")
    lines.append("")
    if finished:
        done = ", ".join(f"{count} {kind}" for kind, count in sorted(finished.items()))
        lines.append(f"Cached in {root} ({size / 1e9:.1f} GB; may be deleted): {done}.")
    else:
        lines.append(f"No stages cached yet; the cache is {root}.")
    return "\n".join(lines)


def _history(root: Path) -> tuple[dict[tuple[str, str], float], dict[str, int], int]:
    """Median seconds by preset and kind, finished stages by kind, and bytes of the cache."""
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    finished: dict[str, int] = defaultdict(int)
    for file in root.glob("*/*/stage.json"):
        stage = json.loads(file.read_text())
        durations[stage["preset"], stage["kind"]].append(stage["seconds"])
        finished[stage["kind"]] += 1
    # blocks, not lengths: the files of a buffer are sparse until they fill
    size = sum(file.stat().st_blocks * 512 for file in root.rglob("*") if file.is_file())
    return {key: median(values) for key, values in durations.items()}, finished, size


def _costs(stages: Mapping[str, float], seconds: dict[tuple[str, str], float]) -> str:
    costs = []
    for preset in PRESETS:
        if all((preset, kind) in seconds for kind in stages):
            minutes = sum(count * seconds[preset, kind] for kind, count in stages.items()) / 60
            costs.append(f"{preset} {minutes:.1f} min")
    rough = " + ".join(
        f"{count:g} {kind}" for kind, count in stages.items() if kind in ("collect", "pretrain", "transfer")
    )
    return f"{rough}; {', '.join(costs) if costs else 'minutes unknown until one has run here'}"
