"""Parallel trials: with Ray if it is installed (extra `ray`), otherwise in a process pool.

Where RAY_ADDRESS names a cluster, trials run on its machines, which need the package and the house files at the same
paths; each machine has a cache of its own, unless TESTSPACE_CACHE is on a shared file system.
A task is a module-level function; each call runs in a separate process. Tasks that are killed are not retried here:
experiments resume from their cached stages.
"""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from ...core.children import end_with_parent

Arguments = tuple[Any, ...]


def map_trials(task: Callable[..., Any], calls: Sequence[Arguments], workers: int) -> Iterator[tuple[Arguments, Any]]:
    """Yield (arguments, task(*arguments)) in order of completion, with at most `workers` processes.

    An exception in a task is raised here; tasks that have not started by then are cancelled.
    """
    if importlib.util.find_spec("ray") is not None:
        yield from _by_ray(task, calls, workers)
    else:
        yield from _by_pool(task, calls, workers)


def _by_pool(task: Callable[..., Any], calls: Sequence[Arguments], workers: int) -> Iterator[tuple[Arguments, Any]]:
    # spawned: torch's threads do not survive a fork
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, end_with_parent, (os.getpid(),))
    try:
        pending = {pool.submit(task, *arguments): arguments for arguments in calls}
        for future in as_completed(pending):
            yield pending[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _by_ray(task: Callable[..., Any], calls: Sequence[Arguments], workers: int) -> Iterator[tuple[Arguments, Any]]:
    import ray

    # A cluster has as many cores as it has: what runs at once is bounded below.
    own = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
    ray.init(logging_level=logging.ERROR, **own)
    try:
        remote, left = ray.remote(num_cpus=1, max_retries=0)(task), list(reversed(calls))
        pending: dict[Any, Arguments] = {}
        while left or pending:
            while left and len(pending) < workers:
                arguments = left.pop()
                pending[remote.remote(*arguments)] = arguments
            (done, *_), _ = ray.wait(list(pending))
            try:
                yield pending.pop(done), ray.get(done)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None  # the task's own exception, so that user errors print one line
    finally:
        ray.shutdown()
