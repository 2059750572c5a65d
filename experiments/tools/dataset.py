"""`testspace dataset`: labelled views of many houses on the disk, by several processes, resumable.

A shard holds up to SHARD_HOUSES houses of one split. Of ten houses in a row, eight are for training, one each for
validation and test, so that what is in a split does not depend on how many houses there are.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ...core.children import end_with_parent
from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import clear_unfinished, try_lock, write_json
from ...datasets import CameraRange, HouseViews, ViewOptions
from ...datasets.view_options import MODALITIES
from ...envs.camera.model import random_camera
from ...envs.gym_envs.sensor_noise import StereoCamera
from .dataset_card import finish
from .dataset_shards import RECORDS, Layout, Shard, encoded, write_shard
from .render import read_size

SHARD_HOUSES = 16
_SPLITS = ("train",) * 8 + ("val", "test")
_SETTINGS = "dataset.json"
_MOST_HOUSES = 10**6
"""Numbers of houses have six digits."""
_TRIED, _TRIED_SECONDS = 4, 5.0
"""Houses by which time and size are estimated, and after how many seconds no further one is begun."""


Noise = Literal["none", "stereo", "random"]
NOISES: dict[Noise, Any] = {"none": None, "stereo": StereoCamera(), "random": random_camera}
"""Cameras by their name, as `ViewOptions.noise` takes them."""


@dataclass(frozen=True)
class DatasetConfig:
    """Options of `testspace dataset`."""

    out: Path
    """Folder to write to, new or of the same command."""
    houses: int = 1000
    """Number of houses."""
    views: int = 60
    """Views of a house."""
    size: str = "128x128"
    """Pixels of a view, WIDTHxHEIGHT."""
    layout: Layout = "webdataset"
    """How the files lie: see `dataset_shards`."""
    seed: int = 0
    """Seed of houses, light and poses."""
    house: str | None = None
    """File of real houses to take instead of generated ones."""
    modalities: tuple[str, ...] = MODALITIES
    """Images of a view."""
    noise: Noise = "none"
    """The camera: see NOISES."""
    processes: int | None = None
    """Processes; None for one a core."""
    dry_run: bool = False
    """Only say what it would take."""


def write_dataset(config: DatasetConfig) -> str:
    """Write the data set, or what is missing of it; says what it will take on stderr, and returns what was written.

    Raises UserError for options that cannot be carried out, a folder of other settings, or a disk that is too small.
    """
    views = _views(config, "train")  # errors in the options are reported before anything is written
    if not 1 <= config.houses <= _MOST_HOUSES:
        raise UserError(f"--houses must be 1 to {_MOST_HOUSES}, got {config.houses}")
    if views.given is not None and config.houses > views.given:
        raise UserError(f"--houses {config.houses}: {config.house} has {views.given}; name at most so many")
    if config.processes is not None and config.processes < 1:
        raise UserError(f"--processes must be 1 or more, got {config.processes}")
    processes = config.processes or len(os.sched_getaffinity(0))
    out, shards, facts = config.out, plan(config.houses), _facts(config)
    _check_folder(out, facts)
    missing = [shard for shard in shards if not shard.record(out).exists()]
    if missing:
        print(_announcement(config, shards, missing, processes), file=sys.stderr, flush=True)
    if config.dry_run:
        return "nothing was written (--dry-run)"
    (out / RECORDS).mkdir(parents=True, exist_ok=True)
    with try_lock(out / ".lock"):
        clear_unfinished(out)
        write_json(out / _SETTINGS, facts)
        _render(config, shards, missing, processes)
        card = finish(out, config.layout, shards, facts)
    return f"{config.houses * config.views} frames in {len(shards)} shards in {out}: {card.name} says what is in them"


def plan(houses: int) -> list[Shard]:
    """The shards of so many houses, split by split."""
    shards = []
    for split in dict.fromkeys(_SPLITS):
        own = [number for number in range(houses) if _SPLITS[number % len(_SPLITS)] == split]
        starts = range(0, len(own), SHARD_HOUSES)
        shards += [Shard(split, k, tuple(own[start : start + SHARD_HOUSES])) for k, start in enumerate(starts)]
    return shards


def _facts(config: DatasetConfig) -> dict[str, Any]:
    """What the frames depend on; a folder holds frames of one such set only."""
    from ... import __version__

    options = {name: getattr(config, name) for name in ("houses", "views", "size", "layout", "seed")}
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    words += ["--house", config.house] if config.house else []
    words += ["--modalities", *config.modalities] if config.modalities != MODALITIES else []
    words += ["--noise", config.noise] if config.noise != "none" else []
    command = f"testspace dataset {shlex.join(words)}"
    return {**options, "house": config.house, "modalities": list(config.modalities),
            "noise": config.noise, "version": __version__,
            "command": command}  # fmt: skip


def _check_folder(out: Path, facts: dict[str, Any]) -> None:
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not (out / _SETTINGS).is_file()):
        raise UserError(f"{out} is not empty, and no data set; name a new folder with --out")
    if (out / _SETTINGS).is_file():
        before = json.loads((out / _SETTINGS).read_text())
        if before != facts:
            what = ", ".join(name for name in facts if before.get(name) != facts[name] and name != "command")
            raise UserError(f"{out} was begun with another {what}: `{before['command']}`; name a new folder with --out")


def _announcement(config: DatasetConfig, shards: list[Shard], missing: list[Shard], processes: int) -> str:
    """Hours and GB, by a few houses that are rendered and not written; UserError where the disk has less."""
    views = _views(config, "train")
    HouseViews(replace(views.options, views=1)).house(0)  # loads what is compiled
    begun, tried, size = time.perf_counter(), 0, 0
    modalities = config.modalities if config.layout != "coco" else ("rgb",)
    while tried < min(_TRIED, config.houses) and (not tried or time.perf_counter() - begun < _TRIED_SECONDS):
        house = views.house(tried)
        for view in range(config.views):
            sample = {name: array[view] for name, array in house.items()}
            size += sum(map(len, encoded(sample, modalities).values()))
        tried += 1
    each = (time.perf_counter() - begun) / tried
    houses = sum(len(shard.houses) for shard in missing)
    hours = houses * each / min(processes, len(os.sched_getaffinity(0))) / 3600
    needed = houses * size / tried
    folder = next(one for one in (config.out.resolve(), *config.out.resolve().parents) if one.exists())
    free = shutil.disk_usage(folder).free
    if needed > free and not config.dry_run:
        raise UserError(f"{config.out}: it takes about {needed / 1e9:.2f} GB, and the disk has {free / 1e9:.2f} GB")
    again = f" ({len(shards) - len(missing)} of {len(shards)} shards are there)" if len(missing) < len(shards) else ""
    return (
        f"{houses * config.views} frames in {len(missing)} shards{again}: about {_duration(hours)} with {processes}"
        f" processes, and {needed / 1e9:.3g} GB of the {free / 1e9:.0f} GB that are free"
    )


def _duration(hours: float) -> str:
    minutes = hours * 60
    return f"{hours:.1f} hours" if hours >= 1 else f"{minutes:.0f} minutes" if minutes >= 2 else f"{minutes * 60:.0f} s"


def _render(config: DatasetConfig, shards: list[Shard], missing: list[Shard], processes: int) -> None:
    done = sum(len(shard.houses) for shard in shards) - sum(len(shard.houses) for shard in missing)
    context = multiprocessing.get_context("spawn")
    with Progress() as progress, progress.stage("houses") as advance:
        advance(done, config.houses)
        pool = ProcessPoolExecutor(min(processes, len(missing)) or 1, context, _begin, (os.getpid(),))
        try:
            running = {pool.submit(_write, config, shard): shard for shard in missing}
            for future in as_completed(running):
                future.result()
                done += len(running[future].houses)
                advance(done, config.houses)
        except BaseException:
            for process in multiprocessing.active_children():  # what they have not finished is written again
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """Start of a process that renders."""
    end_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it


def _write(config: DatasetConfig, shard: Shard) -> None:
    write_shard(config.out, config.layout, shard, _views(config, shard.split))


@cache
def _views(config: DatasetConfig, split: str) -> HouseViews:
    width, height = read_size(config.size)
    if "semantic" not in config.modalities and config.layout != "coco":
        raise UserError("--modalities must have semantic: the data card counts it")
    modalities = MODALITIES if config.layout == "coco" else config.modalities
    return HouseViews(
        ViewOptions(
            seed=config.seed,
            houses=config.house,
            split=None if config.house else split,
            views=config.views,
            camera=CameraRange(width, height),
            modalities=modalities,
            noise=NOISES[config.noise],
        )
    )
