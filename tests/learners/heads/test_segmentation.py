"""The head's shapes, the class map, and what a Segmenter saves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from testspace.learners.heads.head_config import HeadConfig
from testspace.learners.heads.segmentation import SegmentationHead, Segmenter
from testspace.learners.masked.encoder import Encoder

pytestmark = pytest.mark.usefixtures("small_networks")

RGB = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("config", [HeadConfig(), HeadConfig(width=16, cells=4, points=1, depth=1, kernel=7)])
def test_logits_lie_on_a_grid_of_cells_and_points(encoder: Encoder, config: HeadConfig) -> None:
    logits = Segmenter(encoder, [1, 5, 9], config)(torch.from_numpy(RGB))
    side = 4 * config.cells * config.points
    assert logits.shape == (3, side, side, 3)


def test_every_patch_lands_in_its_own_place() -> None:
    config = HeadConfig(width=8, depth=0)  # no block that mixes neighbours
    head = SegmentationHead(16, (2, 3), 4, config)
    features = torch.randn(1, 6, 16)
    base = head(features)
    for patch in range(6):
        changed = features.clone()
        changed[0, patch] += 1
        moved = (head(changed) - base).abs().sum(-1)[0] > 1e-6  # (8, 12) logits of 4 x 4 a patch
        row, column = divmod(patch, 3)
        expected = torch.zeros(8, 12, dtype=torch.bool)
        expected[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = True
        assert torch.equal(moved, expected)


def test_predictions_are_global_class_ids(encoder: Encoder) -> None:
    segmenter = Segmenter(encoder, [3, 40, 90])
    with torch.no_grad():
        segmenter.head.logits.weight.zero_()
        segmenter.head.logits.bias.copy_(torch.tensor([0.0, 2.0, 1.0]).repeat(4))
    predicted = segmenter.train().predict(RGB, batch_size=2)
    assert predicted.dtype == np.int16
    assert predicted.shape == RGB.shape[:3]
    assert (predicted == 40).all()
    assert segmenter.training
    assert segmenter.predict(RGB[:0]).shape == (0, 32, 32)


def test_saves_and_loads_without_change(encoder: Encoder, tmp_path: Path) -> None:
    segmenter = Segmenter(encoder, [3, 40, 90], HeadConfig(width=16)).eval()
    segmenter.save(tmp_path)
    loaded = Segmenter.load(tmp_path, Encoder("nano", 32, 8)).eval()
    assert loaded.classes == (3, 40, 90)
    assert torch.equal(loaded(torch.from_numpy(RGB)), segmenter(torch.from_numpy(RGB)))
    with pytest.raises(ValueError, match="does not fit"):
        Segmenter.load(tmp_path, Encoder("nano", 32, 16))


def test_no_class_is_refused(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="no class"):
        Segmenter(encoder, [])
