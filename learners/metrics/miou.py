"""Scores of semantic segmentation: mean intersection over union and pixel accuracy, from one confusion matrix.

mIoU is over classes that fill a stated share of the truth (a class of a few pixels would decide the mean by luck)
and, where it is known what the transfer set could teach, over those classes only. Pixel accuracy is over every
labelled pixel.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

VOID = 0
"""Class id of pixels without truth: they count for nothing."""


@dataclass(frozen=True)
class SegmentationScore:
    """Scores of segmentation, all in 0..1; 0 without labelled pixels."""

    miou: float
    """Mean of `per_class` over `counted`."""
    pixel_accuracy: float
    """Share of labelled pixels, of any class, that are right."""
    per_class: dict[int, float]
    """Intersection over union by class id, of every class that occurs in the truth."""
    counted: tuple[int, ...]
    """Class ids that enter the mean."""
    pixels: int
    """Labelled pixels."""
    min_share: float
    """Share of the labelled pixels from which a class is counted."""


def confusion_matrix(predicted: Any, truth: Any, n_classes: int) -> NDArray[np.int64]:
    """Pixels by (true class, predicted class), int64 (C, C), of integer arrays of one shape; void truth is left out.

    Raises ValueError on other shapes, and on ids outside 0..C-1.
    """
    guess, fact = np.asarray(predicted), np.asarray(truth)
    if guess.shape != fact.shape:
        raise ValueError(f"metrics: predictions {guess.shape} and truth {fact.shape} differ in shape")
    labelled = fact != VOID
    guess, fact = guess[labelled].astype(np.int64), fact[labelled].astype(np.int64)
    for name, ids in (("prediction", guess), ("truth", fact)):
        if ids.size and (ids.min() < 0 or ids.max() >= n_classes):
            raise ValueError(
                f"metrics: class ids of the {name} must lie in 0..{n_classes - 1}, got {ids.min()}..{ids.max()}"
            )
    return np.bincount(fact * n_classes + guess, minlength=n_classes**2).reshape(n_classes, n_classes)


def segmentation_score(
    predicted: Any, truth: Any, n_classes: int, min_share: float = 0.001, learnable: Collection[int] | None = None
) -> SegmentationScore:
    """Score predicted class ids (..., H, W) against the truth, all frames as one set of pixels.

    A class counts in the mean where it fills `min_share` of the labelled pixels or more, and is in `learnable` (the
    classes of the transfer set) where that is given. A void prediction on a labelled pixel is an error. Void truth
    counts for nothing.
    """
    matrix = confusion_matrix(predicted, truth, n_classes)
    true, right, pixels = matrix.sum(1), np.diag(matrix), int(matrix.sum())
    union = true + matrix.sum(0) - right
    occurring = [int(c) for c in np.flatnonzero(true)]
    per_class = {c: float(right[c] / union[c]) for c in occurring}
    counted = tuple(c for c in occurring if true[c] >= min_share * pixels and (learnable is None or c in learnable))
    miou = float(np.mean([per_class[c] for c in counted])) if counted else 0.0
    return SegmentationScore(miou, float(right.sum() / max(1, pixels)), per_class, counted, pixels, min_share)
