"""The learning half of the live agent: pre-training on the replay buffer, at a stated replay ratio.

It is stored while it learns: soon at first, so that a run that is killed again and again gets on, then less often.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from ..core.frame import Frame
from ..core.storage import recover_folder, replace_folder
from ..learners.data.batch_sampler import BatchSampler, Sampleable
from ..learners.data.replay_buffer import ReplayBuffer
from ..learners.heads.transfer import LabelledFrames
from ..learners.training.fit import RunningMeans, fit
from .episode import EpisodeConfig
from .fusion.pseudolabelled_frames import pseudolabelled_frames
from .fusion.semantic_map import SemanticMap

FIRST_STORE = 2.0
"""Seconds of learning after which a session stores the learner; each later interval is twice as long."""
STORE_SHARE = 0.05
"""Share of the time that storing may take at most, once it is seldom."""
MEANS = "means.json"
"""File beside the learner: means of the rollout that it is learning from."""


class Learner(Protocol):
    """What a trainer trains: TSTLearner (from scratch) or SpecialistLearner (from the generalist)."""

    steps: int
    """Steps taken, with those that were skipped because a gradient was not finite."""
    nonfinite_steps: int
    """Steps skipped because a gradient was not finite."""

    @property
    def batch_size(self) -> int:
        """Samples a step."""

    @property
    def uses_pseudolabels(self) -> bool:
        """Whether its frames need pseudolabels."""

    @property
    def has_tokenizers(self) -> bool:
        """Whether `step` may be called: tokenizers are fitted, or not needed."""

    def fit_tokenizers(self, sample: Callable[[int], dict[str, Tensor]]) -> Any:
        """Fit its tokenizers on frames that `sample(n)` draws."""

    def step(self, frames: Mapping[str, Tensor], mixed: Any) -> dict[str, float]:
        """One optimiser step on frames of the agent and what is mixed in; returns its metrics."""

    def surprise(self, frame: Frame) -> float:
        """How badly it predicts a frame: the reward of a curious agent."""

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint to resume from exactly."""

    def load(self, folder: str | Path) -> None:
        """Resume from what `save` wrote."""


class Trainer:
    """Trains a learner on the frames of a replay buffer, mixed with samples of external houses.

    It resumes from its folder where it was stored there before.
    """

    def __init__(
        self,
        buffer: ReplayBuffer,
        learner: Learner,
        mix_in: Sampleable | None,
        config: EpisodeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
        mix_share: float = 0.5,
    ) -> None:
        """`mix_in`: samples of external houses, `mix_share` of each batch; from scratch rgb uint8 (M, H, W, 3) of the
        transfer set (Appendices L, U), without labels.

        `semantic_map` gives the pseudolabels, where the learner needs them: ValueError without it.
        """
        if (semantic_map is not None) != learner.uses_pseudolabels:
            raise ValueError("trainer: a learner that needs pseudolabels and a semantic map go together")
        self.buffer, self.learner, self.config = buffer, learner, config
        self.folder, self.semantic_map = folder, semantic_map
        labels = [] if semantic_map is None else [lambda frames, indices: semantic_map.labels(frames)]
        self.sampler = BatchSampler([buffer], learner.batch_size, seed, mix_in, mix_share, labels)
        self.rollout, self.means = 0, RunningMeans()
        """The rollout that is being learned from, by the frames seen at its end, and the means of its steps."""
        self._interval, self._stored = FIRST_STORE, time.monotonic()
        if recover_folder(folder / "learner"):
            learner.load(folder / "learner")
            stored = json.loads((folder / "learner" / MEANS).read_text())
            self.rollout = stored.pop("rollout")
            self.means.resume(stored)

    def steps_due(self, frames: int) -> int:
        """Training steps due in all once `frames` frames are seen; none before learning starts."""
        return self.config.steps(frames, self.learner.batch_size) if self.config.learning(frames) else 0

    def begin(self, rollout: int) -> None:
        """Learn from here on for the rollout that ended when `rollout` frames were seen: its means start anew."""
        if self.rollout != rollout:
            self.rollout, self.means = rollout, RunningMeans()

    def train(self, until: int) -> None:
        """Train until `until` steps are taken, fitting the tokenizers first where that is still to be done."""
        if self.learner.steps >= until:
            return
        if not self.learner.has_tokenizers:
            self.learner.fit_tokenizers(self.sampler.frames)
            self.store()
        self._stored = time.monotonic()
        fit(self.learner, self._step, until)

    def _step(self, number: int) -> dict[str, float]:
        started = time.perf_counter()
        metrics = self.learner.step(*self.sampler.batch(number))
        self.means.add(metrics, self.learner.batch_size)
        self.means.seconds += time.perf_counter() - started
        if time.monotonic() - self._stored > self._interval:
            self._store_between()
        return metrics

    def _store_between(self) -> None:
        """Store the learner in the middle of a rollout's training."""
        started = time.monotonic()
        self.store()
        self._stored = time.monotonic()
        self._interval = max(2 * self._interval, (self._stored - started) / STORE_SHARE)

    def surprise(self, frame: Frame) -> float | None:
        """How badly the learner predicts a Frame; None before the first step."""
        return self.learner.surprise(frame) if self.learner.steps else None

    def pseudolabelled(self, count: int) -> LabelledFrames | None:
        """`count` frames spread evenly over the buffer, labelled by the semantic map as it is now; None without one."""
        semantic_map = self.semantic_map
        if semantic_map is None or not len(self.buffer):
            return None
        return pseudolabelled_frames(self.buffer, lambda frames, indices: semantic_map.labels(frames), count)

    def store(self) -> None:
        """Write the learner so that it survives a crash."""

        def write(folder: Path) -> None:
            self.learner.save(folder)
            (folder / MEANS).write_text(json.dumps({"rollout": self.rollout, **self.means.state()}))

        replace_folder(self.folder / "learner", write)
