"""The specialist: the generalist's network, trained on while the agent explores, without labels of the house.

Each step has frames of the replay buffer, labelled by the fused map as it is now, beside generated views with true
labels, which keep what the generalist knows. Half of the agent's frames are masked: hidden patches of rgb and geometry,
and the classes behind them, are predicted from what is visible of either (multimodal masked modelling, Section 3.2.2,
with the fused classes as one more modality, Section 4.3). What is used is the moving average of the weights.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.frame import Camera, Frame
from ..modalities.modality import PSEUDOLABEL
from ..nn.checkpoint import Checkpoint, read
from ..nn.precision import autocast
from ..nn.schedules import warmup_fall
from .augment import Batch, augment
from .averaged import AveragedNetwork
from .geometry import CHANNELS
from .inference import folded, predict_frames
from .network import Generalist
from .specialist_config import SpecialistConfig
from .training import class_weights, parameter_groups, segmentation_loss
from .views import PIXELS, Views, ViewSet

PATCH = 16
"""Side of a masked patch, in pixels of rgb."""
_GREY = 127
"""Value of a hidden pixel: zero after normalisation."""


class MaskedGeneralist(nn.Module):
    """The generalist with a linear head that predicts rgb and geometry at the places of its logits."""

    def __init__(self, generalist: Generalist) -> None:
        super().__init__()
        self.generalist = generalist
        self.reconstruct = nn.Conv2d(generalist.feature_channels, 3 + CHANNELS, 1)

    def forward(self, rgb: Tensor, geometry: Tensor, has_rgb: Tensor, has_geometry: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, classes, h, w) and predicted rgb and geometry (B, 8, h, w), upright; h = H / 4."""
        features = self.generalist.features(rgb, geometry, has_rgb, has_geometry)
        return self.generalist.logits(features).flip(2, 3), self.reconstruct(features).flip(2, 3)


class SpecialistLearner:
    """The specialist in training: one `step` for each batch."""

    has_tokenizers = True
    """It needs none."""
    uses_pseudolabels = True

    def __init__(
        self,
        start: Generalist,
        config: SpecialistConfig,
        generated: ViewSet,
        camera: Camera,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        """start: the network to begin from, which stays as it is. generated: the labelled views of external houses.

        camera: that of the agent's frames. ValueError where `config.total_steps` is not set, or the frames have another
        size than PIXELS x PIXELS.
        """
        if config.total_steps is None:
            raise ValueError("specialist: total_steps must be set")
        if (camera.height, camera.width) != (PIXELS, PIXELS):
            raise ValueError(f"specialist: frames must be {PIXELS} x {PIXELS}, got {camera.width} x {camera.height}")
        self.config, self.generated, self.camera, self.seed = config, generated, camera, seed
        self.device, self.total_steps = torch.device(device), config.total_steps
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = MaskedGeneralist(copy.deepcopy(start).requires_grad_(True))
        model.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        groups = parameter_groups(model.generalist, 1.0, config.weight_decay)
        groups.append({"params": list(model.reconstruct.parameters()), "factor": 1.0, "weight_decay": 0.0})
        self.training = AveragedNetwork(model, groups, (0.9, 0.99), config.clip, config.average)
        counts = np.bincount(generated.views.semantic.ravel(), minlength=start.config.classes)
        self.weights = class_weights(counts, config.balance).to(self.device)
        self.steps = 0
        """Steps taken, the skipped ones included."""
        self.nonfinite_steps = 0
        """Steps skipped because the loss or its gradient was not finite."""
        self._folded: tuple[int, Generalist] | None = None  # for `surprise`: after so many steps

    @property
    def batch_size(self) -> int:
        """Samples a step."""
        return self.config.batch_size

    def fit_tokenizers(self, sample: object) -> None:
        """Nothing: its targets are pixels and classes."""

    @property
    def specialist(self) -> Generalist:
        """The network so far; copy it before changing it."""
        return self.training.average.generalist

    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        cfg = self.config
        return warmup_fall(cfg.learning_rate, self.steps, max(1, cfg.warmup_steps), self.total_steps, cfg.fall)

    def step(self, frames: Mapping[str, Tensor], mixed: Views | None = None) -> dict[str, float]:
        """One optimiser step on the agent's frames, with `pose` and pseudolabels, and on generated views mixed in.

        Returns the losses, the learning rate and the number of steps that were skipped.
        """
        views, count = Views.of_frames(frames, frames[PSEUDOLABEL], self.camera), len(frames["rgb"])
        if mixed is not None:
            views = views.join(mixed)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.steps)
        depth, normals = views.depth.astype(np.float32), views.normals.astype(np.float32) / 127
        batch = augment(views.rgb, views.semantic, depth, normals, views.camera, generator)
        hidden = self._hidden(len(batch.rgb), count, generator)
        seen = _masked(batch, hidden)
        with autocast(self.device.type):
            logits, rebuilt = self.training.network(*(part.to(self.device) for part in seen))
        classes = segmentation_loss(logits, batch.labels.to(self.device), self.weights, generator)
        loss, losses = classes, {"loss_classes": classes}
        if self.config.reconstruction and count:
            masked = _reconstruction_loss(rebuilt[:count], batch, hidden, count)
            loss = loss + self.config.reconstruction * masked
            losses["loss_masked"] = masked
        rate = self.learning_rate()
        if not self.training.step(loss, rate, self.steps):
            self.nonfinite_steps += 1
        self.steps += 1
        return {
            "loss": loss.item(),
            **{name: value.item() for name, value in losses.items()},
            "learning_rate": rate,
            "nonfinite_steps": float(self.nonfinite_steps),
        }

    def _hidden(self, batch: int, own: int, generator: torch.Generator) -> Tensor:
        """Which patches are hidden, bool (2, B, side, side): of rgb, and of geometry."""
        cfg, side = self.config, PIXELS // PATCH
        chosen = torch.rand(batch, generator=generator) < cfg.mask_share
        chosen &= torch.arange(batch) < own
        ratios = cfg.mask_ratio * torch.rand(2, batch, 1, 1, generator=generator)
        return (torch.rand(2, batch, side, side, generator=generator) < ratios) & chosen.view(1, -1, 1, 1)

    def surprise(self, frame: Frame) -> float:
        """How unsure the specialist is of a frame of the contract: mean entropy of its classes, in nats."""
        frames = {key: torch.as_tensor(value)[None] for key, value in frame.items()}
        if self._folded is None or self._folded[0] != self.steps:
            self._folded = self.steps, folded(self.specialist)
        probabilities = predict_frames(self._folded[1], frames, self.camera)
        return float(-(probabilities * probabilities.clamp(min=1e-9).log()).sum(1).mean())

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint to resume from exactly."""
        state = {
            "config": asdict(self.config), "seed": self.seed, "steps": self.steps,
            "nonfinite_steps": self.nonfinite_steps,
        }  # fmt: skip
        Checkpoint(self.training.weights(), self.training.moments(), state).write(Path(folder))

    def load(self, folder: str | Path) -> None:
        """Resume from a folder that `save` wrote; ValueError where its configuration differs."""
        stored = read(Path(folder), asdict(self.config), {})
        self.training.restore(stored.weights, stored.moments)
        self.steps, self.nonfinite_steps = stored.state["steps"], stored.state["nonfinite_steps"]


def _masked(batch: Batch, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The network's inputs, without what is hidden (2, B, side, side)."""
    rgb, geometry = (_spread(part, size) for part, size in zip(hidden, (PIXELS, batch.geometry.shape[-1]), strict=True))
    pixels = batch.rgb.masked_fill(rgb[..., None], _GREY)
    return pixels, batch.geometry.masked_fill(geometry[:, None], 0.0), batch.has_rgb, batch.has_geometry


def _reconstruction_loss(predicted: Tensor, batch: Batch, hidden: Tensor, own: int) -> Tensor:
    """Mean smooth L1 distance to the rgb and geometry of the first `own` samples, where the network did not see it.

    predicted: (own, 8, h, w). Of rgb, in units of 127.5, the target is the mean over a place; of geometry its value
    there, where depth has a return.
    """
    size = predicted.shape[-1]
    rgb = F.avg_pool2d(batch.rgb[:own].permute(0, 3, 1, 2).float() / 127.5 - 1, PIXELS // size)
    every = batch.geometry.shape[-1] // size
    geometry = batch.geometry[:own, :, ::every, ::every]
    unseen = [
        _spread(part[:own], size) | ~has[:own, None, None]
        for part, has in zip(hidden, (batch.has_rgb, batch.has_geometry), strict=True)
    ]
    unseen[1] = unseen[1] & (geometry != 0).any(1)
    total = predicted.new_zeros((), dtype=torch.float32)
    for part, target, mask in zip(predicted.float().split((3, CHANNELS), 1), (rgb, geometry), unseen, strict=True):
        mask = mask.to(part.device)
        distance = F.smooth_l1_loss(part, target.to(part.device), reduction="none").mean(1)
        total = total + (distance * mask).sum() / mask.sum().clamp(min=1)
    return total


def _spread(patches: Tensor, size: int) -> Tensor:
    """Bool (B, side, side) of patches at the `size` x `size` places of a map."""
    times = size // patches.shape[-1]
    return patches.repeat_interleave(times, 1).repeat_interleave(times, 2)
