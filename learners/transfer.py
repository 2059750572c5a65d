"""Transfer (Section 3.2.3, Table 11): head and encoder are fine-tuned on D_t, labelled frames of external houses only.

AdamW with layer-wise learning rate decay, warm-up and cosine decay, drop path, flips, crops and photometric jitter.
The loss is the cross-entropy of the full-size map, estimated on a grid of its pixels that moves each step: `grid_loss`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .encoders import FrameEncoder
from .heads.segmentation import HeadConfig, Segmenter
from .heads.task import TaskModel
from .metrics.segmentation import VOID
from .optimisers import Optimiser, OptimiserName, ParameterGroup, hidden_matrices
from .precision import autocast

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with the steps done, the steps in all, and the last step's metrics."""
_IGNORE = -1


@dataclass(frozen=True)
class LabelledFrames:
    """rgb with labels: D_t with the truth of external houses, or the agent's own frames with pseudolabels."""

    rgb: NDArray[np.uint8]
    """(N, H, W, 3) sRGB."""
    semantic: NDArray[np.int16]
    """(N, H, W) class ids, 0 = void."""
    instance: NDArray[np.int32] | None = None
    """(N, H, W) instance numbers, 0 = void; boxes and captions are made from them, segmentation needs none."""

    def __post_init__(self) -> None:
        if self.rgb.dtype != np.uint8 or self.rgb.ndim != 4 or self.rgb.shape[3] != 3:
            raise ValueError(f"labelled frames: rgb must be uint8 (N, H, W, 3), got {self.rgb.dtype} {self.rgb.shape}")
        if self.semantic.dtype != np.int16 or self.semantic.shape != self.rgb.shape[:3]:
            raise ValueError(
                f"labelled frames: semantic must be int16 {self.rgb.shape[:3]}, "
                f"got {self.semantic.dtype} {self.semantic.shape}"
            )
        if self.instance is not None and (
            self.instance.dtype != np.int32 or self.instance.shape != self.semantic.shape
        ):
            raise ValueError(
                f"labelled frames: instance must be int32 {self.semantic.shape}, "
                f"got {self.instance.dtype} {self.instance.shape}"
            )

    def __len__(self) -> int:
        return len(self.rgb)

    def join(self, other: LabelledFrames) -> LabelledFrames:
        """These frames and those of `other`, with instances where both have them; ValueError where sizes differ."""
        if self.rgb.shape[1:] != other.rgb.shape[1:]:
            raise ValueError(f"labelled frames: {self.rgb.shape[1:]} and {other.rgb.shape[1:]} do not join")
        instance = (
            None if self.instance is None or other.instance is None else np.concatenate([self.instance, other.instance])
        )
        return LabelledFrames(
            np.concatenate([self.rgb, other.rgb]), np.concatenate([self.semantic, other.semantic]), instance
        )

    def instances(self) -> NDArray[np.int32]:
        """`instance`; ValueError where there is none."""
        if self.instance is None:
            raise ValueError("labelled frames: boxes and captions need instances, and these frames have none")
        return self.instance

    def classes(self) -> tuple[int, ...]:
        """The class ids that occur, void left out: what a head trained on these frames can learn."""
        return tuple(int(c) for c in np.unique(self.semantic) if c != VOID)


@dataclass(frozen=True)
class AugmentConfig:
    """How labelled frames are varied. 0 (min_scale: 1) switches a part off."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    min_scale: float = 0.6
    """Smallest side of the crop, as a share of the image's; it is scaled to full size."""
    brightness: float = 0.4
    """Largest change of all colours, as a factor 1 +- this."""
    contrast: float = 0.3
    """Largest change of the distance from the mean colour, as a factor."""
    saturation: float = 0.3
    """Largest change of the distance from grey, as a factor."""
    tint: float = 0.1
    """Largest change of each colour channel alone, as a factor."""


@dataclass(frozen=True)
class TransferConfig:
    """How an encoder is transferred. Table 11 trains 64 epochs of 20,000 frames; nano is far shorter and hotter."""

    steps: int = 1000
    """Optimiser steps."""
    batch_size: int = 32
    """Frames a step."""
    optimiser: OptimiserName = "adamw"
    """adamw as the paper, or muon for the matrices of the hidden layers."""
    lr: float = 1e-3
    """Highest learning rate, of the head."""
    layer_decay: float = 0.9
    """Factor of the learning rate from each layer of the encoder to the one below it."""
    weight_decay: float = 0.05
    """Weight decay, on matrices only."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW's."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises."""
    drop_path: float = 0.1
    """Probability that a frame skips a branch of the encoder's last block; of lower blocks less, linearly to 0."""
    clip: float = 1.0
    """Largest gradient norm."""
    balance: float = 0.0
    """Exponent of the classes' weights in the loss, share^-balance: 0 counts pixels alike, 0.5 lifts rare classes."""
    frozen: bool = False
    """Train the head alone; the encoder stays as it is."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How frames are varied."""
    head: HeadConfig = field(default_factory=HeadConfig)
    """The head's size."""


def fine_tune(
    encoder: FrameEncoder,
    labelled: LabelledFrames,
    n_classes: int,
    config: TransferConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Segmenter:
    """A Segmenter on a copy of `encoder` (which stays as it was), trained on `labelled`; one seed gives one result.

    Its logits cover the classes that occur in `labelled` only, since no other can be learned from it; predictions are
    global ids below `n_classes`. Raises ValueError where nothing is labelled, or an id is not below n_classes.
    """
    config = config or TransferConfig()
    classes = labelled.classes()
    if not classes or classes[0] < 0 or classes[-1] >= n_classes:
        raise ValueError(
            f"transfer: labels must hold class ids in 1..{n_classes - 1}, got {classes[:1]}..{classes[-1:]}"
        )
    with torch.random.fork_rng(devices=[]):  # the head's start and drop path draw from torch's global generator
        torch.manual_seed(seed)
        segmenter = Segmenter(copy.deepcopy(encoder), classes, config.head)
        _train(segmenter, labelled, n_classes, config, torch.Generator().manual_seed(seed), progress)
    return segmenter.requires_grad_(True).eval()


def _train(
    segmenter: Segmenter,
    labelled: LabelledFrames,
    n_classes: int,
    config: TransferConfig,
    generator: torch.Generator,
    progress: Progress | None,
) -> None:
    device = next(segmenter.encoder.parameters()).device
    segmenter.to(device).train().requires_grad_(True)
    if config.frozen:
        segmenter.encoder.eval().requires_grad_(False)
    segmenter.encoder.set_drop_path(config.drop_path)
    hidden = hidden_matrices(*segmenter.hidden)
    optimiser = Optimiser(parameter_groups(segmenter, config), config.optimiser, config.betas, hidden)
    index_of = torch.full((n_classes,), _IGNORE, dtype=torch.int64)
    index_of[list(segmenter.classes)] = torch.arange(len(segmenter.classes))
    weight = class_weights(labelled, config.balance).to(device) if config.balance else None
    order = endless_order(len(labelled), generator)
    for step in range(config.steps):
        picks = np.array([next(order) for _ in range(config.batch_size)])
        rgb, target = torch.from_numpy(labelled.rgb[picks]), torch.from_numpy(labelled.semantic[picks])
        rgb, target = augment(rgb, index_of[target.long()], config.augment, generator)
        with autocast(device.type):
            logits = segmenter(rgb.to(device))
        loss, accuracy = grid_loss(logits, target.to(device), generator, weight)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(optimiser.parameters, config.clip)
        optimiser.step(schedule(step, config))
        if progress is not None:
            progress(step + 1, config.steps, {"loss": loss.item(), "accuracy": accuracy.item()})
    segmenter.encoder.set_drop_path(0.0)


def schedule(step: int, config: TransferConfig) -> float:
    """The head's learning rate at this step: a linear rise, then half a cosine to 0 at the end."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


def parameter_groups(model: TaskModel, config: TransferConfig) -> list[ParameterGroup]:
    """Groups with learning rates scaled by layer_decay^(layers above), no weight decay on vectors (Clark et al., 2020).

    Of L blocks, counted from 0, block i has L - i layers above it; the embedding has L + 1; the last norm and the
    head 0.
    """
    blocks = model.encoder.layers
    above = {id(p): len(blocks) - i for i, block in enumerate(blocks) for p in block.parameters()}
    above |= {id(p): 0 for p in model.encoder.norm.parameters()}
    above |= {id(p): 0 for p in model.head.parameters()}
    members: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for parameter in model.parameters():
        if parameter.requires_grad:
            key = (above.get(id(parameter), len(blocks) + 1), parameter.ndim >= 2)
            members.setdefault(key, []).append(parameter)
    return [
        ParameterGroup(params, config.weight_decay * matrix, scale=config.layer_decay**n)
        for (n, matrix), params in sorted(members.items(), key=lambda item: item[0])
    ]


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
    known = labels != _IGNORE
    total = known.sum().clamp(min=1)
    loss = F.cross_entropy(flat, labels, class_weight, ignore_index=_IGNORE, reduction="sum") / total
    with torch.no_grad():
        accuracy = ((flat.argmax(1) == labels) & known).sum() / total
    return loss, accuracy


def augment(rgb: Tensor, target: Tensor, config: AugmentConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Vary rgb uint8 (B, H, W, 3) and target int64 (B, H, W), each frame in its own way; the same shapes and dtypes."""
    count = len(rgb)

    def spread(amount: float, *shape: int) -> Tensor:
        return 1 + amount * (2 * torch.rand(count, *shape, generator=generator) - 1)

    scale = config.min_scale + (1 - config.min_scale) * torch.rand(count, generator=generator)
    offset = (2 * torch.rand(count, 2, generator=generator) - 1) * (1 - scale)[:, None]
    mirror = torch.where(torch.rand(count, generator=generator) < config.flip, -1.0, 1.0)
    affine = torch.zeros(count, 2, 3)
    affine[:, 0, 0], affine[:, 1, 1], affine[:, :, 2] = scale * mirror, scale, offset
    grid = F.affine_grid(affine, [count, 1, *target.shape[1:]], align_corners=False)
    images = F.grid_sample(rgb.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    labels = F.grid_sample(
        target[:, None].float(), grid, mode="nearest", padding_mode="border", align_corners=False
    ).squeeze(1)

    images = images * (spread(config.brightness, 1, 1, 1) * spread(config.tint, 3, 1, 1))
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * spread(config.contrast, 1, 1, 1)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * spread(config.saturation, 1, 1, 1)
    return images.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8), labels.to(torch.int64)


def endless_order(count: int, generator: torch.Generator) -> Iterator[int]:
    """Indices below `count`, each once an epoch, in a new order every epoch."""
    while True:
        yield from torch.randperm(count, generator=generator).tolist()
