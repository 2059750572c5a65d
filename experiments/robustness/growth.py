"""Whether doing the same again and again in one process takes ever more memory, threads or open files."""

from __future__ import annotations

import gc
import os
import resource
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...core.frame import Camera
from ...core.memory import release_freed
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.motion import Action
from .cases import Main

SETTLED = 0.3
"""Share of the calls after which caches and pools have their size."""
MORE_MEMORY = 64 * 2**20
"""Bytes that the rest may add: less than half a smoke run's frames, or 7 kB for each of 10,000 resets."""


@dataclass(frozen=True)
class Holdings:
    """What a process holds."""

    memory: int
    """Resident bytes."""
    threads: int
    files: int
    """Open descriptors."""


def holdings() -> Holdings:
    """Of this process, after its garbage was collected and given back."""
    gc.collect()
    release_freed()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Holdings(pages * resource.getpagesize(), threading.active_count(), len(os.listdir("/proc/self/fd")))


def growth(call: Callable[[int], object], count: int) -> dict[str, Any]:
    """Make the call with 0 to count - 1: what the process held when it had settled, at the end, and what grew."""
    settled = before = holdings()
    for number in range(count):
        call(number)
        if number + 1 == max(1, int(SETTLED * count)):
            settled = holdings()
    end = holdings()
    grown = {"memory": end.memory - settled.memory > MORE_MEMORY, "threads": end.threads > settled.threads,
             "files": end.files > settled.files}  # fmt: skip
    return {
        "calls": count, "before": asdict(before), "settled": asdict(settled), "end": asdict(end),
        "faults": [name for name, more in grown.items() if more],
    }  # fmt: skip


def resets(count: int) -> dict[str, Any]:
    """Resets of an environment, each by its own seed, with a step; every hundredth is of an environment made anew."""
    envs = [HouseEnv(4, camera=Camera(16, 16), light="direct")]

    def reset(number: int) -> None:
        if number % 100 == 99:
            envs[0] = HouseEnv(4 + number % 3, camera=Camera(16, 16), light="direct")
        envs[0].reset(seed=number)
        envs[0].step(number % len(Action))

    return growth(reset, count)


def runs(command_line: Main, words: Sequence[str], out: Path, count: int) -> dict[str, Any]:
    """Whole runs by the command line in this process, of two seeds in turn: what is cached of houses soon has its
    size."""

    def run(number: int) -> None:
        shutil.rmtree(out, ignore_errors=True)
        command_line(["run", "--seed", str(number % 2), *words, "--out", str(out)])

    return growth(run, count)
