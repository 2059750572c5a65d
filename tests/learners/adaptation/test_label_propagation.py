"""Label propagation is an exception with a name: its labels go nowhere else, and few are enough to propagate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.adaptation.label_propagation import FewLabels, few_labels, propagate_labels
from testspace.learners.data.buffer_files import BufferError
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.heads.segmentation_training import fine_tune_segmenter
from testspace.learners.heads.transfer import LabelledFrames
from testspace.learners.heads.transfer_config import AugmentConfig, TransferConfig
from testspace.learners.masked.encoder import Encoder
from testspace.learners.metrics.miou import segmentation_score
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")


@pytest.fixture(scope="module")
def views() -> tuple[np.ndarray, np.ndarray]:
    """60 views of 8 x 8 squares of four classes, each of its own colour; the fourth class is rare."""
    rng = np.random.default_rng(0)
    choice = rng.choice(4, (60, 4, 4), p=[0.4, 0.3, 0.28, 0.02]).repeat(8, 1).repeat(8, 2)
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [220, 220, 60]], np.uint8)
    return colours[choice], np.array([3, 17, 40, 90], np.int16)[choice]


def test_asks_for_frames_that_show_every_class(views: tuple[np.ndarray, np.ndarray]) -> None:
    few, rest = few_labels(*views, frames=5)
    assert set(np.unique(few.semantic)) == {3, 17, 40, 90}
    assert len(few.rgb) == 5
    assert len(rest) == 55
    for chosen in few.rgb:  # none of them is left to be evaluated on
        assert not (views[0][rest] == chosen).all((1, 2, 3)).any()
    again, same = few_labels(*views, frames=5)
    assert np.array_equal(few.rgb, again.rgb)
    assert np.array_equal(rest, same)


def test_few_labels_reach_the_other_frames(views: tuple[np.ndarray, np.ndarray]) -> None:
    torch.manual_seed(0)
    few, rest = few_labels(*views, frames=10)
    still = AugmentConfig(flip=0, min_scale=1, brightness=0, contrast=0, saturation=0, tint=0)
    config = TransferConfig(steps=80, batch_size=8, drop_path=0.0, augment=still)
    segmenter = propagate_labels(Encoder("nano", 32, 8), few, 100, config)
    assert segmentation_score(segmenter.predict(views[0][rest]), views[1][rest], 100).pixel_accuracy > 0.9


def test_more_frames_than_a_person_would_label_are_refused(views: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="1 to 50 labelled frames of the test space, got 60"):
        FewLabels(*views)
    with pytest.raises(ValueError, match="semantic must be int16"):
        FewLabels(views[0][:5], views[1][:5, :8])


def test_the_two_kinds_of_labels_do_not_mix(views: tuple[np.ndarray, np.ndarray]) -> None:
    encoder = Encoder("nano", 32, 8)
    with pytest.raises(TypeError, match="takes FewLabels, got LabelledFrames"):
        propagate_labels(encoder, LabelledFrames(*views), 100)  # type: ignore[arg-type]
    with pytest.raises((TypeError, AttributeError)):
        fine_tune_segmenter(encoder, FewLabels(views[0][:5], views[1][:5]), 100)  # type: ignore[arg-type]


def test_no_label_of_the_test_space_reaches_pre_training(views: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    few, _ = few_labels(*views, frames=4)
    count = len(few.rgb)
    frames = {
        "rgb": few.rgb, "depth": np.ones((count, 32, 32), np.float32),
        "normals": np.zeros((count, 32, 32, 3), np.float32), "edges": np.zeros((count, 32, 32), np.uint8),
        "pose": np.zeros((count, 6), np.float32),
    }  # fmt: skip
    buffer = ReplayBuffer(tmp_path / "buffer", 8, 32, 32)
    for name in ("semantic", "instance", "labels"):
        with pytest.raises(BufferError, match="labels of the test space never reach a learner"):
            buffer.extend({**frames, name: few.semantic})
    buffer.extend(frames)
    learner = TSTLearner(TSTConfig(image_size=32, batch_size=4, input_budget=8, target_budget=8), seed=0)
    sampled = buffer.sample(4)
    assert not {"semantic", "instance", "labels"} & set(sampled)
    assert np.isfinite(learner.step(sampled)["loss"])  # it learns without any
