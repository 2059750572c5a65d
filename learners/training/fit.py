"""The training loop: the one that the live agent, the cached stages and `testspace pretrain` run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from ...core.storage import replace_folder

STORE_EVERY = 200
"""Steps between two checkpoints: what a crash can lose."""


class Learner(Protocol):
    """What `fit` trains: TSTLearner, DinoLearner, ScaledLearner."""

    steps: int
    """Steps taken."""

    def step(self, *batch: Any) -> dict[str, float]:
        """One step on a batch; returns its losses and what else it measured. A non-finite step changes no weight."""

    def save(self, folder: Path) -> None:
        """Write everything that a resumed training needs."""


class RunningMeans:
    """Means over training steps, and samples per second."""

    def __init__(self) -> None:
        self.steps, self.samples, self.seconds = 0, 0, 0.0
        self._sums: dict[str, float] = {}

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
    batch: Callable[[int], tuple[Any, ...]],
    until: int,
    on_step: Callable[[dict[str, float]], None] | None = None,
    store: Path | None = None,
    store_every: int = STORE_EVERY,
) -> float:
    """Train until the learner has taken `until` steps; returns the seconds that took.

    `batch(step)`: arguments of `learner.step`. `on_step` receives the metrics of each step. `store`: folder of the
    checkpoint, replaced whole every `store_every` steps and at the end.
    """
    started = time.perf_counter()
    while learner.steps < until:
        metrics = learner.step(*batch(learner.steps))
        if on_step is not None:
            on_step(metrics)
        if store is not None and learner.steps % store_every == 0 and learner.steps < until:
            replace_folder(store, learner.save)
    if store is not None:
        replace_folder(store, learner.save)
    return time.perf_counter() - started
