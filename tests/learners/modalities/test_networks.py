"""Networks of a command line become modalities, or an error in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from testspace.learners.encoders.torchvision_guard import ensure_torchvision
from testspace.learners.modalities import networks
from testspace.learners.modalities.modality import MODALITIES
from testspace.learners.modalities.networks import register_network


@pytest.fixture
def vit(tmp_path: Path) -> Path:
    """A folder with a small ViT of timm."""
    ensure_torchvision()
    timm = pytest.importorskip("timm")
    network = timm.create_model("test_vit3", num_classes=0, img_size=networks.FEATURE_PIXELS)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "model.safetensors")
    return tmp_path


def test_features_have_a_token_for_each_patch(vit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_registered", {})
    text = f"vit_of_a_test=features:test_vit3={vit}"
    try:
        assert register_network(text, 32, 8) == "vit_of_a_test"
        assert register_network(text, 32, 8) == "vit_of_a_test", "a resumed run names it again"
        modality = MODALITIES["vit_of_a_test"]
        features = modality.of({"rgb": torch.zeros(2, 32, 32, 3, dtype=torch.uint8)})
        assert features.shape[0] == 2
        assert features.shape[2:] == (4, 4)
        with pytest.raises(ValueError, match="another modality"):
            register_network(f"vit_of_a_test=features:test_vit={vit}", 32, 8)
    finally:
        MODALITIES.pop("vit_of_a_test", None)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("clip", "NAME=KIND:SOURCE"),
        ("clip=pictures:x", "features, efficientnet, sam, boxes, masks"),
        ("clip=features", "NAME=KIND:SOURCE"),
        ("a b=features:x", "NAME=KIND:SOURCE"),
        ("depth=efficientnet", "another modality 'depth'"),
    ],
)
def test_what_is_no_network_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        register_network(text, 32, 8)
