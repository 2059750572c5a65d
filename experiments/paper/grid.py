"""Many trials side by side: through Ray where it is installed (the extra `ray`), in a process pool of Python's without.

A task is a function of some module and the places are its arguments; each runs in a process of its own. What a task
has stored when it is killed is its own affair: the trials of experiments go on from their stages.
"""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

Place = tuple[Any, ...]


def each(task: Callable[..., Any], places: Sequence[Place], workers: int) -> Iterator[tuple[Place, Any]]:
    """Each place with task(*place), in the order in which they end, at most `workers` at a time.

    What a task raises is raised here, and what has not begun by then is not begun.
    """
    if importlib.util.find_spec("ray") is not None:
        yield from _by_ray(task, places, workers)
    else:
        yield from _by_pool(task, places, workers)


def _by_pool(task: Callable[..., Any], places: Sequence[Place], workers: int) -> Iterator[tuple[Place, Any]]:
    # spawned: torch's threads do not survive a fork
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    try:
        waiting = {pool.submit(task, *place): place for place in places}
        for future in as_completed(waiting):
            yield waiting[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """A parent that is killed takes this process with it: else it would train on, unseen, and hold its stages."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _by_ray(task: Callable[..., Any], places: Sequence[Place], workers: int) -> Iterator[tuple[Place, Any]]:
    import ray

    ray.init(num_cpus=workers, include_dashboard=False, logging_level=logging.ERROR)
    try:
        remote = ray.remote(num_cpus=1, max_retries=0)(task)
        waiting = {remote.remote(*place): place for place in places}
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting))
            try:
                yield waiting.pop(ended), ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # as the task raised it, so that a user's mistake is told in a line
    finally:
        ray.shutdown()
