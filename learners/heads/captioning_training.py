"""Transfer to captioning: of a frame's captions, one drawn anew each time, word by word."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoders.frame_encoder import FrameEncoder
from .captioning import CaptionConfig, Captioner
from .transfer import Progress, augment, train
from .transfer_config import TransferConfig


def fine_tune_captioner(
    encoder: FrameEncoder,
    rgb: NDArray[np.uint8],
    captions: Sequence[Sequence[str]],
    vocabulary: Sequence[str],
    config: TransferConfig | None = None,
    head: CaptionConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Captioner:
    """A Captioner on a copy of `encoder`, trained on rgb uint8 (N, H, W, 3) and their captions, one or more each.

    One seed gives one result. Frames are varied in colour only: a flip or a crop would make "on the left" untrue.
    ValueError on captions that are not as many as frames, or hold words outside the vocabulary.
    """
    config = config or TransferConfig()
    if len(rgb) != len(captions) or not all(captions):
        raise ValueError(f"captioner: {len(rgb)} frames need as many lists of captions, none empty: {len(captions)}")
    colours = replace(config.augment, flip=0.0, min_scale=1.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        captioner = Captioner(copy.deepcopy(encoder), vocabulary, head)
        numbers = [captioner.tokenise(several) for several in captions]

        def loss(picks: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
            images = torch.from_numpy(rgb[picks])
            images, _ = augment(images, torch.zeros(images.shape[:3], dtype=torch.int64), colours, generator)
            drawn = [numbers[i][int(torch.randint(len(numbers[i]), (1,), generator=generator))] for i in picks]
            device = next(captioner.head.parameters()).device
            return captioner.loss(images.to(device), torch.stack(drawn).to(device))

        train(captioner, len(rgb), loss, config, seed, progress)
    return captioner
