"""A replay buffer that another process writes at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from .replay_buffer import _WRITING, ReplayBuffer, _read_state

PAUSE = 0.001
"""Seconds until a frame that is being overwritten is read again."""
PATIENCE = 1000
"""Times that it is read again: a writer that died half way is not waited for."""


class SharedBuffer(ReplayBuffer):
    """`SharedBuffer.reader(folder)` samples what the writer has flushed by the last `refresh`, frames whole.

    A frame that the writer is overwriting is read again until it is whole: its ticket is void meanwhile, and another
    one afterwards. One that a writer left half written when it was killed is given as it is; resuming mends it.
    """

    @classmethod
    def reader(cls, folder: str | Path, seed: int = 0) -> SharedBuffer:
        """The frames that the last `flush` in `folder` stored; `refresh` takes note of later ones."""
        buffer = super().reader(folder, seed)
        assert isinstance(buffer, cls)
        return buffer

    def reseed(self, seed: int) -> None:
        """Draw from here on as a reader that is opened with this seed."""
        self._generator.manual_seed(seed)

    def refresh(self) -> None:
        """Take note of what the writer's last flush stored: more frames, and its `note`."""
        state = _read_state(self.folder)
        assert state is not None  # the file is only ever replaced
        self._total, self.note = state["total"], state["note"]
        self._storage._len = min(self._total, self.capacity)

    def _decoded(self, slots: Tensor, keys: Sequence[str]) -> dict[str, Tensor]:
        tickets = self._tensors.get("ticket").as_subclass(torch.Tensor)
        before = tickets.index_select(0, slots)
        frames = super()._decoded(slots, keys)
        for _ in range(PATIENCE):
            torn = torch.nonzero((before == _WRITING) | (tickets.index_select(0, slots) != before)).flatten()
            if not len(torn):
                break
            time.sleep(PAUSE)
            before[torn] = tickets.index_select(0, slots[torn])
            again = super()._decoded(slots[torn], keys)
            for key, values in frames.items():
                values[torn] = again[key]
        return frames
