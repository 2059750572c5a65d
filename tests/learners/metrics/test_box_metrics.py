"""Mean average precision in cases where it is known in closed form, and the message where pycocotools is missing."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from testspace.learners.metrics.box_metrics import MissingExtraError, detection_score
from testspace.learners.metrics.boxes import Boxes


def boxes(*rows: tuple[int, tuple[float, float, float, float], int, float]) -> Boxes:
    """Boxes of rows (frame, corners, class, score)."""
    frame, corners, classes, scores = zip(*rows, strict=True)
    return Boxes(torch.tensor(frame), torch.tensor(corners).float(), torch.tensor(classes), torch.tensor(scores))


TRUTH = boxes((0, (0, 0, 10, 10), 3, 1.0), (0, (20, 0, 30, 10), 3, 1.0), (1, (0, 0, 4, 8), 7, 1.0))


def test_the_truth_scores_one() -> None:
    score = detection_score(TRUTH, TRUTH)
    assert (score.map, score.map50, score.map75) == pytest.approx((1, 1, 1))
    assert score.per_class == pytest.approx({3: 1, 7: 1})
    assert score.boxes == 3


def test_a_shifted_box_counts_up_to_its_overlap() -> None:
    shifted = boxes((0, (2, 0, 12, 10), 3, 0.9), (0, (22, 0, 32, 10), 3, 0.8))  # overlap 8 / 12: 0.5 to 0.65 of ten
    score = detection_score(shifted, TRUTH)
    assert score.per_class == pytest.approx({3: 0.4, 7: 0})
    assert score.map == pytest.approx(0.2)
    assert (score.map50, score.map75) == pytest.approx((0.5, 0))


def test_a_confident_mistake_halves_the_precision() -> None:
    guesses = boxes((1, (40, 40, 50, 50), 3, 0.9), (0, (0, 0, 10, 10), 3, 0.8))  # right: one of two, found second
    # precision 1/2 up to recall 1/2: 51 of the 101 recalls
    assert detection_score(guesses, TRUTH).per_class[3] == pytest.approx(0.5 * 51 / 101)


def test_only_learnable_classes_count() -> None:
    score = detection_score(TRUTH.where(TRUTH.classes == 3), TRUTH, learnable=[3, 50])
    assert (score.map, score.boxes, set(score.per_class)) == (pytest.approx(1), 2, {3})
    assert detection_score(TRUTH, TRUTH, learnable=[50]).map == 0
    assert detection_score(Boxes.join([]), TRUTH).map == 0
    assert detection_score(TRUTH, Boxes.join([])).boxes == 0


def test_says_how_to_get_pycocotools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'testspace\[detection\]'"):
        detection_score(TRUTH, TRUTH)
