"""What every experiment asks of a person; its own module, since the command line must answer at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Ask:
    """Houses, seeds and size of an experiment, and where its results go."""

    out: Path
    """Folder for results.json, table.md and figure.png; an experiment that was stopped goes on there."""
    house: tyro.conf.UseAppendAction[Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE[:LINE]|SEED")]] = ()
    """A test space: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house. Several may be given."""
    preset: str = "nano"
    """Size and budget: smoke (seconds; shows nothing but that it works), nano-short, nano, nano-long."""
    seeds: tuple[int, ...] = (0,)
    """Seeds; every house is tried with each."""
    device: str = "auto"
    """Where networks are trained and run: auto (the GPU if there is one), cpu, cuda, cuda:1."""
    grid: int = 1
    """Trials side by side, each in a process of its own with one thread: by Ray where it is installed (extra `ray`)."""
