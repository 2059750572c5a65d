"""Runs an experiment: every house with every seed, from the stages' cache where it was done before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import replacing, write_json
from ...envs.generator import generate_house
from ...envs.house.house import House
from ...envs.house.house_io import load_house
from ..protocol.presets import find_preset
from ..stages import Store
from .experiment import Experiment, Summary, Trial
from .grid import each
from .options import Ask
from .registry import find_experiment
from .tables import page, told_claims

FORMAT = 1
"""Of results.json."""


def run_experiment(name: str, settings: dict[str, Any], ask: Ask) -> Summary:
    """Run every trial, and leave results.json, table.md and figure.png in `ask.out`; returns what they came to.

    `settings` are the experiment's own. After each trial the results so far are written. UserError where a house is
    given twice, or the folder holds another thing; HouseError for a house that cannot be read.
    """
    experiment = find_experiment(name, settings)
    houses = [find_house(one) for one in ask.house]
    _check(ask, houses)
    wanted = [(index, seed) for index in range(len(houses)) for seed in ask.seeds]
    if not wanted or ask.grid < 1:
        raise UserError("name one house, one seed and one trial at a time at least: --house, --seeds, --grid")
    ask.out.mkdir(parents=True, exist_ok=True)
    done: dict[tuple[int, int], dict[str, Any]] = {}
    for place, row in _rows(name, settings, ask, wanted):
        done[place] = {"house": ask.house[place[0]], "seed": place[1], **row}
        _write(name, settings, experiment, ask, [done[key] for key in wanted if key in done])
    return Summary(experiment, [done[key]["measures"] for key in wanted])


def find_house(reference: str) -> House:
    """A house file, or the generated house of a seed."""
    return generate_house(int(reference)) if reference.isdecimal() else load_house(reference)


def _check(ask: Ask, houses: list[House]) -> None:
    find_preset(ask.preset)
    for name, values in (("--house", ask.house), ("--seeds", ask.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"{name} names the same twice: {' '.join(map(str, values))}")
    if ask.out.exists() and (not ask.out.is_dir() or (any(ask.out.iterdir()) and not _is_ours(ask.out))):
        raise UserError(f"{ask.out} exists and is not an experiment's folder; name an empty or new one with --out")


def _is_ours(out: Path) -> bool:
    return (out / "results.json").is_file()


def _rows(
    name: str, settings: dict[str, Any], ask: Ask, wanted: list[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """Each trial's outcome as it is there; the trials are run here, or side by side in processes."""
    if ask.grid == 1 or len(wanted) == 1:
        for place in wanted:
            yield place, run_trial(name, settings, ask, *place)
        return
    tasks = [(name, settings, ask, *place, 1) for place in wanted]
    for task, row in each(run_trial, tasks, min(ask.grid, len(wanted))):
        yield (task[3], task[4]), row


def run_trial(
    name: str, settings: dict[str, Any], ask: Ask, index: int, seed: int, threads: int | None = None
) -> dict[str, Any]:
    """What one trial measured, the seconds of all stages it needed (whenever they were run), and how many are new."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    houses = tuple(find_house(one) for one in ask.house)
    with Progress() as progress:
        store = Store(progress, preset=ask.preset, device=ask.device)
        measures = find_experiment(name, settings).trial(Trial(houses, index, seed, find_preset(ask.preset), store))
    seconds = sum(entry.seconds for entry in store.used.values())
    return {"measures": measures, "seconds": seconds, "stages": len(store.used)}


def _write(name: str, settings: dict[str, Any], experiment: Experiment, ask: Ask, trials: list[dict[str, Any]]) -> None:
    summary = Summary(experiment, [trial["measures"] for trial in trials])
    results = {
        "format": FORMAT, "experiment": name, "settings": settings, "source": experiment.source, "preset": ask.preset,
        "live": experiment.live,
        "houses": list(ask.house), "seeds": list(ask.seeds), "asked": len(ask.house) * len(ask.seeds),
        "trials": trials, "claims": told_claims(summary),
    }  # fmt: skip
    write_json(ask.out / "results.json", results)
    with replacing(ask.out / "table.md") as unfinished:
        unfinished.write_text("\n\n".join(page(summary, results, ask.out.name)) + "\n")
    experiment.draw(summary, ask.out / "figure.png")
