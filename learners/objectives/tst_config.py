"""Configuration of a TSTLearner. Light to import: without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from ..choices import SENSORY, OptimiserName, QuantiserName, SizeName, TargetKind

Objective = Literal["mm", "mae"]


@dataclass(frozen=True)
class TSTConfig:
    """The masked model, its objective and its optimiser. The defaults are our nano, for two CPU cores."""

    size: SizeName = "nano"
    """Width and depth of the encoder-decoder."""
    image_size: int = 64
    """Height and width of the frames, in pixels."""
    patch: int = 8
    """Height and width of a patch, in pixels."""
    decoder_layers: int | None = None
    """Decoder depth; unset: the size's own, equal to the encoder's."""
    objective: Objective = "mm"
    """mm: TST-MM, masked modelling across modalities. mae: TST-MAE, masked autoencoding of rgb alone (Appendix H)."""
    modalities: tuple[str, ...] = SENSORY
    """Names in the registry of modalities, rgb first (Figures 4 to 6: any subset)."""
    rgb_beside_tokens: bool = False
    """With targets "tokens": rgb pixels are one modality, only seen, and rgb's tokens another, as in 4M; else rgb is
    one modality, seen as pixels and predicted as tokens."""
    pseudolabel_classes: int = 0
    """Number of class ids of the pseudolabels (`modality.PSEUDOLABEL`) in every frame; 0 disables them."""
    targets: TargetKind = "patches"
    """What is predicted: tokenizer codes (as 4M), or normalised patches (as MultiMAE)."""
    input_budget: int = 64
    """Visible tokens of each frame."""
    target_budget: int = 64
    """Predicted tokens of each frame."""
    alphas: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    """Concentrations of the Dirichlets of input and target shares, drawn equally often."""
    rgb_only: float = 1.0
    """Weight of inputs of rgb alone; each alpha has weight 1."""
    mask_ratio: float = 0.75
    """Fraction of patches masked, and predicted, in masked autoencoding: of the transfer set's rgb, and of all rgb in
    TST-MAE."""
    jitter: float = 0.2
    """Photometric jitter of rgb: light and contrast change by up to this share, tint by half of it."""
    min_crop: float = 1.0
    """Smallest side of a random crop, as a share of the frame's; crops are scaled to full size. 1: no crops."""
    mirror: bool = True
    """Mirror half of the frames left to right."""
    batch_size: int = 64
    """Samples per step, including those mixed in from the transfer set."""
    optimiser: OptimiserName = "adamw"
    """adamw as the paper, or muon for the matrices of the hidden layers."""
    base_learning_rate: float = 4e-3
    """Learning rate for 256 samples a step; what is used is this times batch_size / 256."""
    betas: tuple[float, float] = (0.9, 0.95)
    """Decay of AdamW's moments."""
    weight_decay: float = 0.05
    """Weight decay, on matrices only."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises from 0."""
    total_steps: int | None = None
    """Steps after which the learning rate has fallen to 0, as half a cosine. Unset: constant after the warm-up."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    levels: tuple[int, ...] = (8, 5, 5, 5)
    """Levels of the tokenizers' FSQ; their product is the number of codes."""
    quantiser: QuantiserName = "fsq"
    """fsq, or vq: a cosine codebook as 4M's, of as many codes."""
    tokenizer_steps: int = 300
    """Training steps of each tokenizer."""

    @property
    def learning_rate(self) -> float:
        """The linear scaling rule: base_learning_rate * batch_size / 256."""
        return self.base_learning_rate * self.batch_size / 256

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """The configuration that was stored as JSON, which has lists for tuples; TypeError for unknown settings."""
        settings: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in stored.items()}
        return cls(**settings)
