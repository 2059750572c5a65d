"""The stage that keeps the frames of a part of the house (Figure 18)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

from ...core.errors import UserError
from ...core.progress import Advance
from ...learners.data.replay_buffer import ReplayBuffer
from .held_out_poses import within
from .store import Entry, Store

CHUNK = 250
"""Frames copied at once."""


def part(store: Store, collected: Entry, held_out: Entry, share: float) -> Entry:
    """A replay buffer of the collected frames that lie in the ring of `held_out_poses.within`."""
    settings = {"collected": collected.key, "held_out": held_out.key, "share": share}

    def make(folder: Path, advance: Advance) -> None:
        shutil.rmtree(folder / "buffer", ignore_errors=True)
        source = ReplayBuffer.reader(collected.folder / "buffer")
        poses = source.get(torch.arange(len(source)), ("pose",))["pose"].numpy()
        indices = torch.from_numpy(np.flatnonzero(within(held_out, poses, share)))
        if not len(indices):
            raise UserError(f"the agent was never in the middle {share:g} of the house; give it more frames")
        buffer = ReplayBuffer(folder / "buffer", len(indices), source.height, source.width)
        for chunk in indices.split(CHUNK):
            buffer.extend(source.get(chunk))
        buffer.flush()

    return store.get("part", settings, make, title=f"the middle {share:g} of the house")
