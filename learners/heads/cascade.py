"""Cascade Mask R-CNN on an encoder, the paper's detector (Appendix W.2), where torchvision's operators load.

As ViTDet (Li et al., 2022) puts it on a plain ViT: a simple pyramid of the last map, proposals (Faster R-CNN), three
stages of boxes that require more and more overlap (Cascade R-CNN, Cai & Vasconcelos, 2018), and masks (Mask R-CNN).
Where torchvision's operators do not load, `detection.Detector` is in plain torch. On frames of 64 x 64, whose
objects are mostly smaller than an anchor, that one also learns in fewer steps, each a fifth as long on a CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoders.frame_encoder import FrameEncoder
from ..encoders.torchvision_guard import operators_load
from ..metrics.boxes import Boxes
from ..nn.precision import autocast
from .box_detector import BoxDetector, sides_of
from .cascade_config import PATCH, CascadeConfig

if TYPE_CHECKING:
    from .cascade_head import CascadeHead


class CascadeDetector(BoxDetector):
    """An encoder with Cascade Mask R-CNN on it. ImportError where torchvision's operators do not load."""

    name = "cascade_detector"
    config_type = CascadeConfig
    config: CascadeConfig
    head: CascadeHead

    @staticmethod
    def build(encoder: FrameEncoder, n_classes: int, config: CascadeConfig) -> CascadeHead:
        """See BoxDetector."""
        if not operators_load():
            raise ImportError(
                "Cascade Mask R-CNN needs torchvision with operators that fit this torch: install the two from one "
                "index (pip install torch torchvision); DetectionConfig is of a detector in plain torch"
            )
        from .cascade_head import CascadeHead

        return CascadeHead(encoder.dim, encoder.grid, n_classes, config)

    def loss(self, rgb: Tensor, truth: Boxes) -> tuple[Tensor, dict[str, float]]:
        """See BoxDetector; the truth has masks, and the detector is in training mode (else there are no proposals to
        learn from)."""
        if truth.masks is None:
            raise ValueError("cascade_detector: the true boxes have no masks; make them with boxes_of(..., masks=True)")
        known, units = self.known(truth), self._units(rgb)
        losses = self.head.losses(self._maps(rgb), known, units)
        return torch.stack(list(losses.values())).sum(), {name: loss.item() for name, loss in losses.items()}

    def detect(self, rgb: Tensor) -> Boxes:
        """See BoxDetector."""
        units = self._units(rgb)
        boxes = self.head.detect(self._maps(rgb))
        return Boxes(*(each.cpu() for each in (boxes.frame, boxes.corners / units, boxes.classes, boxes.scores)))

    @torch.no_grad()
    def masks(self, rgb: NDArray[np.uint8] | Tensor, boxes: Boxes, batch_size: int = 64) -> Tensor:
        """Masks of the boxes that `predict` returned for rgb uint8 (N, H, W, 3): bool (M, H, W), on the CPU."""
        known, parts, size = self.known(boxes), [], (int(rgb.shape[1]), int(rgb.shape[2]))
        with self.evaluating() as device:
            for first in range(0, len(rgb), batch_size):
                batch = torch.as_tensor(rgb[first : first + batch_size]).to(device)
                own, units = (
                    known.where((known.frame >= first) & (known.frame < first + len(batch))),
                    self._units(batch),
                )
                corners = own.corners.to(device) * units
                inside = Boxes(own.frame.to(device) - first, corners, own.classes.to(device), own.scores)
                parts.append(self.head.masks(self._maps(batch), inside, units, size).cpu())
        return torch.cat(parts) if parts else torch.zeros(0, *size, dtype=torch.bool)

    def _maps(self, rgb: Tensor) -> list[Tensor]:
        """The pyramid of rgb, float32."""
        with autocast(rgb.device.type):
            maps = self.head.pyramid(self.encoder(rgb))
        return [each.float() for each in maps]

    def _units(self, rgb: Tensor) -> Tensor:
        """Units of a pixel: of x, y, x, y."""
        rows, columns = self.encoder.grid
        return PATCH * torch.tensor([columns, rows, columns, rows], device=rgb.device) / sides_of(rgb)
