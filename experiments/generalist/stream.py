"""The endless stream of labelled views: worker processes render houses into shared memory, ahead of the trainer.

Houses come in chunks, and the trainer draws from a whole chunk. Which view is at which place of the sequence follows
from the seed alone: neither the number of workers nor their speed has a say.
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
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ...learners.generalist.views import LAYOUT, Views
from ..protocol.generated_views import house_views

PAUSE = 0.02
"""Seconds between two looks while there is nothing to do."""
AHEAD = 2.5
"""Chunks in shared memory: one is trained on, the rest is rendered meanwhile."""
_SHARED_MEMORY = Path("/dev/shm")
_PATIENCE = 10.0
"""Seconds that workers have to end."""


class StreamError(ValueError):
    """A worker process ended before its time."""


@dataclass(frozen=True)
class ChunkConfig:
    """What the trainer draws from at a time."""

    houses: int = 48
    """Houses in a chunk."""
    views: int = 40
    """Views of each house."""
    uses: int = 2
    """How often each view is trained on."""

    @property
    def frames(self) -> int:
        """Views in a chunk."""
        return self.houses * self.views

    def order(self, seed: int, chunk: int) -> NDArray[np.int64]:
        """Indices int64 (uses * frames,) of the views of a chunk in the order in which they are trained on."""
        rng = np.random.default_rng([seed, chunk])
        return np.concatenate([rng.permutation(self.frames) for _ in range(self.uses)])


class _Task(NamedTuple):
    """What a worker is started with."""

    file: Path
    slots: int
    views: int
    seed: int
    excluded: frozenset[str]
    first: int
    step: int
    parent: int


class HouseStream:
    """Chunks of views, rendered by `workers` processes. Use as a context: its end ends the processes."""

    def __init__(
        self,
        seed: int,
        excluded: Collection[str],
        config: ChunkConfig,
        workers: int,
        first_chunk: int = 0,
        folder: Path | None = None,
    ) -> None:
        """Chunks from `first_chunk` on. folder: where the memory's file is where /dev/shm has no room for it."""
        self.config = config
        self._first = self._next = first_chunk * config.houses
        slots = int(np.ceil(AHEAD * config.houses))
        context = multiprocessing.get_context("spawn")
        self._ready: SynchronizedArray[int] = context.Array("q", [-1] * slots)
        self._counters: SynchronizedArray[int] = context.Array("q", [self._first, 0])  # houses done with; maps opened
        size = slots * config.views * _bytes_of_a_view()
        roomy = _SHARED_MEMORY.is_dir() and shutil.disk_usage(_SHARED_MEMORY).free > 2 * size
        handle, name = tempfile.mkstemp(prefix="testspace-", dir=_SHARED_MEMORY if roomy else folder)
        os.close(handle)
        file = Path(name)
        try:
            os.truncate(file, size)
            self._slots = _mapped(file, slots, config.views)
            self._workers = [
                context.Process(
                    target=_work,
                    args=(
                        _Task(
                            file, slots, config.views, seed, frozenset(excluded), self._first + k, workers, os.getpid()
                        ),
                        self._ready,
                        self._counters,
                    ),
                    daemon=True,
                )
                for k in range(workers)
            ]
            for worker in self._workers:
                worker.start()
            self._wait(lambda: self._counters[1] == workers)
        finally:
            file.unlink()  # the memory lives as long as a process has it mapped, and not longer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._counters[0] = -1
        until = time.monotonic() + _PATIENCE
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()

    def next_chunk(self, stop: Callable[[], bool] = lambda: False) -> Views | None:
        """The next chunk, houses * views views; None when `stop`.

        Waits until all of its houses are rendered. Raises StreamError where a worker has died.
        """
        self._counters[0] = self._next  # the chunk before is done with
        wanted = range(self._next, self._next + self.config.houses)
        slots = [number % len(self._ready) for number in wanted]
        if not self._wait(lambda: all(self._ready[s] == n for s, n in zip(slots, wanted, strict=True)), stop):
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
    """Render every `step`th house from `first` on into its slot, as soon as that is free, until the stream ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer ends its workers itself, when it has stored what it has
    slots = _mapped(task.file, task.slots, task.views)
    with counters.get_lock():
        counters[1] += 1
    number = task.first
    while True:
        while counters[0] >= 0 and number >= counters[0] + task.slots and os.getppid() == task.parent:
            time.sleep(PAUSE)
        if counters[0] < 0 or os.getppid() != task.parent:
            return
        views = house_views(task.seed, number, task.excluded, task.views)
        slot = number % task.slots
        for mine, array in zip(slots, views, strict=True):
            mine[slot] = array
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
