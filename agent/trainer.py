"""The half of a life that learns: from the frames in the replay buffer, at a stated replay ratio."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..core.storage import recover_folder, replace_folder
from ..learners.data.replay_buffer import ReplayBuffer
from ..learners.heads.transfer import LabelledFrames
from ..learners.modalities.modality import PSEUDOLABEL
from ..learners.objectives.tst import TSTLearner
from .actor import LifeConfig
from .fusion.semantic_map import SemanticMap


class Tally:
    """What a number of steps reported, and how long they took."""

    def __init__(self) -> None:
        self.steps, self.samples, self.seconds = 0, 0, 0.0
        self._sums: dict[str, float] = {}

    def add(self, report: Mapping[str, float], samples: int) -> None:
        """One more step."""
        self.steps, self.samples = self.steps + 1, self.samples + samples
        for key, value in report.items():
            self._sums[key] = self._sums.get(key, 0.0) + value

    def means(self) -> dict[str, float]:
        """Means over the steps; empty without any."""
        return {key: value / self.steps for key, value in self._sums.items()}

    def samples_per_s(self) -> float:
        """Samples learned a second; 0 without a step."""
        return self.samples / self.seconds if self.steps else 0.0


class Learning:
    """A learner with its memory, and the semantic map behind its pseudolabels.

    `mix_in` holds rgb uint8 (M, H, W, 3) of the transfer set, drawn 1/1 beside the agent's own frames (Appendix L, U);
    no label comes near it.
    """

    frame: int
    """Frames lived so far."""

    def __init__(
        self,
        buffer: ReplayBuffer,
        learner: TSTLearner,
        mix_in: Tensor,
        config: LifeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        """`semantic_map` gives the pseudolabels, where the learner wants them: ValueError without it."""
        if (semantic_map is not None) != bool(learner.config.pseudolabel_classes):
            raise ValueError("life: pseudolabel_classes of the learner and a semantic map come together, or neither")
        self.buffer, self.learner, self.mix_in, self.config = buffer, learner, mix_in, config
        self.folder, self.seed, self.semantic_map = folder, seed, semantic_map
        if recover_folder(folder / "learner"):
            learner.load(folder / "learner")

    @property
    def refused(self) -> int:
        """Frames that were lived but not stored, since they lie too near to an evaluation view."""
        return self.frame - self.buffer.total_seen

    def pseudolabelled(self, count: int) -> LabelledFrames | None:
        """`count` frames, evenly over all stored (repeated if they are fewer), as the semantic map labels them by now.

        None without a map.
        """
        if self.semantic_map is None or not len(self.buffer):
            return None
        slots = torch.linspace(0, len(self.buffer) - 1, count).round().long()
        rgb, semantic = [], []
        for some in slots.split(self.config.turn):
            frames = self.buffer.get(some)
            rgb.append(frames["rgb"].numpy())
            semantic.append(self.semantic_map.labels(frames).numpy())
        return LabelledFrames(np.concatenate(rgb), np.concatenate(semantic))

    def _begun(self, frames: int) -> bool:
        """Whether learning starts by so many frames."""
        return frames >= min(self.config.first_frames, self.config.frames)

    def _owed(self, frames: int) -> int:
        """Steps that the replay ratio wants in all by so many frames; none before learning starts."""
        return int(frames * self.config.replay_ratio / self.learner.config.batch_size) if self._begun(frames) else 0

    def _steps(self, count: int, tally: Tally) -> None:
        """Take so many steps, and count them."""
        half = self.learner.config.batch_size // 2
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.learner.steps)
        start = time.perf_counter()
        for _ in range(count):
            drawn = torch.randint(len(self.mix_in), (half,), generator=generator)
            tally.add(self.learner.step(self._replay(half), self.mix_in[drawn]), 2 * half)
        tally.seconds += time.perf_counter() - start

    def _replay(self, count: int) -> dict[str, Tensor]:
        """Stored frames, with what the semantic map says of them by now."""
        frames = self.buffer.sample(count)
        return frames if self.semantic_map is None else {**frames, PSEUDOLABEL: self.semantic_map.labels(frames)}

    def _store(self) -> None:
        """Make the learner survive a crash."""
        replace_folder(self.folder / "learner", self.learner.save)
