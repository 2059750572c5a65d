"""Mean average precision of boxes as COCO measures it (Lin et al., 2014), by pycocotools.

Averages over ten overlaps (0.5 to 0.95), 101 recalls and the classes that occur in the truth. COCO's split by size is
left out: its bounds are in pixels of photographs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .boxes import Boxes


class MissingExtraError(ValueError):
    """A package that this needs is not installed; the message says how to install it."""


@dataclass(frozen=True)
class DetectionScore:
    """Scores of boxes, all in 0..1, and 0 where there is no true box."""

    map: float
    """Mean average precision over the overlaps 0.5, 0.55 ... 0.95, and over the classes."""
    map50: float
    """The same at overlap 0.5 alone."""
    map75: float
    """The same at overlap 0.75 alone."""
    per_class: dict[int, float]
    """Average precision over all overlaps by class id, of every class counted."""
    boxes: int
    """True boxes counted."""


def detection_score(predicted: Boxes, truth: Boxes, learnable: Collection[int] | None = None) -> DetectionScore:
    """Score boxes against the true ones of the same frames, at most 100 a frame.

    A class counts where it occurs in the truth and is in `learnable` (the classes of the transfer set), where that is
    given. Raises MissingExtraError where pycocotools is not installed.
    """
    if importlib.util.find_spec("pycocotools") is None:
        raise MissingExtraError("mean average precision needs pycocotools: pip install 'testspace[detection]'")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    occurring = sorted({int(c) for c in truth.classes.tolist()})
    counted = [c for c in occurring if learnable is None or c in learnable]
    true = [row | {"iscrowd": 0, "id": i + 1} for i, row in enumerate(_rows(truth, counted))]
    if not true:
        return DetectionScore(0.0, 0.0, 0.0, {}, 0)
    predictions = [row | {"id": i + 1} for i, row in enumerate(_rows(predicted, counted))]
    frames = sorted({row["image_id"] for row in (*true, *predictions)})
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints every stage
        fact, guess = COCO(), COCO()
        for coco, rows in ((fact, true), (guess, predictions)):
            coco.dataset = {
                "images": [{"id": f} for f in frames],
                "categories": [{"id": c} for c in counted],
                "annotations": rows,
            }
            coco.createIndex()
        evaluation = COCOeval(fact, guess, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (overlaps, recalls, classes), of up to 100 boxes a frame
    return DetectionScore(
        float(precision.mean()),
        float(precision[0].mean()),
        float(precision[5].mean()),
        {c: float(precision[:, :, i].mean()) for i, c in enumerate(counted)},
        len(true),
    )


def _rows(boxes: Boxes, classes: Collection[int]) -> list[dict[str, Any]]:
    """The boxes of these classes as COCO's annotations."""
    corners = boxes.corners.double().numpy()
    sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
    each = zip(boxes.frame.tolist(), boxes.classes.tolist(), sides.tolist(), boxes.scores.tolist(), strict=True)
    return [
        {"image_id": frame, "category_id": kind, "bbox": side, "area": side[2] * side[3], "score": score}
        for frame, kind, side, score in each
        if kind in classes
    ]
