"""`testspace experiment list`: what there is, what a trial costs at each preset, and what is done."""

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
    """One paragraph an experiment, and what the stages' folder holds. `root`: that folder, where not the usual one.

    Costs are the median seconds of such stages as they were run on this machine; unknown before the first.
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
        lines.append(f"Done and kept in {root} ({size / 1e9:.1f} GB; may be deleted): {done}.")
    else:
        lines.append(f"No stage is done yet; they are kept in {root}.")
    return "\n".join(lines)


def _history(root: Path) -> tuple[dict[tuple[str, str], float], dict[str, int], int]:
    """Median seconds by preset and kind, finished stages by kind, and bytes of all of it."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    finished: dict[str, int] = defaultdict(int)
    for file in root.glob("*/*/stage.json"):
        noted = json.loads(file.read_text())
        found[noted["preset"], noted["kind"]].append(noted["seconds"])
        finished[noted["kind"]] += 1
    # blocks, not lengths: a buffer's files have full length from the start, and take disk as they fill
    size = sum(file.stat().st_blocks * 512 for file in root.rglob("*") if file.is_file())
    return {key: median(values) for key, values in found.items()}, finished, size


def _costs(stages: Mapping[str, float], seconds: dict[tuple[str, str], float]) -> str:
    told = []
    for preset in PRESETS:
        if all((preset, kind) in seconds for kind in stages):
            minutes = sum(count * seconds[preset, kind] for kind, count in stages.items()) / 60
            told.append(f"{preset} {minutes:.1f} min")
    rough = " + ".join(
        f"{count:g} {kind}" for kind, count in stages.items() if kind in ("collect", "pretrain", "transfer")
    )
    return f"{rough}; {', '.join(told) if told else 'minutes not known before one was run here'}"
