"""Training of the generalist: loss, learning-rate schedule, training step, and checkpoints that resume exactly.

The learning rate decays linearly to zero over the last part of a run. The checkpoint from before the decay is kept, so
that a finished run can be extended as if it had been that long from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.storage import replace_folder
from ..nn.checkpoint import Checkpoint, read
from ..nn.precision import autocast
from ..nn.schedules import warmup_fall
from .augment import Batch
from .averaged import AveragedNetwork
from .network import Generalist, NetworkConfig

LABEL_STRIDE = 2
"""Stride of the labels at which the loss is computed, on both axes; the offset is random in each step."""
_RAREST = 1e-5
"""Smallest fraction of the pixels that counts in a class weight; rarer classes weigh no more."""


@dataclass(frozen=True)
class TrainingConfig:
    """Hyperparameters of the training."""

    network: NetworkConfig
    """Sizes of the network."""
    batch: int = 32
    """Samples per step."""
    rate: float = 1e-3
    """Peak learning rate of AdamW for the rgb branch, which starts from ImageNet weights."""
    new: float = 3.0
    """Learning-rate multiplier of all other parameters, which start from random values."""
    weight_decay: float = 0.05
    """Weight decay of matrices and kernels at `rate`; biases, norms and the absent-input vectors have none."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's betas."""
    warm_up: int = 100
    """Warm-up steps, over which the rate rises linearly from 0."""
    fall: float = 0.3
    """Last fraction of the run, over which the rate decays to 0."""
    clip: float = 2.0
    """Maximum norm of the gradient."""
    decay: float = 0.998
    """Decay of the moving average of the weights, which is evaluated and saved."""
    balance: float = 0.25
    """Class weights are class frequencies to the power of minus this."""

    def rate_at(self, frames: int, total: int) -> float:
        """The learning rate of the step after `frames` samples of a run of `total`."""
        return warmup_fall(self.rate, frames / self.batch, self.warm_up, total / self.batch, self.fall)

    def falls_from(self, total: int) -> int:
        """Samples after which the rate of a run of `total` decays."""
        return int(total * (1 - self.fall))


def class_weights(counts: NDArray[np.integer], balance: float) -> Tensor:
    """Class weights float32 (C,) from pixel counts (C,); their mean over the pixels is 1, void has 0."""
    shares = counts.astype(np.float64)
    shares[0] = 0
    shares /= max(1.0, shares.sum())
    weights = np.maximum(shares, _RAREST) ** -balance
    weights[0] = 0
    return torch.from_numpy((weights / max(1e-12, (weights * shares).sum())).astype(np.float32))


def segmentation_loss(logits: Tensor, labels: Tensor, weights: Tensor, generator: torch.Generator) -> Tensor:
    """Weighted cross-entropy of bilinearly upsampled logits (B, C, h, w), at every LABEL_STRIDE-th label of (B, H, W).

    Void (0) is ignored; the mean is over the other labels.
    """
    offset = torch.randint(LABEL_STRIDE, (2,), generator=generator).tolist()
    targets = labels[:, offset[0] :: LABEL_STRIDE, offset[1] :: LABEL_STRIDE]
    rows, columns = (
        _interpolation(size, full, start).to(logits)
        for size, full, start in zip(logits.shape[2:], labels.shape[1:], offset, strict=True)
    )
    # Upsampled at these points only, which costs a quarter of upsampling to all labels.
    b, c, h, w = logits.shape
    x = rows @ logits.permute(0, 2, 3, 1).reshape(b, h, w * c)
    points = columns @ x.view(b, len(rows), w, c)  # (B, rows, columns, C)
    losses = F.cross_entropy(points.float().flatten(0, 2), targets.flatten(), weights, ignore_index=0, reduction="none")
    return losses.sum() / (targets > 0).sum().clamp(min=1)


def _interpolation(size: int, full: int, start: int) -> Tensor:
    """Bilinear weights (n, size) that sample a row of `full` points at start, start + LABEL_STRIDE, ..."""
    points = torch.arange(start, full, LABEL_STRIDE)
    positions = ((points + 0.5) * size / full - 0.5).clamp(0, size - 1)
    return (1 - (positions[:, None] - torch.arange(size)).abs()).clamp(min=0)


class Trainer(AveragedNetwork[Generalist]):
    """The network in training, the moving average of its weights, and the progress of the run."""

    def __init__(self, config: TrainingConfig, seed: int, imagenet: bool = True) -> None:
        """imagenet: start the rgb branch from ImageNet weights; raises ImageNetError where they are not installed."""
        self.config, self.seed = config, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = Generalist(config.network)
        if imagenet:
            network.rgb.load_imagenet()
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        super().__init__(
            network, parameter_groups(network, config.new, config.weight_decay), config.betas, config.clip, config.decay
        )
        self.frames = 0
        """Samples trained on."""
        self.counts = np.zeros(config.network.classes, np.int64)
        """Pixels per class in the chunks so far; the class weights follow from it."""
        self.chunks = 0
        """Number of chunks counted."""

    def count_labels(self, chunk: int, semantic: NDArray[np.integer]) -> None:
        """Add the labels of a chunk to `counts`, once per chunk."""
        if chunk >= self.chunks:
            self.counts += np.bincount(semantic.ravel(), minlength=len(self.counts))
            self.chunks = chunk + 1

    def generator(self) -> torch.Generator:
        """Random generator of the next step, a function of the seed and the number of samples so far."""
        state = np.random.SeedSequence([self.seed, self.frames]).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))

    def train(self, batch: Batch, generator: torch.Generator, total: int) -> float:
        """Take one step of a run of `total` samples; returns the loss."""
        config = self.config
        with autocast():
            logits = self.network(batch.rgb, batch.geometry, batch.has_rgb, batch.has_geometry)
        loss = segmentation_loss(logits, batch.labels, class_weights(self.counts, config.balance), generator)
        self.step(loss, config.rate_at(self.frames, total), self.frames / config.batch)
        self.frames += len(batch.rgb)
        return float(loss.detach())

    def save(self, folder: Path, run: Mapping[str, Any]) -> None:
        """Write a checkpoint, whole or not at all; `load` returns `run` (JSON)."""
        progress = {"frames": self.frames, "chunks": self.chunks, "counts": self.counts.tolist(), "run": dict(run)}
        state = {"config": self._settings(), **progress}
        replace_folder(folder, Checkpoint(self.weights(), self.moments(), state).write)

    def load(self, folder: Path) -> dict[str, Any]:
        """Resume from a checkpoint, bit for bit; returns its `run`. ValueError if its configuration differs."""
        stored = read(folder, self._settings(), {})
        self.restore(stored.weights, stored.moments)
        self.frames, self.chunks = stored.state["frames"], stored.state["chunks"]
        self.counts = np.array(stored.state["counts"], np.int64)
        run: dict[str, Any] = stored.state["run"]
        return run

    def _settings(self) -> dict[str, Any]:
        return {**asdict(self.config), "seed": self.seed}


def parameter_groups(network: Generalist, new: float, weight_decay: float) -> list[dict[str, Any]]:
    """AdamW's groups: the rgb branch, and the rest at a rate `new` times as high, each with and without decay."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        matrix = parameter.ndim >= 2 and "no_" not in name and "positions" not in name
        groups.setdefault((name.startswith("rgb."), matrix), []).append(parameter)
    made = []
    for (imagenet, matrix), parameters in groups.items():
        factor = 1.0 if imagenet else new
        made.append({"params": parameters, "factor": factor, "weight_decay": weight_decay / factor if matrix else 0.0})
    return made
