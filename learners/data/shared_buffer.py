"""A replay buffer that another process writes at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from .buffer_files import read_state
from .replay_buffer import WRITING, ReplayBuffer

PAUSE = 0.001
"""Seconds until a frame that is being overwritten is read again."""
PATIENCE = 1000
"""Times that it is read again: the writer may have died while writing it."""


class SharedBuffer(ReplayBuffer):
    """`SharedBuffer.reader(folder)` samples whole frames of what the writer had flushed at the last `refresh`.

    A frame that the writer is overwriting is read again until it is whole: its sequence number is WRITING meanwhile,
    and another one afterwards. A frame that a killed writer left partially written is returned as it is; resuming the
    buffer puts back the one before.
    """

    @classmethod
    def reader(cls, folder: str | Path, seed: int = 0) -> SharedBuffer:
        """Reader of the frames that the last `flush` in `folder` stored; `refresh` adds later ones."""
        buffer = super().reader(folder, seed)
        assert isinstance(buffer, cls)
        return buffer

    def reseed(self, seed: int) -> None:
        """Sample from here on as a reader opened with this seed."""
        self._generator.manual_seed(seed)

    def refresh(self) -> None:
        """Read what the writer's last flush stored: more frames, and its `note`."""
        state = read_state(self.folder)
        assert state is not None  # the file is only ever replaced
        self._total, self.note = state["total"], state["note"]
        self._storage._len = min(self._total, self.capacity)

    def _decoded(self, indices: Tensor, keys: Sequence[str]) -> dict[str, Tensor]:
        numbers = self._tensors.get("sequence_number").as_subclass(torch.Tensor)
        before = numbers.index_select(0, indices)
        frames = super()._decoded(indices, keys)
        for _ in range(PATIENCE):
            partial = torch.nonzero((before == WRITING) | (numbers.index_select(0, indices) != before)).flatten()
            if not len(partial):
                break
            time.sleep(PAUSE)
            before[partial] = numbers.index_select(0, indices[partial])
            again = super()._decoded(indices[partial], keys)
            for key, values in frames.items():
                values[partial] = again[key]
        return frames
