"""The training loop: the one that the live agent, the cached stages and `testspace pretrain` run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

STORE_EVERY = 200
"""Steps between two checkpoints: what a crash can lose."""


class Learner(Protocol):
    """What `fit` trains: TSTLearner, DinoLearner, ScaledLearner."""

    steps: int
    """Steps taken, with those that were skipped because a gradient was not finite."""


class RunningMeans:
    """Means over training steps, and samples per second."""

    def __init__(self) -> None:
        self.steps, self.samples, self.seconds = 0, 0, 0.0
        self._sums: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """What was added so far, as JSON."""
        return {"steps": self.steps, "samples": self.samples, "seconds": self.seconds, "sums": self._sums}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` gave."""
        self.steps, self.samples, self.seconds = state["steps"], state["samples"], state["seconds"]
        self._sums = dict(state["sums"])

    def add(self, metrics: Mapping[str, float], samples: int = 0) -> None:
        """Add one step's metrics."""
        self.steps, self.samples = self.steps + 1, self.samples + samples
        for key, value in metrics.items():
            self._sums[key] = self._sums.get(key, 0.0) + value

    def means(self) -> dict[str, float]:
        """Mean of each metric; empty before the first step."""
        return {key: value / self.steps for key, value in self._sums.items()}

    def samples_per_s(self) -> float:
        """Samples per second of training; 0 before the first step."""
        return self.samples / self.seconds if self.steps else 0.0


def fit(
    learner: Learner,
    step: Callable[[int], dict[str, float]],
    until: int,
    on_step: Callable[[dict[str, float]], None] | None = None,
    store: Callable[[], object] | None = None,
    store_every: int = STORE_EVERY,
    stopped: Callable[[], bool] = lambda: False,
) -> float:
    """Train until the learner has taken `until` steps; returns the seconds that took.

    `step(n)` takes the step of number n and returns its metrics, which `on_step` receives. `store` is called every
    `store_every` steps, at the end, and before KeyboardInterrupt is raised where `stopped()` says to stop.
    """
    started = time.perf_counter()
    while learner.steps < until:
        metrics = step(learner.steps)
        stop = stopped()
        if on_step is not None:
            on_step(metrics)
        if store is not None and (stop or learner.steps == until or learner.steps % store_every == 0):
            store()
        if stop and learner.steps < until:
            raise KeyboardInterrupt
    return time.perf_counter() - started
