"""Runs an experiment: every house with every seed, reusing cached stages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import replacing, write_json
from ...envs.generator.house_reference import find_house
from ...envs.house.house import House
from ..stages.store import Store
from .experiment import Experiment, Summary, Trial
from .grid import map_trials
from .options import ExperimentOptions
from .registry import find_experiment
from .tables import claim_results, page

FORMAT = 1
"""Version of results.json."""


def run_experiment(name: str, settings: dict[str, Any], options: ExperimentOptions) -> Summary:
    """Run every trial; write results.json, table.md and figure.png to `options.out`; return the summary.

    `settings` are specific to the experiment. Results are updated after each trial. UserError if a house is repeated or
    the folder holds something else; HouseError for an unreadable house.
    """
    experiment = find_experiment(name, settings)
    houses = [find_house(one) for one in options.house]
    _check(options, houses)
    planned = [(index, seed) for index in range(len(houses)) for seed in options.seeds]
    if not planned or options.grid < 1:
        raise UserError("give at least one --house, one of --seeds, and --grid 1")
    options.out.mkdir(parents=True, exist_ok=True)
    done: dict[tuple[int, int], dict[str, Any]] = {}
    for place, row in _rows(name, settings, options, planned):
        done[place] = {"house": options.house[place[0]], "seed": place[1], **row}
        _write(name, settings, experiment, options, [done[key] for key in planned if key in done])
    return Summary(experiment, [done[key]["measures"] for key in planned])


def _check(options: ExperimentOptions, houses: list[House]) -> None:
    options.sizes()
    for name, values in (("--house", options.house), ("--seeds", options.seeds)):
        if len(set(values)) < len(values):
            raise UserError(f"{name} has duplicates: {' '.join(map(str, values))}")
    if options.out.exists() and (
        not options.out.is_dir() or (any(options.out.iterdir()) and not _is_ours(options.out))
    ):
        raise UserError(f"{options.out} exists and is not an experiment's folder; name an empty or new one with --out")


def _is_ours(out: Path) -> bool:
    return (out / "results.json").is_file()


def _rows(
    name: str, settings: dict[str, Any], options: ExperimentOptions, planned: list[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], dict[str, Any]]]:
    """The result of each trial as it completes; trials run here, or in parallel processes."""
    if options.grid == 1 or len(planned) == 1:
        for place in planned:
            yield place, run_trial(name, settings, options, *place)
        return
    tasks = [(name, settings, options, *place, 1) for place in planned]
    for task, row in map_trials(run_trial, tasks, min(options.grid, len(planned))):
        yield (task[3], task[4]), row


def run_trial(
    name: str, settings: dict[str, Any], options: ExperimentOptions, index: int, seed: int, threads: int | None = None
) -> dict[str, Any]:
    """Measures of one trial, and the seconds and number of all stages it used, cached ones included."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    houses = tuple(find_house(one) for one in options.house)
    with Progress() as progress:
        store = Store(progress, preset=options.preset, device=options.device)
        measures = find_experiment(name, settings).trial(Trial(houses, index, seed, options.sizes(), store))
    seconds = sum(entry.seconds for entry in store.used.values())
    return {"measures": measures, "seconds": seconds, "stages": len(store.used)}


def _device_name(device: str) -> str:
    """What networks are trained on: "CPU", or the name of the GPU."""
    import torch

    from ...learners.nn.device import find_device

    found = find_device(device)
    return torch.cuda.get_device_name(found) if found.type == "cuda" else "CPU"


def _write(
    name: str,
    settings: dict[str, Any],
    experiment: Experiment,
    options: ExperimentOptions,
    trials: list[dict[str, Any]],
) -> None:
    summary = Summary(experiment, [trial["measures"] for trial in trials])
    results = {
        "format": FORMAT, "experiment": name, "settings": settings, "source": experiment.source,
        "preset": options.preset, "camera": asdict(options.view_from), "live": experiment.live,
        "device": _device_name(options.device),
        "houses": list(options.house), "seeds": list(options.seeds), "planned": len(options.house) * len(options.seeds),
        "trials": trials, "claims": claim_results(summary),
    }  # fmt: skip
    write_json(options.out / "results.json", results)
    with replacing(options.out / "table.md") as unfinished:
        unfinished.write_text("\n\n".join(page(summary, results, options.out.name)) + "\n")
    experiment.draw(summary, options.out / "figure.png")
