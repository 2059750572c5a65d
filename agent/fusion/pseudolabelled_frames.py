"""The agent's own frames with their fused pseudolabels, for transfer beside D_t."""

from __future__ import annotations

import numpy as np
import torch

from ...learners.data.batch_sampler import Pseudolabels
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.heads.transfer import LabelledFrames

CHUNK = 250
"""Frames read from the buffer at once."""


def pseudolabelled_frames(buffer: ReplayBuffer, pseudolabels: Pseudolabels, count: int) -> LabelledFrames:
    """`count` frames spread evenly over the buffer, repeated where it holds fewer, with their pseudolabels."""
    indices = torch.linspace(0, len(buffer) - 1, count).round().long()
    rgb, semantic = [], []
    for chunk in indices.split(CHUNK):
        frames = buffer.get(chunk)
        rgb.append(frames["rgb"].numpy())
        semantic.append(pseudolabels(frames, chunk).numpy())
    return LabelledFrames(np.concatenate(rgb), np.concatenate(semantic))
