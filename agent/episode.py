"""How long an episode is, and how acting and learning share it."""

from __future__ import annotations

from dataclasses import dataclass

from ..learners.choices import EvictionName


@dataclass(frozen=True)
class EpisodeConfig:
    """Length of an episode, and the schedule of acting and learning in it."""

    frames: int = 4000
    """Frames the agent sees in the episode."""
    rollout: int = 250
    """Frames of a rollout: acted between two rounds of learning. A crash loses one rollout at most."""
    learning_starts: int = 500
    """Frames seen before the tokenizers are fitted and learning starts."""
    replay_ratio: float = 24.0
    """Samples that the learner draws for each frame seen (the paper's repeated sampling, stated as a rate)."""
    memory: int | None = None
    """Capacity of the replay buffer in frames; None keeps every frame."""
    eviction: EvictionName = "ring"
    """Which frame a full replay buffer overwrites: see `learners.data.eviction`."""

    @property
    def capacity(self) -> int:
        """Capacity of the replay buffer, in frames."""
        return self.memory or self.frames

    def steps(self, frames: int, batch_size: int) -> int:
        """Training steps due in all once `frames` frames are seen, whenever learning starts."""
        return int(frames * self.replay_ratio / batch_size)

    def learning(self, frames: int) -> bool:
        """Whether learning has started once `frames` frames are seen; by the end of the episode it always has."""
        return frames >= min(self.learning_starts, self.frames)
