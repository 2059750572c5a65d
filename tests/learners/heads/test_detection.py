"""The detector: where its places lie, which box each answers for, what it tells, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.heads.detection import Detector, assign, decode, detection_loss
from testspace.learners.heads.detection_config import DetectionConfig
from testspace.learners.heads.detection_training import fine_tune_detector
from testspace.learners.heads.pyramid import SimplePyramid, centres
from testspace.learners.heads.recipes import NO_AUGMENTATION
from testspace.learners.heads.transfer import LabelledFrames
from testspace.learners.heads.transfer_config import TransferConfig
from testspace.learners.masked.encoder import Encoder
from testspace.learners.metrics.box_metrics import detection_score
from testspace.learners.metrics.boxes import Boxes, boxes_of, number_objects

pytestmark = pytest.mark.usefixtures("small_networks")

SMALL = DetectionConfig(width=32, scales=(2, 1), depth=1)


@pytest.fixture(scope="module")
def labelled() -> LabelledFrames:
    """Eight frames of two squares each on a grey wall, class 3 red and class 40 green."""
    rng = np.random.default_rng(0)
    rgb = np.full((8, 32, 32, 3), 128, np.uint8)
    semantic, instance = np.ones((8, 32, 32), np.int16), np.ones((8, 32, 32), np.int32)
    for frame in range(8):
        for number, (kind, colour, left) in enumerate([(3, (220, 30, 30), 0), (40, (30, 220, 30), 16)]):
            top, side = rng.integers(0, 18), rng.integers(6, 13)
            where = (frame, slice(top, top + side), slice(left + 2, left + 2 + side))
            rgb[where], semantic[where], instance[where] = colour, kind, 5 + number
    return LabelledFrames(rgb, semantic, instance)


def truth_of(labelled: LabelledFrames) -> Boxes:
    return boxes_of(*number_objects(labelled.semantic, labelled.instances(), [3, 40]))


def test_every_scale_is_a_map_of_the_last() -> None:
    pyramid = SimplePyramid(16, (2, 4), 8, (4, 2, 1, 0.5))
    maps = pyramid(torch.randn(3, 8, 16))
    assert [tuple(level.shape) for level in maps] == [(3, 8, 8, 16), (3, 8, 4, 8), (3, 8, 2, 4), (3, 8, 1, 2)]
    assert pyramid.sizes == [(8, 16), (4, 8), (2, 4), (1, 2)]
    with pytest.raises(ValueError, match="has no half"):
        SimplePyramid(16, (3, 4), 8, (0.5,))
    with pytest.raises(ValueError, match="must be among"):
        SimplePyramid(16, (4, 4), 8, (3,))


def test_places_lie_in_the_middle_of_their_cells() -> None:
    points, cells = centres([(2, 4), (1, 2)])
    assert points[:5].tolist() == [[0.125, 0.25], [0.375, 0.25], [0.625, 0.25], [0.875, 0.25], [0.125, 0.75]]
    assert points[8:].tolist() == [[0.25, 0.5], [0.75, 0.5]]
    assert cells[[0, 9]].tolist() == [[0.25, 0.5], [0.5, 1.0]]


def test_places_answer_for_the_boxes_around_them() -> None:
    points, cells = centres([(8, 8), (4, 4)])
    points, cells = points * 32, cells * 32  # cells of 4 and 8 pixels
    truth = Boxes(
        torch.tensor([0, 0, 1, 1]),
        torch.tensor([[8.0, 8, 20, 20], [13, 13, 15, 15], [0, 0, 2, 1], [0, 0, 32, 34]]),
        torch.zeros(4, dtype=torch.int64), torch.ones(4),
    )  # fmt: skip
    owner = assign(points, cells, truth, 3)
    assert owner.shape == (3, 64 + 16)
    fine = owner[0, :64].view(8, 8)
    expected = torch.full((8, 8), -1)
    expected[2:5, 2:5] = 0  # centres 10, 14, 18 lie inside, and less than 6 pixels from 14
    expected[3, 3] = 1  # the smaller box has its centre in this cell, and comes first
    assert torch.equal(fine, expected)
    assert (owner[0, 64:] == -1).all()
    assert (owner[1, :64] >= 0).nonzero().flatten().tolist() == [0]  # smaller than a cell: the cell of its centre
    assert owner[1, 0] == 2
    assert (owner[1, 64:].view(4, 4)[1:3, 1:3] == 3).all()  # longer than 8 fine cells
    assert (owner[2] == -1).all()
    assert (assign(points, cells, Boxes.join([]), 1) == -1).all()


def test_tells_the_best_boxes_and_drops_their_shadows() -> None:
    config = DetectionConfig(min_score=0.3, max_iou=0.5, per_frame=2)
    boxes = torch.tensor([[[0.0, 0, 10, 10], [1, 0, 11, 10], [-5, 20, 10, 40], [0, 0, 5, 5]]])
    logits = torch.tensor([[[3.0, -9], [2.0, 1.5], [-9, 0.5], [-1, -1]]])
    found = decode(logits, boxes, (32, 32), config)
    assert found.corners.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10]]  # the second as another class; third is too many
    assert found.classes.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx(torch.tensor([3.0, 1.5]).sigmoid().tolist())
    more = decode(logits, boxes, (32, 32), DetectionConfig(min_score=0.3, max_iou=0.5))
    assert more.corners[2].tolist() == [0, 20, 10, 32]  # cut to the image


def test_the_loss_vanishes_where_all_is_right() -> None:
    points, cells = centres([(2, 2)])
    truth = Boxes(torch.tensor([0]), torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1]), torch.ones(1))
    boxes = truth.corners.expand(1, 4, 4)
    right = torch.full((1, 4, 2), -20.0)
    right[:, :, 1] = 20.0  # all four places are within 1.5 cells of its centre
    assert float(detection_loss(right, boxes, points, cells, truth)[0]) == pytest.approx(0, abs=1e-6)
    assert float(detection_loss(-right, boxes, points, cells, truth)[0]) > 10
    away = detection_loss(right, boxes + 2, points, cells, truth)[1]
    assert away["boxes"] == pytest.approx(1 + 7 / 9)  # GIoU of unit boxes at (0, 0) and (2, 2)
    assert away["iou"] == 0


def test_overfits_eight_frames(encoder: Encoder, labelled: LabelledFrames) -> None:
    seen: list[float] = []
    config = TransferConfig(steps=60, batch_size=8, drop_path=0.0, learning_rate=2e-3, augment=NO_AUGMENTATION)
    detector = fine_tune_detector(
        encoder, labelled, [3, 40, 77], config, SMALL, 0, lambda done, total, told: seen.append(told["loss"])
    )
    assert detector.classes == (3, 40)  # 77 does not occur
    before = detection_score(Detector(encoder, [3, 40], SMALL).predict(labelled.rgb), truth_of(labelled))
    after = detection_score(detector.predict(labelled.rgb), truth_of(labelled))
    assert before.map50 < 0.2
    assert after.map50 > 0.9
    assert seen[-1] < 0.5 * seen[0]
    assert not detector.training


def test_the_seed_decides(encoder: Encoder, labelled: LabelledFrames) -> None:
    config = TransferConfig(steps=2, batch_size=4)
    first, second, other = (
        fine_tune_detector(encoder, labelled, [3, 40], config, SMALL, seed).state_dict() for seed in (5, 5, 6)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.logits.weight"], other["head.logits.weight"])


def test_saves_and_loads_without_change(encoder: Encoder, tmp_path: Path, labelled: LabelledFrames) -> None:
    detector = Detector(encoder, [3, 40], SMALL).eval()
    detector.save(tmp_path)
    loaded = Detector.load(tmp_path, Encoder("nano", 32, 8)).eval()
    rgb = torch.from_numpy(labelled.rgb)
    assert loaded.config == SMALL
    assert torch.equal(loaded(rgb)[1], detector(rgb)[1])
    with pytest.raises(ValueError, match="does not fit"):
        Detector.load(tmp_path, Encoder("nano", 32, 16))


def test_refuses_what_it_cannot_learn_from(encoder: Encoder, labelled: LabelledFrames) -> None:
    with pytest.raises(ValueError, match="no class to detect"):
        fine_tune_detector(encoder, labelled, [77])
    with pytest.raises(ValueError, match="need instances"):
        fine_tune_detector(encoder, LabelledFrames(labelled.rgb, labelled.semantic), [3])
