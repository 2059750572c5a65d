"""The paper's recipes of transfer (Tables 11 to 13), by the size of the encoder and of D_t.

What the tables leave open is ours: how far crops go in, how large the gradient may be (`TransferConfig`'s defaults),
and the widths of the heads, which are those of the works that the paper names.
"""

from __future__ import annotations

from typing import Literal

from .cascade_config import CascadeConfig
from .detection_config import DetectionConfig
from .head_config import HeadConfig
from .transfer_config import AugmentConfig, TransferConfig

Size = Literal["small", "base"]
FRAMES = 20_000
"""Labelled frames of D_t on ProcTHOR and Replica; Scannet++ has 40,000 (Appendix D)."""
FLIP_AND_CROP = AugmentConfig(brightness=0.0, contrast=0.0, saturation=0.0, tint=0.0)
"""RandomFlip and RandomCrop, and no more."""
NO_AUGMENTATION = AugmentConfig(flip=0.0, min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, tint=0.0)
"""No augmentation: Table 13 names none."""

SEGMENTATION_HEAD = HeadConfig(width=384, cells=4, points=1, depth=4, kernel=7)
"""MultiMAE's: 4 x 4 cells of 384 channels a patch (6,144), four ConvNeXt blocks."""
DETECTION_HEAD = DetectionConfig(width=256, scales=(4, 2, 1, 0.5), depth=4)
"""ViTDet's pyramid with FCOS's towers."""
CASCADE_HEAD = CascadeConfig(
    width=256, scales=(4, 2, 1, 0.5), anchor=8, proposals=1000, samples=512, convolutions=4, hidden=1024,
)  # fmt: skip
"""ViTDet's Cascade Mask R-CNN, the paper's."""


def segmentation_recipe(size: Size, frames: int = FRAMES, batch_size: int = 32) -> TransferConfig:
    """Table 11: 64 epochs, the first to warm up. On Scannet++ the batch is 16."""
    return TransferConfig(
        steps=64 * frames // batch_size, batch_size=batch_size, learning_rate={"small": 1e-4, "base": 2e-4}[size],
        layer_decay=0.75, weight_decay=0.05, betas=(0.9, 0.999), warmup_ratio=1 / 64, drop_path=0.1,
        augment=FLIP_AND_CROP,
    )  # fmt: skip


def detection_recipe(frames: int = FRAMES) -> TransferConfig:
    """Table 12: 150 epochs, a hundredth of one to warm up, a tenth of the rate from epoch 133 and from epoch 144."""
    return TransferConfig(
        steps=150 * frames // 128, batch_size=128, learning_rate=1e-4, layer_decay=0.7, weight_decay=0.1,
        betas=(0.9, 0.999), warmup_ratio=0.01 / 150, milestones=(133 / 150, 144 / 150), drop_path=0.1,
        augment=FLIP_AND_CROP,
    )  # fmt: skip


def captioning_recipe(frames: int = FRAMES) -> TransferConfig:
    """Table 13: 1,400 epochs, 600 to warm up; the base rate of 1e-5 is for 256 frames a step (Goyal et al., 2017)."""
    return TransferConfig(
        steps=1400 * frames // 2048, batch_size=2048, learning_rate=1e-5 * 2048 / 256, layer_decay=1.0,
        weight_decay=0.05, betas=(0.9, 0.95), warmup_ratio=600 / 1400, drop_path=0.0, augment=NO_AUGMENTATION,
    )  # fmt: skip
