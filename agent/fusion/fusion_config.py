"""How predictions of many views are fused. Light to import: the command line reads it without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FusionConfig:
    """How the predictions of many views become one label for each cell of space."""

    rule: Literal["soft", "hard"] = "soft"
    """soft: sum the class probabilities of all views. hard: each view votes for its most probable class."""
    prior_power: float = 1.0
    """Exponent of the geometric prior: 1 for a weak teacher, less for one that has learned geometry itself, 0 for none.
    """
    cell: float = 0.1
    """Side of the cells, in metres."""
    smoothing: int = 0
    """Passes in which cells share their evidence with neighbours of like colour; 0 for none."""
