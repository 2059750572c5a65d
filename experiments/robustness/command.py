"""`testspace bench robustness`: mutated files, damaged run folders and killed runs, from a seed, and the faults."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from ...core.storage import write_json
from . import growth
from .cases import Main, Outcome
from .folders import damaged_folders
from .kills import differences, run_killed
from .readers import make_samples, mutated

TINY = (
    "--learner.targets", "patches", "--learner.batch-size", "8", "--transfer-set.houses", "1",
    "--transfer-set.frames-per-house", "8", "--transfer.steps", "2", "--transfer.batch-size", "4", "--ttt-views", "2",
)  # fmt: skip
_SCRATCH = ("--preset", "smoke", "--generalist", "none", "--eval-views", "8", *TINY)
_ADAPTED = ("--preset", "adapted-smoke", "--eval-views", "8")
RUNS: dict[str, tuple[str, ...]] = {
    "scratch": _SCRATCH,
    "scratch, little memory": (*_SCRATCH, "--episode.memory", "50", "--episode.eviction", "balanced"),
    "scratch, changing house": (*_SCRATCH, "--change", "at=80:lighting=0.5"),
    "scratch, random": (*_SCRATCH, "--policy", "random", "--episode.memory", "50", "--episode.eviction", "minred"),
    "scratch, curiosity": (*_SCRATCH, "--policy", "curiosity", "--episode.memory", "50"),
    "scratch, coverage": (
        *_SCRATCH,
        "--policy",
        "coverage",
        "--episode.memory",
        "50",
        "--episode.eviction",
        "reservoir",
    ),
    "adapted": _ADAPTED,
    "adapted, novelty": (*_ADAPTED, "--policy", "novelty", "--episode.memory", "40"),
}
"""The kinds of run that are killed."""
KILLS_OF_A_RUN, LONGEST = 12, 12.0
"""A run is killed so often at most, each time after a random part of so many seconds."""


@dataclass(frozen=True)
class Robustness:
    """How much to try."""

    work: Path
    """Folder for all that the cases write."""
    seed: int = 0
    files: int = 2000
    """Mutated files."""
    folders: int = 60
    """Damaged run folders, of each of two kinds of run."""
    kills: int = 24
    """Kills, over the kinds of run."""
    resets: int = 1000
    """Resets of an environment, in one process."""
    runs: int = 10
    """Runs in one process."""
    corpus: Path | None = None
    """Folder of more samples to mutate."""
    json_file: Path | None = None
    """File for the figures."""


def main(config: Robustness, run: Main) -> None:
    """Try it all, print faults as they come and a table at the end; exits with status 1 where there was a fault.

    `run` is the command line's main function.
    """
    torch.set_num_threads(1)
    config.work.mkdir(parents=True, exist_ok=True)
    began = time.time()
    kinds = {"files": _files(config), "folders": _folders(config, run), "kills": _kills(config, run),
             "resets": growth.resets(config.resets) if config.resets else {"faults": []},
             "runs": _runs(config, run)}  # fmt: skip
    figures = {**kinds, "seconds": round(time.time() - began)}
    print(json.dumps(figures, indent=2))
    if config.json_file is not None:
        write_json(config.json_file, figures)
    if any(kind["faults"] for kind in kinds.values()):
        sys.exit(1)


def _files(config: Robustness) -> dict[str, Any]:
    made = config.work / "samples"
    make_samples(made)
    samples = [path for folder in (made, config.corpus) if folder is not None for path in sorted(folder.iterdir())]
    return _told(mutated(samples, config.work / "files", config.seed, config.files))


def _folders(config: Robustness, run: Main) -> dict[str, Any]:
    picture = config.work / "picture.png"
    cv2.imwrite(str(picture), np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8))
    outcomes = []
    for name in ("scratch, little memory", "adapted") if config.folders else ():
        whole = _whole(config, run, name)
        words, scratch = ["--seed", "7", *RUNS[name]], name != "adapted"
        work = config.work / "folder"
        outcomes += list(damaged_folders(run, whole, words, picture, scratch, work, config.seed, config.folders))
    return _told(outcomes)


def _kills(config: Robustness, run: Main) -> dict[str, Any]:
    kills, runs, faults = 0, 0, []
    while kills < config.kills:
        name = list(RUNS)[runs % len(RUNS)]
        whole, out = _whole(config, run, name), config.work / "killed"
        shutil.rmtree(out, ignore_errors=True)
        seed = config.seed + runs
        try:
            kills += run_killed(run, ["--seed", "7", *RUNS[name]], out, seed, KILLS_OF_A_RUN, LONGEST)
            wrong = differences(whole, out)
        except RuntimeError as error:
            wrong = [str(error)]
        faults += [f"{name} {seed}: {one}" for one in wrong]
        for one in wrong:
            print(f"{name} {seed}: {one}", file=sys.stderr, flush=True)
        runs += 1
    return {"kills": kills, "runs": runs, "faults": faults}


def _runs(config: Robustness, run: Main) -> dict[str, Any]:
    if not config.runs:
        return {"faults": []}
    os.environ["TESTSPACE_CACHE"] = str(config.work / "runs-cache")
    return growth.runs(run, RUNS["scratch, little memory"], config.work / "again", config.runs)


def _whole(config: Robustness, run: Main, name: str) -> Path:
    """A run of this kind that nobody has disturbed."""
    out = config.work / f"whole {name}"
    if not (out / "summary.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        run_killed(run, ["--seed", "7", *RUNS[name]], out, 0, 0, 0.0)
    return out


def _told(outcomes: Any) -> dict[str, Any]:
    """How many cases had each outcome, and the faults by name."""
    counts: Counter[str] = Counter()
    faults = []
    outcome: Outcome
    for name, outcome in outcomes:
        counts[outcome.kind] += 1
        if outcome.fault:
            print(f"{name}: {outcome.kind}: {outcome.text[-500:]}", file=sys.stderr, flush=True)
            faults.append(f"{name}: {outcome.kind}")
    return {**counts, "faults": faults}
