"""Transfer to semantic segmentation (Table 11).

The loss is the cross-entropy of the full-size map, estimated on a grid of its pixels that moves each step: `grid_loss`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..nn.precision import autocast
from .head_config import HeadConfig
from .segmentation import Segmenter
from .transfer import IGNORE, LabelledFrames, Progress, augment, train
from .transfer_config import TransferConfig


def fine_tune_segmenter(
    encoder: FrameEncoder,
    labelled: LabelledFrames,
    n_classes: int,
    config: TransferConfig | None = None,
    head: HeadConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Segmenter:
    """A Segmenter on a copy of `encoder` (which stays as it was), trained on `labelled`; one seed gives one result.

    Its logits cover the classes that occur in `labelled` only, since no other can be learned from it; predictions are
    global ids below `n_classes`. Raises ValueError where nothing is labelled, or an id is not below n_classes.
    """
    config = config or TransferConfig()
    with torch.random.fork_rng(devices=[]):  # the head's start and drop path draw from torch's global generator
        torch.manual_seed(seed)
        segmenter = Segmenter(copy.deepcopy(encoder), _learnable(labelled, n_classes), head)
        device = next(segmenter.parameters()).device

        def look(picks: NDArray[np.int64], target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            rgb, target = augment(torch.from_numpy(labelled.rgb[picks]), target, config.augment, generator)
            with autocast(device.type):
                return segmenter(rgb.to(device)), target

        train_segmenter(segmenter, look, labelled, n_classes, config, seed, progress)
    return segmenter


Look = Callable[[NDArray[np.int64], Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""Of the frames of these indices and their targets int64 (B, H, W), both varied: logits (B, h, w, K), and the targets.
"""


def train_segmenter(
    segmenter: Segmenter,
    look: Look,
    labelled: LabelledFrames,
    n_classes: int,
    config: TransferConfig,
    seed: int,
    progress: Progress | None = None,
) -> None:
    """Train a segmenter for the classes of `labelled`, whose frames it sees by `look`."""
    classes = _learnable(labelled, n_classes)
    index_of = torch.full((n_classes,), IGNORE, dtype=torch.int64)
    index_of[list(classes)] = torch.arange(len(classes))
    weight = class_weights(labelled, config.balance) if config.balance else None
    device = next(segmenter.parameters()).device
    weight = None if weight is None else weight.to(device)

    def loss(picks: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        logits, target = look(picks, index_of[torch.from_numpy(labelled.semantic[picks]).long()], generator)
        value, accuracy = grid_loss(logits, target.to(device), generator, weight)
        return value, {"accuracy": accuracy.item()}

    train(segmenter, len(labelled), loss, config, seed, progress)


def _learnable(labelled: LabelledFrames, n_classes: int) -> tuple[int, ...]:
    """The classes that occur; ValueError where none does, or one is not below n_classes."""
    classes = labelled.classes()
    if not classes or classes[0] < 0 or classes[-1] >= n_classes:
        raise ValueError(
            f"transfer: labels must hold class ids in 1..{n_classes - 1}, got {classes[:1]}..{classes[-1:]}"
        )
    return classes


def class_weights(labelled: LabelledFrames, balance: float) -> Tensor:
    """Weights float32 (K,) of the classes of `labelled` in the loss: share^-balance, scaled so that a pixel's mean is
    1."""
    shares = np.bincount(labelled.semantic.ravel())[list(labelled.classes())].astype(np.float64)
    shares /= shares.sum()
    weights = shares**-balance
    return torch.from_numpy(weights / (weights * shares).sum()).to(torch.float32)


def grid_loss(
    logits: Tensor, target: Tensor, generator: torch.Generator, class_weight: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Cross-entropy and accuracy of logits (B, h, w, K), spread bilinearly, on target int64 (B, H, W), -1 = ignored.

    To spread K logits to every pixel costs more than the head itself. So a step spreads them to one pixel in every
    square of 2 H/h x 2 W/w pixels, the same in each, drawn anew every step: its mean is the loss over all pixels.
    """
    spread: list[Tensor] = []
    for axis in (1, 2):
        points, size = logits.shape[axis], target.shape[axis]
        every = max(1, 2 * size // points)
        pixels = torch.arange(int(torch.randint(every, (1,), generator=generator)), size, every)
        place = ((pixels + 0.5) * points / size - 0.5).clamp(0, points - 1)  # of the pixels' centres, among the points
        weights = (1 - (place[:, None] - torch.arange(points)).abs()).clamp(min=0)  # (pixels, points), two a row
        spread.append(weights.to(logits))
        target = target.index_select(axis, pixels.to(target.device))
    rows = (spread[0] @ logits.flatten(2)).unflatten(
        2, logits.shape[2:]
    )  # as matrix products, far faster than indexing
    logits = spread[1] @ rows
    flat, labels = logits.flatten(0, 2).float(), target.flatten()
    known = labels != IGNORE
    total = known.sum().clamp(min=1)
    loss = F.cross_entropy(flat, labels, class_weight, ignore_index=IGNORE, reduction="sum") / total
    with torch.no_grad():
        accuracy = ((flat.argmax(1) == labels) & known).sum() / total
    return loss, accuracy
