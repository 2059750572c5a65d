"""Configuration of Cascade Mask R-CNN, separate from its head, which needs torchvision's operators to load."""

from __future__ import annotations

from dataclasses import dataclass

PATCH = 16
"""Units of a patch's side. Boxes are returned in pixels, but computed in units: sizes that the literature gives in
pixels, for ViTs of patch 16, then keep their size in patches, whatever the patch is here."""


@dataclass(frozen=True)
class CascadeConfig:
    """Size of the head, and its thresholds. The defaults suit frames of a few objects on two CPU cores;
    `recipes.CASCADE_HEAD` has the paper's."""

    width: int = 64
    """Channels of the pyramid and of all convolutions; ViTDet has 256."""
    scales: tuple[float, ...] = (2, 1, 0.5)
    """Sizes of the pyramid's maps, of the encoder's; ViTDet has 4, 2, 1, 0.5."""
    anchor: float = 4
    """Side of the square anchor of a map, in its cells; ViTDet has 8. Two more are half and twice as tall as wide."""
    proposals: int = 64
    """Most proposals of a frame; Detectron2 has 1,000."""
    samples: int = 32
    """Proposals of a frame that are learned from, a quarter of them objects; Detectron2 has 512."""
    overlaps: tuple[float, ...] = (0.5, 0.6, 0.7)
    """Least overlap of a box with its object, stage by stage."""
    convolutions: int = 1
    """3 x 3 convolutions of each stage and of the masks; ViTDet has 4."""
    hidden: int = 256
    """Units of each stage's layer; ViTDet has 1,024."""
    min_score: float = 0.02
    """Boxes of a lower score are dropped."""
    max_iou: float = 0.5
    """Of two boxes of one class that overlap by more, the worse is dropped."""
    per_frame: int = 100
    """Most boxes of a frame; COCO's measure looks at no more."""
