"""What a finished run must not keep quiet about: a loss that did not fall, classes that nobody taught, a one-sided
teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agent.fusion.semantic_map import SemanticMap
from ...envs.house.classes import CLASSES
from ..protocol.score import MIN_SHARE

FALLEN = 0.97
"""Share of its first value at which a loss counts as fallen; in runs that learn it is 0.6 to 0.85 at the end."""
LEAST_ROLLOUTS = 4
"""Rollouts with learning from which on a loss is judged."""
ONE_SIDED = 0.9
"""Share of what the map has seen from which on its teacher votes for one class."""


def learning_notes(
    rollouts: Sequence[Mapping[str, Any]],
    truth: NDArray[np.int16] | None,
    learnable: Sequence[int],
    semantic_map: SemanticMap | None,
) -> list[str]:
    """Warnings, one line each; none where all is well.

    rollouts: rows of metrics.jsonl. truth: classes (N, H, W) of held-out views, 0 = none. learnable: classes that the
    labels of external houses have. semantic_map: the teacher's votes.
    """
    notes = []
    losses = [float(row["losses"]["loss"]) for row in rollouts if "loss" in row.get("losses", {})]
    part = max(1, len(losses) // 4)
    if len(losses) >= LEAST_ROLLOUTS:
        first, last = float(np.mean(losses[:part])), float(np.mean(losses[-part:]))
        if not last < FALLEN * first:
            notes.append(
                f"warning: the learner's loss did not fall ({first:.3g} at first, {last:.3g} at the end): "
                "it has learned little here; run longer, or lower the learning rate"
            )
    if truth is not None:
        counts = np.bincount(truth.ravel(), minlength=len(CLASSES))
        counts[0] = 0
        missing = [c for c in np.flatnonzero(counts > MIN_SHARE * counts.sum()) if c not in set(learnable)]
        if missing:
            notes.append(
                f"warning: {len(missing)} classes of this house are in no labelled frame, so they cannot be learned "
                f"and do not count: {', '.join(CLASSES[c] for c in missing[:8])}{', ...' if len(missing) > 8 else ''}"
            )
    if semantic_map is not None and len(semantic_map):
        votes = np.bincount(semantic_map.surface()[1], semantic_map.evidence(), len(CLASSES))
        if votes.max() > ONE_SIDED * votes.sum():
            notes.append(
                f"warning: the teacher takes {votes.max() / votes.sum():.0%} of what was seen for "
                f"{CLASSES[int(votes.argmax())]}: its pseudolabels teach little; see first-look.png"
            )
    return notes
