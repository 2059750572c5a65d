"""The size of the detection head. Light to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DetectionConfig:
    """Size of the head, and its thresholds."""

    width: int = 64
    """Channels of the pyramid and of the towers; ViTDet has 256."""
    scales: tuple[float, ...] = (2, 1, 0.5)
    """Sizes of the pyramid's maps, of the encoder's; ViTDet has 4, 2, 1, 0.5."""
    depth: int = 2
    """3 x 3 convolutions of each tower, of classes and of boxes; FCOS has 4."""
    min_score: float = 0.02
    """Boxes of a lower score are dropped."""
    max_iou: float = 0.6
    """Of two boxes of one class that overlap by more, the worse is dropped."""
    per_frame: int = 100
    """Most boxes of a frame; COCO's measure looks at no more."""
