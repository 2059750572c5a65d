"""Endless stream of labelled views: worker processes render houses into shared memory, ahead of the trainer.

Houses come in chunks, and the trainer samples from a whole chunk. The sequence of views depends on the seed alone, not
on the number of workers or their speed.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ...core.children import end_with_parent
from ...learners.generalist.views import LAYOUT, Views
from ..protocol.generated_views import house_views

PAUSE = 0.02
"""Polling interval, in seconds."""
AHEAD = 2.5
"""Chunks in shared memory: one is trained on while the others are rendered."""
_SHARED_MEMORY = Path("/dev/shm")
_PATIENCE = 10.0
"""Seconds that workers have to exit."""


class StreamError(ValueError):
    """A worker process died."""


@dataclass(frozen=True)
class ChunkConfig:
    """Size of a chunk, from which the trainer samples."""

    houses: int = 48
    """Houses per chunk."""
    views: int = 40
    """Views per house."""
    uses: int = 2
    """Number of times each view is trained on."""

    @property
    def frames(self) -> int:
        """Views per chunk."""
        return self.houses * self.views

    def order(self, seed: int, chunk: int) -> NDArray[np.int64]:
        """Indices int64 (uses * frames,) of the views of a chunk, in training order."""
        rng = np.random.default_rng([seed, chunk])
        return np.concatenate([rng.permutation(self.frames) for _ in range(self.uses)])


class _Task(NamedTuple):
    """Arguments of a worker."""

    file: Path
    slots: int
    views: int
    seed: int
    excluded: frozenset[str]
    first: int
    end: float
    step: int
    parent: int


class HouseStream:
    """Chunks of views, rendered by `workers` processes. A context manager, which ends them."""

    def __init__(
        self,
        seed: int,
        excluded: Collection[str],
        config: ChunkConfig,
        workers: int,
        first_chunk: int = 0,
        folder: Path | None = None,
        chunks: float = inf,
    ) -> None:
        """So many `chunks` from `first_chunk` on. folder: holds the memory's file if /dev/shm has too little space."""
        self.config = config
        self._first = self._next = first_chunk * config.houses
        slots = int(np.ceil(AHEAD * config.houses))
        context = multiprocessing.get_context("spawn")
        self._ready: SynchronizedArray[int] = context.Array("q", [-1] * slots)
        self._counters: SynchronizedArray[int] = context.Array("q", [self._first, 0])  # houses released; maps opened
        size = slots * config.views * _bytes_of_a_view()
        fits = _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > 2 * size
        descriptor, name = tempfile.mkstemp(prefix="testspace-", dir=_SHARED_MEMORY if fits else folder)
        os.close(descriptor)
        file = Path(name)
        try:
            os.truncate(file, size)
            self._slots = _mapped(file, slots, config.views)
            end = self._first + chunks * config.houses
            self._workers = []
            for first in range(self._first, self._first + workers):
                task = _Task(
                    file, slots, config.views, seed, frozenset(excluded), first, end, workers, os.getpid()
                )  # fmt: skip
                arguments = (task, self._ready, self._counters)
                self._workers.append(context.Process(target=_work, args=arguments, daemon=True))
            for worker in self._workers:
                worker.start()
            self._wait(lambda: self._counters[1] == workers)
        finally:
            file.unlink()  # the memory lives exactly as long as a process maps it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._counters[0] = -1
        deadline = time.monotonic() + _PATIENCE
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()

    def next_chunk(self, stop: Callable[[], bool] = lambda: False) -> Views | None:
        """The next chunk, houses * views views; None when `stop`.

        Waits until all of its houses are rendered. Raises StreamError if a worker has died.
        """
        self._counters[0] = self._next  # releases the previous chunk
        numbers = range(self._next, self._next + self.config.houses)
        slots = [number % len(self._ready) for number in numbers]
        if not self._wait(lambda: all(self._ready[s] == n for s, n in zip(slots, numbers, strict=True)), stop):
            return None
        self._next += self.config.houses
        return Views.of(np.concatenate([array[slot] for slot in slots]) for array in self._slots)

    def _wait(self, done: Callable[[], bool], stop: Callable[[], bool] = lambda: False) -> bool:
        """Wait for `done`; False when `stop`."""
        while not done():
            if stop():
                return False
            for worker in self._workers:
                if worker.exitcode is not None:
                    raise StreamError(f"a process that renders houses has ended with exit code {worker.exitcode}")
            time.sleep(PAUSE)
        return True


def _work(task: _Task, ready: SynchronizedArray[int], counters: SynchronizedArray[int]) -> None:
    """Render every `step`th house from `first` up to `end` into its slot, as soon as that is free; stay until the
    stream ends."""
    end_with_parent(task.parent)
    for stopping in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the trainer ends its workers after it has saved
        signal.signal(stopping, signal.SIG_IGN)
    slots = _mapped(task.file, task.slots, task.views)
    with counters.get_lock():
        counters[1] += 1
    number = task.first
    while True:
        while counters[0] >= 0 and number >= min(counters[0] + task.slots, task.end):
            time.sleep(PAUSE)
        if counters[0] < 0:
            return
        views = house_views(task.seed, number, task.excluded, task.views)
        slot = number % task.slots
        for slot_array, array in zip(slots, views, strict=True):
            slot_array[slot] = array
        ready[slot] = number
        number += task.step


def _mapped(file: Path, slots: int, views: int) -> tuple[NDArray[Any], ...]:
    """The arrays of Views with a leading axis of slots, in the file's memory."""
    memory = np.memmap(file, np.uint8, "r+")
    arrays: list[NDArray[Any]] = []
    start = 0
    for shape, dtype in LAYOUT:
        size = slots * views * int(np.prod(shape)) * np.dtype(dtype).itemsize
        arrays.append(memory[start : start + size].view(dtype).reshape(slots, views, *shape))
        start += size
    return tuple(arrays)


def _bytes_of_a_view() -> int:
    return sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in LAYOUT)
