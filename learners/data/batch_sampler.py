"""The batches of pre-training: frames of the agent's replay buffers, mixed with rgb of external houses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..modalities.modality import PSEUDOLABEL
from .replay_buffer import ReplayBuffer

Frames = dict[str, Tensor]
Pseudolabels = Callable[[Frames, Tensor], Tensor]
"""Class ids int16 (N, H, W) of N frames, given with their indices (N,) in the buffer."""


class Sampleable(Protocol):
    """Samples that are drawn by index: a tensor, a `generalist.views.ViewSet`."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, indices: Tensor, /) -> Any:
        """Those of indices int64 (n,)."""


class BatchSampler:
    """Draws the batch of a training step. Seed and step decide it, so a resumed training sees the same batches."""

    def __init__(
        self,
        buffers: Sequence[ReplayBuffer],
        batch_size: int,
        seed: int,
        mix_in: Sampleable | None = None,
        mix_share: float = 0.5,
        pseudolabels: Sequence[Pseudolabels] = (),
    ) -> None:
        """`mix_in`: samples of external houses, `mix_share` of each batch: for masked modelling unlabelled rgb uint8
        (M, H, W, 3) (Appendices L, U).

        `pseudolabels`: one for each buffer, where the learner predicts them as a modality.
        """
        self.buffers, self.seed, self.mix_in, self.pseudolabels = list(buffers), seed, mix_in, list(pseudolabels)
        self.mixed = round(batch_size * mix_share) if mix_in is not None else 0
        self.own = batch_size - self.mixed
        self._generator = torch.Generator()

    def batch(self, step: int) -> tuple[Frames, Any]:
        """The agent's frames, and what is mixed in; where there is no buffer, the rgb mixed in alone."""
        self._generator.manual_seed(self.seed * 1_000_003 + step)
        own = self.frames(self.own) if self.buffers else None
        if self.mix_in is None:
            assert own is not None
            return own, None
        mixed = self.mix_in[torch.randint(len(self.mix_in), (self.mixed,), generator=self._generator)]
        return ({"rgb": mixed}, None) if own is None else (own, mixed)

    def frames(self, count: int) -> Frames:
        """`count` frames, uniformly from all buffers together, with pseudolabels where there are any."""
        starts = np.cumsum([0, *(len(buffer) for buffer in self.buffers)])
        drawn = torch.randint(int(starts[-1]), (count,), generator=self._generator)
        parts = []
        for number, buffer in enumerate(self.buffers):
            indices = drawn[(drawn >= starts[number]) & (drawn < starts[number + 1])] - int(starts[number])
            part = buffer.get(indices)
            if self.pseudolabels:
                part[PSEUDOLABEL] = self.pseudolabels[number](part, indices)
            parts.append(part)
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
