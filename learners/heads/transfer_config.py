"""How an encoder is transferred. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..choices import OptimiserName


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of labelled frames. 0 (min_scale: 1) switches a part off."""

    flip: float = 0.5
    """Probability of a left-right flip."""
    min_scale: float = 0.6
    """Smallest side of the crop, as a share of the image's; it is scaled to full size."""
    brightness: float = 0.4
    """Largest change of all colours, as a factor 1 +- this."""
    contrast: float = 0.3
    """Largest change of the distance from the mean colour, as a factor."""
    saturation: float = 0.3
    """Largest change of the distance from grey, as a factor."""
    tint: float = 0.1
    """Largest change of each colour channel alone, as a factor."""


@dataclass(frozen=True)
class TransferConfig:
    """How an encoder is transferred. Table 11 trains 64 epochs of 20,000 frames; nano is far shorter and hotter."""

    steps: int = 1000
    """Optimiser steps."""
    batch_size: int = 32
    """Frames a step."""
    optimiser: OptimiserName = "adamw"
    """adamw as the paper, or muon for the matrices of the hidden layers."""
    learning_rate: float = 1e-3
    """Peak learning rate, of the head."""
    layer_decay: float = 0.9
    """Factor of the learning rate from each layer of the encoder to the one below it."""
    weight_decay: float = 0.05
    """Weight decay, on matrices only."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay of AdamW's moments."""
    warmup_ratio: float = 0.05
    """Fraction of the steps over which the learning rate rises."""
    milestones: tuple[float, ...] = ()
    """Shares of the steps at which the learning rate falls to a tenth (Table 12); none: half a cosine instead."""
    drop_path: float = 0.1
    """Probability that a frame skips a branch of the encoder's last block; of lower blocks less, linearly to 0."""
    clip: float = 1.0
    """Largest gradient norm."""
    balance: float = 0.0
    """Segmentation: exponent of the classes' weights in the loss, share^-balance: 0 counts pixels alike, 0.5 lifts
    rare classes."""
    frozen: bool = False
    """Train the head only, on a frozen encoder."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Augmentation of frames."""
