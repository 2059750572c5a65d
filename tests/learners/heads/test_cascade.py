"""Cascade Mask R-CNN: that it says what it needs, and where torchvision's operators load, that it learns."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.encoders.torchvision_guard import operators_load
from testspace.learners.heads import cascade
from testspace.learners.heads.cascade import CascadeDetector
from testspace.learners.heads.cascade_config import CascadeConfig
from testspace.learners.heads.detection_training import fine_tune_detector
from testspace.learners.heads.recipes import NO_AUGMENTATION
from testspace.learners.heads.transfer import LabelledFrames
from testspace.learners.heads.transfer_config import TransferConfig
from testspace.learners.masked.encoder import Encoder
from testspace.learners.metrics.box_metrics import detection_score
from testspace.learners.metrics.boxes import Boxes, boxes_of, number_objects

SMALL = CascadeConfig(width=32, scales=(2, 1), proposals=40, samples=32, hidden=64)
operators = pytest.mark.skipif(not operators_load(), reason="torchvision's operators do not load beside this torch")


@pytest.fixture(scope="module")
def labelled() -> LabelledFrames:
    """Eight frames on a grey wall, of a red square of class 3 and a green disc of class 40; the last has neither."""
    rng = np.random.default_rng(0)
    rgb = np.full((8, 32, 32, 3), 128, np.uint8)
    semantic, instance = np.ones((8, 32, 32), np.int16), np.ones((8, 32, 32), np.int32)
    y, x = np.mgrid[:32, :32]
    for frame in range(7):
        for number, (kind, colour, left) in enumerate([(3, (220, 30, 30), 0), (40, (30, 220, 30), 16)]):
            row, half = rng.integers(8, 24), rng.integers(4, 7)
            across, down = abs(x - left - 8), abs(y - row)
            where = np.maximum(across, down) <= half if kind == 3 else across**2 + down**2 <= half**2
            rgb[frame][where], semantic[frame][where], instance[frame][where] = colour, kind, 5 + number
    return LabelledFrames(rgb, semantic, instance)


def truth_of(labelled: LabelledFrames) -> Boxes:
    return boxes_of(*number_objects(labelled.semantic, labelled.instances(), [3, 40]), masks=True)


def test_says_what_it_needs(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascade, "operators_load", lambda: False)
    with pytest.raises(ImportError, match="pip install torch torchvision"):
        CascadeDetector(encoder, [3])
    with pytest.raises(ValueError, match="no class to detect"):
        CascadeDetector(encoder, [])


@operators
def test_learns_boxes_and_masks_of_eight_frames(encoder: Encoder, labelled: LabelledFrames) -> None:
    config = TransferConfig(steps=80, batch_size=8, drop_path=0.0, learning_rate=2e-3, augment=NO_AUGMENTATION)
    detector = fine_tune_detector(encoder, labelled, [3, 40, 77], config, SMALL)
    assert isinstance(detector, CascadeDetector)
    assert detector.classes == (3, 40)  # 77 does not occur
    truth = truth_of(labelled)
    before = detection_score(CascadeDetector(encoder, [3, 40], SMALL).predict(labelled.rgb), truth)
    told = detector.predict(labelled.rgb, batch_size=3)
    after = detection_score(told, truth)
    assert before.map50 < 0.2
    assert after.map50 > 0.9
    assert truth.masks is not None
    masks = detector.masks(labelled.rgb, told, batch_size=3)
    shared = []
    for frame in range(7):
        for kind in (3, 40):
            best = int(((told.frame == frame) & (told.classes == kind)).nonzero()[0])
            (true,) = truth.masks[(truth.frame == frame) & (truth.classes == kind)]
            shared.append(float((masks[best] & true).sum() / (masks[best] | true).sum()))
    assert np.mean(shared) > 0.75
    assert min(shared) > 0.5
    assert not detector.training


@operators
def test_one_stage_tells_what_torchvisions_own_head_tells(
    encoder: Encoder, labelled: LabelledFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch import nn
    from torchvision.models.detection.roi_heads import RoIHeads

    from testspace.learners.heads import cascade_head
    from testspace.learners.heads.cascade_head import CascadeHead

    monkeypatch.setattr(cascade_head, "autocast", lambda device: nullcontext())  # theirs runs in float32
    torch.manual_seed(1)
    config = CascadeConfig(width=32, scales=(2, 1), overlaps=(0.5,), min_score=0.0)
    detector = CascadeDetector(encoder, [3, 40, 41], config).eval()
    head = detector.head
    assert isinstance(head, CascadeHead)
    nn.init.normal_(head.stages[0].logits.weight, std=0.3)
    nn.init.normal_(head.stages[0].steps.weight, std=0.1)

    class Predictor(nn.Module):
        """torchvision has a step for each class."""

        def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            stage = head.stages[0]
            return stage.logits(hidden), stage.steps(hidden).repeat(1, 4)

    theirs = RoIHeads(
        head.pool, head.stages[0].trunk, Predictor(), 0.5, 0.5, 512, 0.25, None, 0.0, config.max_iou, config.per_frame
    ).eval()  # fmt: skip
    rgb = torch.from_numpy(labelled.rgb[:2])
    with torch.no_grad():
        maps = detector._maps(rgb)
        ours = head.detect(maps)
        boxes, _ = head.proposer(head._images(maps), head._named(maps))
        expected, _ = theirs(head._named(maps), boxes, [head.size] * 2)
    for frame, told in enumerate(expected):
        own = ours.of(frame)
        assert len(own) == len(told["boxes"]) > 10
        torch.testing.assert_close(own.scores, told["scores"])
        torch.testing.assert_close(own.corners, told["boxes"])
        assert torch.equal(own.classes + 1, told["labels"])


@operators
def test_later_stages_ask_for_more_overlap() -> None:
    from testspace.learners.heads.cascade_head import match

    truth = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])
    boxes = torch.tensor([[0.0, 0, 10, 6.5], [20, 20, 30, 30], [50, 50, 60, 60]])  # overlaps 0.65, 1 and none
    kinds = torch.tensor([2, 5])
    assert [match(boxes, truth, kinds, least).classes.tolist() for least in (0.5, 0.6, 0.7)] == [
        [2, 5, 0], [2, 5, 0], [0, 5, 0],
    ]  # fmt: skip
    assert match(boxes, truth[:0], kinds[:0], 0.5).classes.tolist() == [0, 0, 0]


@operators
def test_the_seed_decides(encoder: Encoder, labelled: LabelledFrames) -> None:
    config = TransferConfig(steps=2, batch_size=4)
    first, second, other = (
        fine_tune_detector(encoder, labelled, [3, 40], config, SMALL, seed).state_dict() for seed in (5, 5, 6)
    )
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.stages.0.logits.weight"], other["head.stages.0.logits.weight"])


@operators
def test_saves_and_loads_without_change(encoder: Encoder, tmp_path: Path, labelled: LabelledFrames) -> None:
    detector = CascadeDetector(encoder, [3, 40], SMALL).eval()
    detector.save(tmp_path)
    loaded = CascadeDetector.load(tmp_path, Encoder("nano", 32, 8))
    assert loaded.config == SMALL
    told, again = (each.predict(labelled.rgb) for each in (detector, loaded))
    assert torch.equal(told.corners, again.corners)
    assert len(told)


@operators
def test_refuses_what_it_cannot_learn_from(encoder: Encoder, labelled: LabelledFrames) -> None:
    boxes = boxes_of(*number_objects(labelled.semantic, labelled.instances(), [3, 40]))
    with pytest.raises(ValueError, match="have no masks"):
        CascadeDetector(encoder, [3], SMALL).loss(torch.from_numpy(labelled.rgb), boxes)
    with pytest.raises(ValueError, match="overlaps, one a stage"):
        CascadeDetector(encoder, [3], CascadeConfig(overlaps=()))
