"""Base class of detectors: their classes, training on true boxes, and prediction frame by frame."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..encoders.frame_encoder import FrameEncoder
from ..metrics.boxes import Boxes
from .task import TaskModel


class BoxDetector(TaskModel):
    """An encoder with a detection head. `classes` are the global class ids that it predicts, in order."""

    config_type: ClassVar[type]
    """Dataclass of the head's sizes and of its thresholds."""

    pipeline_tag = "object-detection"

    def __init__(self, encoder: FrameEncoder, classes: Sequence[int], config: Any = None) -> None:
        if not classes:
            raise ValueError(f"{self.name}: there is no class to detect")
        self.classes, config = tuple(int(c) for c in classes), config or self.config_type()
        super().__init__(encoder, self.build(encoder, len(classes), config))
        self.config = config

    @staticmethod
    @abstractmethod
    def build(encoder: FrameEncoder, n_classes: int, config: Any) -> nn.Module:
        """The head, with random weights."""

    @abstractmethod
    def loss(self, rgb: Tensor, truth: Boxes) -> tuple[Tensor, dict[str, float]]:
        """Loss on rgb uint8 (B, H, W, 3) and the true boxes of its frames; those of other classes are ignored."""

    @abstractmethod
    def detect(self, rgb: Tensor) -> Boxes:
        """Boxes on rgb uint8 (B, H, W, 3), on the CPU, each frame's best first; classes are indices into `classes`."""

    def description(self) -> dict[str, Any]:
        """The classes and the head's sizes."""
        return {"classes": self.classes, "head": asdict(self.config)}

    @classmethod
    def from_description(cls, encoder: FrameEncoder, description: dict[str, Any]) -> Self:
        """See TaskModel."""
        sizes = {key: tuple(value) if isinstance(value, list) else value for key, value in description["head"].items()}
        return cls(encoder, description["classes"], cls.config_type(**sizes))

    def known(self, truth: Boxes) -> Boxes:
        """Boxes of `classes`, with indices into them for ids."""
        ids = torch.tensor(self.classes, device=truth.classes.device)
        same = truth.classes[:, None] == ids
        known = truth.where(same.any(1))
        return replace(known, classes=same[same.any(1)].int().argmax(1))

    @torch.no_grad()
    def predict(self, rgb: NDArray[np.uint8] | Tensor, batch_size: int = 64) -> Boxes:
        """Boxes on the frames rgb uint8 (N, H, W, 3), each frame's best first; the training mode is left as it was."""
        parts, first = [], 0
        with self.evaluating() as device:
            for batch in torch.as_tensor(rgb).split(batch_size) if len(rgb) else ():
                boxes = self.detect(batch.to(device))
                classes = torch.tensor(self.classes)[boxes.classes]
                parts.append(replace(boxes, frame=boxes.frame + first, classes=classes))
                first += len(batch)
        return Boxes.join(parts)


def sides_of(rgb: Tensor) -> Tensor:
    """Width, height, width, height of the frames (B, H, W, 3), on their device."""
    sides = [rgb.shape[2], rgb.shape[1], rgb.shape[2], rgb.shape[1]]
    return torch.tensor(sides, dtype=torch.float32, device=rgb.device)
