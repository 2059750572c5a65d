"""Frames that show their number in every modality, and a process that stores them for ever."""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from testspace.learners.choices import EvictionName
from testspace.learners.data.replay_buffer import ReplayBuffer

SIZE = 8
"""Side of the frames, in pixels."""


def frames(first: int, count: int) -> dict[str, Any]:
    """Frames `first` to `first + count - 1`: one that is mixed of two is seen."""
    numbers = np.arange(first, first + count)
    one = np.ones((count, SIZE, SIZE), np.float32)
    return {
        "rgb": np.repeat((numbers % 251).astype(np.uint8)[:, None], SIZE * SIZE * 3, 1).reshape(count, SIZE, SIZE, 3),
        "depth": one * (numbers % 60).astype(np.float32)[:, None, None],
        "normals": np.stack([one * 0.6, one * 0, one * 0.8], -1),
        "edges": ((numbers % 2) * 255).astype(np.uint8)[:, None, None] * np.ones((1, SIZE, SIZE), np.uint8),
        "pose": np.repeat(numbers.astype(np.float32)[:, None], 6, 1),
        "step": numbers.astype(np.int64),
    }


def store_for_ever(folder: Path, eviction: EvictionName, flushed: Connection) -> None:
    """Stores frames in a new buffer of 64 and sends, after each flush, how many there have been."""
    buffer = ReplayBuffer(folder, 64, SIZE, SIZE, eviction=eviction)
    first = 0
    while True:
        for _ in range(3):
            buffer.extend(frames(first, 16))
            first += 16
        buffer.flush()
        flushed.send(first)
