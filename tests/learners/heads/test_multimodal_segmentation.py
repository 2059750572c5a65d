"""Segmentation with all senses: what rgb cannot tell is learned from the others, which are mirrored with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from testspace.learners.heads.multimodal_segmentation import MultimodalSegmenter, SensorMaps, fine_tune_multimodal
from testspace.learners.heads.transfer import LabelledFrames
from testspace.learners.heads.transfer_config import AugmentConfig, TransferConfig
from testspace.learners.masked.encoder import Size
from testspace.learners.masked.multimodal_encoder import MultimodalEncoder

pytestmark = pytest.mark.usefixtures("small_networks")

TINY = Size(64, 2, 2)
MIRROR = AugmentConfig(min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, tint=0.0)
RECIPE = TransferConfig(
    steps=100, batch_size=8, optimiser="muon", learning_rate=3e-3, layer_decay=1.0, drop_path=0.0, augment=MIRROR
)  # fmt: skip


@pytest.fixture(scope="module")
def frames() -> tuple[LabelledFrames, SensorMaps]:
    """Grey frames whose left or right half is near; class 3 is what is near."""
    rng = np.random.default_rng(0)
    near = np.zeros((24, 16, 16), bool)
    near[:, :, :8] = (rng.random(24) < 0.5)[:, None, None]
    near[:, :, 8:] = ~near[:, :, :8]
    normals = np.zeros((24, 16, 16, 3), np.float16)
    normals[..., 0], normals[..., 2] = np.where(near, 0.6, 0.0), 0.8
    senses = {
        "depth": np.where(near, 1.0, 4.0).astype(np.float16), "normals": normals,
        "edges": np.zeros((24, 16, 16), np.uint8),
    }  # fmt: skip
    rgb = np.full((24, 16, 16, 3), 128, np.uint8)
    return LabelledFrames(rgb, np.where(near, 3, 7).astype(np.int16)), senses


@pytest.fixture(scope="module")
def trained(frames: tuple[LabelledFrames, SensorMaps]) -> MultimodalSegmenter:
    torch.manual_seed(0)
    return fine_tune_multimodal(MultimodalEncoder(TINY, 16, 8), *frames, 10, RECIPE)


def test_what_depth_tells_is_learned(
    frames: tuple[LabelledFrames, SensorMaps], trained: MultimodalSegmenter, tmp_path: Path
) -> None:
    labelled, senses = frames
    predicted = trained.predict_all(labelled.rgb, senses, batch_size=7)
    assert predicted.dtype == np.int16
    assert (predicted == labelled.semantic).mean() > 0.95
    assert (trained.predict(labelled.rgb) == labelled.semantic).mean() < 0.7  # rgb says nothing
    trained.save(tmp_path)
    again = MultimodalSegmenter.load(tmp_path, MultimodalEncoder(TINY, 16, 8))
    np.testing.assert_array_equal(again.predict_all(labelled.rgb, senses), predicted)
    none = {name: values[:0] for name, values in senses.items()}
    assert trained.predict_all(labelled.rgb[:0], none).shape == (0, 16, 16)


def test_all_senses_are_mirrored_together(
    frames: tuple[LabelledFrames, SensorMaps], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Tensor]] = []
    forward = MultimodalEncoder.forward

    def noted(self: MultimodalEncoder, rgb: Tensor, others: dict[str, Tensor]) -> Tensor:
        seen.append(others)
        return forward(self, rgb, others)

    monkeypatch.setattr(MultimodalEncoder, "forward", noted)
    recipe = replace(RECIPE, steps=3, augment=replace(MIRROR, flip=1.0))
    fine_tune_multimodal(MultimodalEncoder(TINY, 16, 8), *frames, 10, recipe)
    for others in seen:
        near = others["depth"] < 2
        assert near.any()
        assert torch.equal(others["normals"][..., 0] < -0.5, near)  # to the other side, and with the depth
        assert others["depth"].dtype == torch.float32
