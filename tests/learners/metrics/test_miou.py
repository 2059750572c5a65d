"""mIoU and pixel accuracy against torchmetrics and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from testspace.learners.encoders.torchvision_guard import ensure_torchvision
from testspace.learners.metrics.miou import confusion_matrix, segmentation_score


def test_agrees_with_torchmetrics() -> None:
    ensure_torchvision()  # torchmetrics imports torchvision where it is installed
    from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

    rng = np.random.default_rng(0)
    truth = rng.integers(0, 7, (5, 16, 16))
    predicted = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(1, 7, truth.shape))
    score = segmentation_score(predicted, truth, 7, min_share=0.0)
    arguments = (torch.from_numpy(predicted), torch.from_numpy(truth))
    per_class = MulticlassJaccardIndex(7, average="none", ignore_index=0)(*arguments)
    accuracy = MulticlassAccuracy(7, average="micro", ignore_index=0)(*arguments)
    assert [score.per_class[c] for c in range(1, 7)] == pytest.approx(per_class[1:].tolist(), abs=1e-6)
    assert score.miou == pytest.approx(float(per_class[1:].mean()), abs=1e-6)
    assert score.pixel_accuracy == pytest.approx(float(accuracy), abs=1e-6)


def test_void_truth_is_ignored_and_a_void_prediction_is_an_error() -> None:
    truth = np.array([[0, 1, 1, 2]])
    score = segmentation_score(np.array([[2, 1, 0, 2]]), truth, 3)
    assert score.per_class == {1: 0.5, 2: 1.0}
    assert score.pixel_accuracy == pytest.approx(2 / 3)
    assert score.pixels == 3


def test_rare_and_unlearnable_classes_stay_out_of_the_mean_but_in_the_accuracy() -> None:
    truth = np.array([1] * 98 + [2] + [3])
    predicted = np.ones(100, int)
    assert segmentation_score(predicted, truth, 4, min_share=0.01).counted == (1, 2, 3)
    assert segmentation_score(predicted, truth, 4, min_share=0.02).counted == (1,)
    limited = segmentation_score(predicted, truth, 4, min_share=0.0, learnable={1, 2})
    assert limited.counted == (1, 2)
    assert limited.miou == pytest.approx(0.98 / 2)
    assert limited.pixel_accuracy == pytest.approx(0.98)


def test_nothing_labelled_scores_zero() -> None:
    score = segmentation_score(np.ones(4, int), np.zeros(4, int), 2)
    assert (score.miou, score.pixel_accuracy, score.pixels) == (0.0, 0.0, 0)


def test_refuses_other_shapes_and_ids_out_of_range() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        confusion_matrix(np.ones(3, int), np.ones(4, int), 2)
    with pytest.raises(ValueError, match=r"prediction must lie in 0\.\.1"):
        confusion_matrix(np.array([2]), np.array([1]), 2)
