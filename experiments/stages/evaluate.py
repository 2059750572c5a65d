"""Stages that see the truth of a test space: the scores on held-out views, and labels for the supervised bound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.classes import CLASSES
from ...learners.metrics.segmentation import segmentation_score
from ..evaluation import MIN_SHARE
from ..progress import Advance
from ..run_folder import write_json
from .code import code_digest
from .house import read_views
from .store import Entry, Store
from .transfer import read_segmenter


def score(predicted: NDArray[np.int16], truth: NDArray[np.int16], learnable: Sequence[int]) -> dict[str, Any]:
    """mIoU over the classes that D_t could teach and that are not too rare, pixel accuracy, and each class's IoU."""
    found = segmentation_score(predicted, truth, len(CLASSES), MIN_SHARE, learnable)
    return {
        "miou": found.miou,
        "pixel_accuracy": found.pixel_accuracy,
        "per_class": {CLASSES[c]: iou for c, iou in found.per_class.items()},
        "counted": [CLASSES[c] for c in found.counted],
    }


def evaluate(store: Store, segmenter: Entry, held_out: Entry, learnable: Sequence[int], state: int) -> dict[str, Any]:
    """The score of a segmenter on the held-out views of a house in one of its states."""
    settings = {
        "segmenter": segmenter.key, "views": held_out.key, "state": state, "learnable": list(learnable),
        "code": code_digest("learners.metrics.segmentation", "learners.heads.segmentation"), "min_share": MIN_SHARE,
    }  # fmt: skip

    def make(folder: Path, advance: Advance) -> None:
        rgb, truth = read_views(held_out, state)
        write_json(folder / "score.json", score(read_segmenter(segmenter).predict(rgb), truth, learnable))

    return read_score(store.get("evaluate", "evaluation", settings, make))


def read_score(entry: Entry) -> dict[str, Any]:
    """The score that a stage has left."""
    found: dict[str, Any] = json.loads((entry.folder / "score.json").read_text())
    return found
