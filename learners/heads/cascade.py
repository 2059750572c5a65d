"""Cascade Mask R-CNN on an encoder, the paper's detector (Appendix W.2), where torchvision's operators load.

As ViTDet (Li et al., 2022) puts it on a plain ViT: a simple pyramid of the last map, proposals (Faster R-CNN), three
stages of boxes that ask for more and more overlap (Cascade R-CNN, Cai & Vasconcelos, 2018), and masks (Mask R-CNN).
Where torchvision's operators do not load, `detection.Detector` tells boxes in plain torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoders import FrameEncoder
from ..precision import autocast
from ..torchvision_guard import operators_load
from .box_detector import BoxDetector, sides_of
from .boxes import Boxes

if TYPE_CHECKING:
    from .cascade_head import CascadeHead

PATCH = 16
"""Units of a patch's side. Boxes are told in pixels, but held in units: every size that the field gives in pixels, for
ViTs of patch 16, then stays what it is in patches, however large a patch is here."""


@dataclass(frozen=True)
class CascadeConfig:
    """The size of the head, and which boxes it tells. The defaults suit frames of a few objects on two CPU cores;
    `recipes.CASCADE_HEAD` has the paper's."""

    width: int = 64
    """Channels of the pyramid and of all convolutions; ViTDet has 256."""
    scales: tuple[float, ...] = (2, 1, 0.5)
    """Sizes of the pyramid's maps, of the encoder's; ViTDet has 4, 2, 1, 0.5."""
    anchor: float = 4
    """Side of the square anchor of a map, in its cells; ViTDet has 8. Two more are half and twice as tall as wide."""
    proposals: int = 100
    """Most proposals of a frame; Detectron2 has 1,000."""
    samples: int = 64
    """Proposals of a frame that are learned from, a quarter of them objects; Detectron2 has 512."""
    overlaps: tuple[float, ...] = (0.5, 0.6, 0.7)
    """Least overlap of a box with its object, stage by stage."""
    convolutions: int = 1
    """3 x 3 convolutions of each stage and of the masks; ViTDet has 4."""
    hidden: int = 256
    """Units of each stage's layer; ViTDet has 1,024."""
    min_score: float = 0.02
    """Boxes with less are not told."""
    max_iou: float = 0.5
    """Of two boxes of one class that overlap by more, the worse is dropped."""
    per_frame: int = 100
    """Most boxes of a frame; COCO's measure looks at no more."""


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

    def found(self, rgb: Tensor) -> Boxes:
        """See BoxDetector."""
        units = self._units(rgb)
        found = self.head.detect(self._maps(rgb))
        return Boxes(*(each.cpu() for each in (found.frame, found.corners / units, found.classes, found.scores)))

    @torch.no_grad()
    def masks(self, rgb: NDArray[np.uint8] | Tensor, boxes: Boxes, batch_size: int = 64) -> Tensor:
        """The pixels of each object that `predict` told of rgb uint8 (N, H, W, 3): bool (M, H, W), on the CPU."""
        device, was_training = next(self.head.parameters()).device, self.training
        self.eval()
        known, parts, size = self.known(boxes), [], (int(rgb.shape[1]), int(rgb.shape[2]))
        for first in range(0, len(rgb), batch_size):
            batch = torch.as_tensor(rgb[first : first + batch_size]).to(device)
            own = known.where((known.frame >= first) & (known.frame < first + len(batch)))
            corners = own.corners.to(device) * self._units(batch)
            inside = Boxes(own.frame.to(device) - first, corners, own.classes.to(device), own.scores)
            parts.append(self.head.masks(self._maps(batch), inside, self._units(batch), size).cpu())
        self.train(was_training)
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
