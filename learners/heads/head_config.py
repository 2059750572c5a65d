"""The size of the segmentation head. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HeadConfig:
    """The size of the head."""

    width: int = 64
    """Channels of a cell."""
    cells: int = 2
    """Cells along each side of a patch."""
    points: int = 2
    """Logits along each side of a cell."""
    depth: int = 4
    """ConvNeXt blocks."""
    kernel: int = 3
    """Side of the depthwise kernels, in cells."""
