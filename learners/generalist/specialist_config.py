"""How the generalist is specialised. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpecialistConfig:
    """How the generalist becomes a specialist, in small steps while the agent explores."""

    batch_size: int = 32
    """Samples a step."""
    own_share: float = 0.5
    """Share of a batch that are the agent's own frames with pseudolabels; the rest are generated, with true labels."""
    learning_rate: float = 5e-4
    """Learning rate of AdamW between warm-up and fall."""
    weight_decay: float = 0.05
    """Weight decay, on matrices only."""
    warmup_steps: int = 20
    """Steps over which the learning rate rises from 0."""
    fall: float = 0.5
    """Last part of the steps, over which the learning rate falls to 0."""
    average: float = 0.99
    """Decay of the moving average of the weights, which is the specialist."""
    clip: float = 2.0
    """Largest gradient norm."""
    balance: float = 0.25
    """A class weighs its share of the generated pixels to the power of minus this."""
    mask_share: float = 0.5
    """Share of the agent's own samples that are masked: patches of rgb and of geometry are hidden, each for itself."""
    mask_ratio: float = 0.65
    """Largest share of a masked sample's patches that is hidden; a sample's own is uniform up to it."""
    reconstruction: float = 0.1
    """Weight of predicting hidden rgb and geometry, beside the classes; 0 predicts classes only."""
    generated_houses: int = 60
    """External houses to generate, of assets that the test space does not use."""
    generated_views: int = 40
    """Labelled views of each of them."""
    total_steps: int | None = None
    """Steps in all; None for as many as the episode allows."""
