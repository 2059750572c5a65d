"""Segmentation from all sensory modalities at once, in transfer and after it: multimodal scratch of Table 1."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..choices import SENSORY
from ..masked.multimodal_encoder import MultimodalEncoder
from ..nn.precision import autocast
from .head_config import HeadConfig
from .segmentation import Segmenter
from .segmentation_training import train_segmenter
from .transfer import LabelledFrames, Progress, augment_all
from .transfer_config import TransferConfig

SensorMaps = Mapping[str, NDArray[Any]]
"""depth, normals and edges of frames, as a batched Frame has them."""


class MultimodalSegmenter(Segmenter):
    """A Segmenter whose encoder takes the other sensory modalities too."""

    name = "multimodal_segmenter"
    encoder: MultimodalEncoder

    def forward(self, rgb: Tensor, others: Mapping[str, Tensor] | None = None) -> Tensor:
        """As Segmenter's, with `others` by name."""
        logits: Tensor = self.head(self.encoder(rgb, others))
        return logits

    @torch.no_grad()
    def predict_all(self, rgb: NDArray[np.uint8], others: SensorMaps, batch_size: int = 64) -> NDArray[np.int16]:
        """Global class ids int16 (N, H, W) of rgb uint8 (N, H, W, 3) and the other modalities of the same frames."""
        self.eval()
        device, parts = next(self.head.parameters()).device, [np.zeros((0, *rgb.shape[1:3]), np.int16)]
        for start in range(0, len(rgb), batch_size):
            chosen = slice(start, start + batch_size)
            with autocast(device.type):
                maps = {name: values.to(device) for name, values in _tensors(others, chosen).items()}
                logits = self(torch.from_numpy(rgb[chosen]).to(device), maps)
            parts.append(self.classes_at(logits, rgb.shape[1:3]))
        return np.concatenate(parts)


def fine_tune_multimodal(
    encoder: MultimodalEncoder,
    labelled: LabelledFrames,
    others: SensorMaps,
    n_classes: int,
    config: TransferConfig,
    head: HeadConfig | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> MultimodalSegmenter:
    """As `fine_tune_segmenter`, with the other modalities of the labelled frames."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        segmenter = MultimodalSegmenter(copy.deepcopy(encoder), labelled.classes(), head)
        device = next(segmenter.parameters()).device

        def look(picks: NDArray[np.int64], target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
            seen = {"rgb": torch.from_numpy(labelled.rgb[picks]), **_tensors(others, picks)}
            seen, target = augment_all(seen, target, config.augment, generator)
            with autocast(device.type):
                return segmenter(seen.pop("rgb").to(device), {n: v.to(device) for n, v in seen.items()}), target

        train_segmenter(segmenter, look, labelled, n_classes, config, seed, progress)
    return segmenter


def _tensors(others: SensorMaps, chosen: Any) -> dict[str, Tensor]:
    """Tensors of these frames; halves become float32, so that small depths survive the logarithm."""
    found = {name: torch.from_numpy(np.ascontiguousarray(others[name][chosen])) for name in SENSORY[1:]}
    return {name: value.float() if value.is_floating_point() else value for name, value in found.items()}
