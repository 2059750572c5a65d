"""The semantic segmentation head (W.2): patch features of an encoder to one class a pixel, as MultiMAE's ConvNeXt head.

A linear layer unfolds each patch into 2 x 2 cells, four ConvNeXt blocks (Liu et al., 2022) mix them, a linear layer
gives the logits of 2 x 2 points a cell, and the map between the points is bilinear. Departures at nano, each for two
CPU cores at 64 x 64 and patch 8: 2 x 2 cells of 64 channels instead of 4 x 4 of 384; 3 x 3 depthwise kernels on 16 x
16 cells instead of 7 x 7 on 56 x 56 (a larger share of the image still; 5 x 5 and 7 x 7 make the whole head 2 times
as slow); no layer scale, which starts near 0 and so holds back a training of a thousand steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..nn.precision import autocast
from .head_config import HeadConfig
from .task import TaskModel


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, LayerNorm, and an MLP four times as wide, around a residual; x (B, h, w, C)."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, 4 * width)
        self.project = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, h, w, C), its shape kept."""
        mixed = self.depthwise(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # channels last throughout: no copy
        return x + self.project(F.gelu(self.expand(self.norm(mixed))))


class SegmentationHead(nn.Module):
    """Patch features (B, N, dim) of a grid of patches, rows x columns = N, to logits (B, h, w, n_classes).

    There are h = rows x cells x points rows of logits, and as many columns for a column of patches.
    """

    def __init__(self, dim: int, grid: tuple[int, int], n_classes: int, config: HeadConfig) -> None:
        super().__init__()
        self.grid, self.config = grid, config
        self.unfold = nn.Linear(dim, config.cells**2 * config.width)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(config.width, config.kernel) for _ in range(config.depth)))
        self.norm = nn.LayerNorm(config.width, eps=1e-6)
        self.logits = nn.Linear(config.width, config.points**2 * n_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Features (B, N, dim) to logits (B, h, w, n_classes)."""
        rows, columns = self.grid
        cells = _spread(self.unfold(features).unflatten(1, (rows, columns)), self.config.cells)
        return _spread(self.logits(self.norm(self.blocks(cells))), self.config.points)


def _spread(x: Tensor, side: int) -> Tensor:
    """(B, h, w, side^2 C) to (B, h side, w side, C): what one place holds becomes side x side places."""
    b, h, w, _ = x.shape
    return x.view(b, h, w, side, side, -1).transpose(2, 3).reshape(b, h * side, w * side, -1)


class Segmenter(TaskModel):
    """An encoder with its segmentation head. `classes` are the global class ids of the logits, in order."""

    name = "segmenter"
    head: SegmentationHead

    pipeline_tag = "image-segmentation"

    def __init__(self, encoder: FrameEncoder, classes: Sequence[int], config: HeadConfig | None = None) -> None:
        if not classes:
            raise ValueError("segmenter: there is no class to tell apart")
        self.classes, self.config = tuple(int(c) for c in classes), config or HeadConfig()
        super().__init__(encoder, SegmentationHead(encoder.dim, encoder.grid, len(classes), self.config))

    def description(self) -> dict[str, Any]:
        """The classes and the head's sizes."""
        return {"classes": self.classes, "head": asdict(self.config)}

    @classmethod
    def from_description(cls, encoder: FrameEncoder, description: dict[str, Any]) -> Self:
        """See TaskModel."""
        return cls(encoder, description["classes"], HeadConfig(**description["head"]))

    @property
    def hidden(self) -> tuple[nn.Module, ...]:
        """The encoder's layers, and the head's unfolding and blocks."""
        return (self.encoder.layers, self.head.unfold, self.head.blocks)

    def forward(self, rgb: Tensor) -> Tensor:
        """Logits (B, h, w, K) of rgb uint8 (B, H, W, 3), at the head's resolution, K in the order of `classes`."""
        return self.head(self.encoder(rgb))

    @torch.no_grad()
    def predict(self, rgb: NDArray[np.uint8] | Tensor, batch_size: int = 64) -> NDArray[np.int16]:
        """Global class ids int16 (N, H, W) of rgb uint8 (N, H, W, 3); the training mode is left as it was."""
        images = torch.as_tensor(rgb)
        size = (int(images.shape[1]), int(images.shape[2]))
        if len(images) == 0:
            return np.zeros((0, *size), np.int16)
        parts = []
        with self.evaluating() as device:
            for batch in images.split(batch_size):
                with autocast(device.type):
                    logits = self(batch.to(device))
                parts.append(self.classes_at(logits, size))
        return np.concatenate(parts)

    @torch.no_grad()
    def probabilities(self, rgb: NDArray[np.uint8] | Tensor, batch_size: int = 64) -> NDArray[np.float32]:
        """Probabilities float32 (N, h, w, K) of `classes`, at the head's resolution, of rgb uint8 (N, H, W, 3)."""
        parts = []
        with self.evaluating() as device:
            for batch in torch.as_tensor(rgb).split(batch_size):
                with autocast(device.type):
                    logits = self(batch.to(device))
                parts.append(logits.float().softmax(-1).cpu().numpy())
        return np.concatenate(parts)

    def classes_at(self, logits: Tensor, size: tuple[int, int]) -> NDArray[np.int16]:
        """Global class ids int16 (B, *size) at which logits (B, h, w, K), spread bilinearly, are highest."""
        full = F.interpolate(logits.float().permute(0, 3, 1, 2), size, mode="bilinear", align_corners=False)
        ids: NDArray[np.int16] = torch.tensor(self.classes, dtype=torch.int16)[full.argmax(1).cpu()].numpy()
        return ids
