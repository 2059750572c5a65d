"""How test-time training is done. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TTTConfig:
    """How far each frame may move the encoder. The authors take 20 steps of 128 masks, at rate 5e-3."""

    steps: int = 10
    """Steps of gradient descent on each frame."""
    masks: int = 16
    """Masks of the frame in each step."""
    mask_ratio: float = 0.75
    """Fraction of patches masked, and predicted."""
    learning_rate: float = 5e-3
    """Learning rate of gradient descent."""
    momentum: float = 0.9
    """Its momentum."""
    refit_steps: int = 200
    """Steps of AdamW in which `refit_decoder` fits the decoder to the transferred encoder."""
    refit_batch: int = 32
    """Frames a step of the refit."""
    refit_learning_rate: float = 1e-3
    """Peak learning rate of the refit; it falls to 0 as half a cosine."""
