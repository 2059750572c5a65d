"""What a run's perception starts from, what learns while the agent explores, and what is evaluated."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...agent.fusion.semantic_map import SemanticMap
from ...agent.trainer import Learner, Trainer
from ...core.frame import Frame
from ...core.progress import Advance
from ...learners.data.batch_sampler import Sampleable

Predict = Callable[[Frame], NDArray[np.int16]]
"""Frames (N, H, W, ...) of the contract to class ids int16 (N, H, W)."""
SPECIALIST = "specialist"


class Training(NamedTuple):
    """What the trainer is made of."""

    learner: Learner
    mix_in: Sampleable
    """Samples of external houses."""
    mix_share: float
    """Their share of a batch."""


class PerceptionRecipe(ABC):
    """Networks that segment frames of the test space, by method: the `baseline`, and the specialist."""

    baseline: ClassVar[str]
    """Method that has seen external houses only: "scratch" or "generalist"."""
    pretrained: ClassVar[bool]
    """Whether the baseline is there before `prepare`."""
    learnable: Sequence[int]
    """Classes that count: those that its labels have."""
    semantic_map: SemanticMap | None = None
    """The baseline's predictions in the agent's frames, fused; None where nothing needs them."""
    facts: Mapping[str, Any]
    """What the summary says of it."""

    @abstractmethod
    def prepare(self, advance: Advance) -> None:
        """Make the baseline, where it is not there yet, and the map of what it predicts."""

    @abstractmethod
    def training(self) -> Training:
        """A new learner and what is mixed into its batches."""

    @abstractmethod
    def specialise(self, trainer: Trainer, advance: Advance) -> None:
        """Make, and store, the specialist of what was learned so far."""

    def recall(self, trainer: Trainer, advance: Advance) -> None:  # noqa: B027 (from scratch: nothing)
        """In a resumed run: do again what `specialise` did last that was not stored with the agent."""

    @abstractmethod
    def has_specialist(self) -> bool:
        """Whether a specialist was stored, and is whole; a line on stderr says where it is damaged."""

    @abstractmethod
    def rows(self, method: str) -> dict[str, Predict]:
        """What is evaluated of the baseline or the specialist as it was stored last, by name; its own name first."""
