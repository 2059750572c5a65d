"""The paper's settings of pre-training (Tables 9 and 10) as configurations of the learner.

    learner = TSTLearner(paper.pretraining("small"))

What the paper gives in tokens becomes steps: a sample counts its input and its target tokens. Steps of 4,096 samples
are many small ones for one machine: `batch_size` scales the number of steps, and the learning rate by the linear rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..choices import QuantiserName
from .tst_config import TSTConfig

PaperSize = Literal["small", "base"]
Start = Literal["scratch", "4m"]


@dataclass(frozen=True)
class Row:
    """Column of Table 9 or 10, for one size and one initialisation."""

    tokens: float
    """Training length."""
    warmup_tokens: float
    """Warm-up length."""
    budget: int
    """Input tokens, and target tokens, of a sample."""
    base_learning_rate: float
    """For 256 samples a step."""


BATCH = 4096
"""Samples per step, in every column."""
TABLES: dict[tuple[PaperSize, Start], Row] = {
    ("small", "scratch"): Row(100e9, 10e9, 128, 1e-4),
    ("base", "scratch"): Row(500e9, 10e9, 256, 1e-4),
    ("small", "4m"): Row(100e9, 10e9, 128, 5e-5),
    ("base", "4m"): Row(100e9, 10e9, 256, 5e-5),
}
"""Table 9 (from scratch) and Table 10 (from 4M's weights)."""


def pretraining(
    size: PaperSize, start: Start = "scratch", batch_size: int = BATCH, quantiser: QuantiserName = "vq"
) -> TSTConfig:
    """TST-MM as Tables 9 and 10 have it: 224 x 224 in patches of 16, tokens, 4M-21's mixture, no clipping to speak of.

    Not in the tables: repeated sampling, which is the caller's choice (`repeats` of train); the smallest crop,
    which the paper does not state; and the codes, which are those of our own tokenizers, 16,384 for each modality.
    """
    row = TABLES[size, start]
    a_step = batch_size * 2 * row.budget
    return TSTConfig(
        size=size,
        image_size=224,
        patch=16,
        targets="tokens",
        rgb_beside_tokens=True,
        input_budget=row.budget,
        target_budget=row.budget,
        alphas=(0.01, 0.1, 1.0, 10.0),
        rgb_only=1.0,
        jitter=0.0,
        min_crop=0.5,
        mirror=False,
        batch_size=batch_size,
        base_learning_rate=row.base_learning_rate,
        betas=(0.9, 0.95),
        weight_decay=0.05,
        warmup_steps=round(row.warmup_tokens / a_step),
        total_steps=round(row.tokens / a_step),
        clip=1e6,
        levels=(8, 8, 8, 32),
        quantiser=quantiser,
    )
