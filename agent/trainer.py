"""The learning half of the live agent: pre-training on the replay buffer, at a stated replay ratio."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from ..core.frame import Frame
from ..core.storage import recover_folder, replace_folder
from ..learners.data.batch_sampler import BatchSampler
from ..learners.data.replay_buffer import ReplayBuffer
from ..learners.heads.transfer import LabelledFrames
from ..learners.objectives.surprise import surprise
from ..learners.objectives.tst import TSTLearner
from ..learners.training.fit import RunningMeans, fit
from .episode import EpisodeConfig
from .fusion.pseudolabelled_frames import pseudolabelled_frames
from .fusion.semantic_map import SemanticMap


class Trainer:
    """Trains a learner on the frames of a replay buffer, half of each batch rgb of the transfer set.

    It resumes from its folder where it was stored there before.
    """

    def __init__(
        self,
        buffer: ReplayBuffer,
        learner: TSTLearner,
        mix_in: Tensor | None,
        config: EpisodeConfig,
        folder: Path,
        seed: int,
        semantic_map: SemanticMap | None = None,
    ) -> None:
        """`mix_in`: rgb uint8 (M, H, W, 3) of the transfer set (Appendices L, U); no label comes near it.

        `semantic_map` gives the pseudolabels, where the learner predicts them: ValueError without it.
        """
        if (semantic_map is not None) != bool(learner.config.pseudolabel_classes):
            raise ValueError("trainer: a learner with pseudolabel_classes and a semantic map go together")
        self.buffer, self.learner, self.config = buffer, learner, config
        self.folder, self.semantic_map = folder, semantic_map
        labels = [] if semantic_map is None else [lambda frames, indices: semantic_map.labels(frames)]
        self.sampler = BatchSampler([buffer], learner.config.batch_size, seed, mix_in, pseudolabels=labels)
        if recover_folder(folder / "learner"):
            learner.load(folder / "learner")

    def steps_due(self, frames: int) -> int:
        """Training steps due in all once `frames` frames are seen; none before learning starts."""
        return self.config.steps(frames, self.learner.config.batch_size) if self.config.learning(frames) else 0

    def train(self, until: int, means: RunningMeans) -> None:
        """Train until `until` steps are taken, fitting the tokenizers first where that is still to be done."""
        if self.learner.steps >= until:
            return
        if not self.learner.has_tokenizers:
            self.learner.fit_tokenizers(self.sampler.frames)
        size = self.learner.config.batch_size
        means.seconds += fit(self.learner, self._step, until, lambda metrics: means.add(metrics, size))

    def _step(self, number: int) -> dict[str, float]:
        return self.learner.step(*self.sampler.batch(number))

    def surprise(self, frame: Frame) -> float | None:
        """How badly the learner predicts a Frame (`objectives.surprise`); None before the first step."""
        return float(surprise(self.learner, frame)) if self.learner.steps else None

    def pseudolabelled(self, count: int) -> LabelledFrames | None:
        """`count` frames spread evenly over the buffer, labelled by the semantic map as it is now; None without one."""
        semantic_map = self.semantic_map
        if semantic_map is None or not len(self.buffer):
            return None
        return pseudolabelled_frames(self.buffer, lambda frames, indices: semantic_map.labels(frames), count)

    def store(self) -> None:
        """Write the learner so that it survives a crash."""
        replace_folder(self.folder / "learner", self.learner.save)
