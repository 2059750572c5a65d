"""Transfer (Section 3.2.3): head and encoder are fine-tuned on D_t, labelled frames of external houses only.

What all tasks share: labelled frames, the recipe and its loop. AdamW with layer-wise learning-rate decay, warm-up and
decay, drop path, flips, crops and photometric jitter. Each task has its fine-tuning beside its head, in
`heads.segmentation_training`, `heads.detection_training` and `heads.captioning_training`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..metrics.miou import VOID
from ..modalities.modality import MODALITIES, mirror_image
from ..nn.optimisers import Optimiser, ParameterGroup, hidden_matrices
from ..nn.schedules import warmup_cosine
from .task import TaskModel
from .transfer_config import AugmentConfig, TransferConfig

Progress = Callable[[int, int, dict[str, float]], None]
"""Called with the steps done, the number of steps, and the last step's metrics."""
IGNORE = -1
"""Target of a pixel that is ignored."""


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
        """Class ids that occur, without void: those that a head can learn from these frames."""
        return tuple(int(c) for c in np.unique(self.semantic) if c != VOID)


Loss = Callable[[NDArray[np.int64], torch.Generator], tuple[Tensor, dict[str, float]]]
"""Loss of the frames of these indices, and metrics; its only random state is the generator."""


def train(
    model: TaskModel, frames: int, loss_of: Loss, config: TransferConfig, seed: int, progress: Progress | None = None
) -> None:
    """Train encoder and head (the head alone where `config.frozen`) on as many frames, then leave them in eval mode.

    The loop of every task; a task is its model and its loss.
    """
    device = next(model.parameters()).device
    model.to(device).train().requires_grad_(True)
    if config.frozen:
        model.encoder.eval().requires_grad_(False)
    model.encoder.set_drop_path(config.drop_path)
    groups = parameter_groups(model, config)
    optimiser = Optimiser(groups, config.optimiser, config.betas, hidden_matrices(*model.hidden))
    generator = torch.Generator().manual_seed(seed)
    order = endless_order(frames, generator)
    for step in range(config.steps):
        loss, metrics = loss_of(np.array([next(order) for _ in range(config.batch_size)]), generator)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(optimiser.parameters, config.clip)
        optimiser.step(schedule(step, config))
        if progress is not None:
            progress(step + 1, config.steps, {"loss": loss.item(), **metrics})
    model.encoder.set_drop_path(0.0)
    model.requires_grad_(True).eval()


def schedule(step: int, config: TransferConfig) -> float:
    """Learning rate of the head at this step: a linear rise, then half a cosine to 0 at the end, or falls in steps."""
    warmup_steps = max(1, round(config.warmup_ratio * config.steps))
    if step >= warmup_steps and config.milestones:
        passed = sum(step >= round(share * config.steps) for share in config.milestones)
        return config.learning_rate * 0.1**passed
    return warmup_cosine(config.learning_rate, step, warmup_steps, config.steps)


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


def augment(rgb: Tensor, target: Tensor, config: AugmentConfig, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Augment rgb uint8 (B, H, W, 3) and target int64 (B, H, W), each frame independently; same shapes, dtypes."""
    frames, target = augment_all({"rgb": rgb}, target, config, generator)
    return frames["rgb"], target


def augment_all(
    frames: Mapping[str, Tensor], target: Tensor, config: AugmentConfig, generator: torch.Generator
) -> tuple[dict[str, Tensor], Tensor]:
    """As `augment`, for a batched Frame: the other modalities are mirrored and cropped with rgb, and keep their values.

    Surface normals point to where a mirrored camera would see them point; depth in a crop stays in metres.
    """
    rgb = frames["rgb"]
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

    def moved(values: Tensor) -> Tensor:
        """(B, C, H, W), by the nearest pixel."""
        sampled = F.grid_sample(values.float(), grid, mode="nearest", padding_mode="border", align_corners=False)
        return sampled.to(values.dtype)

    others = {name: frames[name] for name in frames if name != "rgb"}
    for name, values in others.items():
        channels_first = values[:, None] if values.ndim == 3 else values.permute(0, 3, 1, 2)
        there = moved(channels_first)[:, 0] if values.ndim == 3 else moved(channels_first).permute(0, 2, 3, 1)
        turned = MODALITIES[name].mirror(mirror_image(there))  # values alone: where they lie, they are mirrored
        others[name] = torch.where((mirror < 0).view(-1, *[1] * (values.ndim - 1)), turned, there)
    labels = moved(target[:, None])[:, 0]

    images = images * (spread(config.brightness, 1, 1, 1) * spread(config.tint, 3, 1, 1))
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * spread(config.contrast, 1, 1, 1)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * spread(config.saturation, 1, 1, 1)
    return {"rgb": images.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8), **others}, labels


def endless_order(count: int, generator: torch.Generator) -> Iterator[int]:
    """Indices below `count`, each once an epoch, in a new order every epoch."""
    while True:
        yield from torch.randperm(count, generator=generator).tolist()
