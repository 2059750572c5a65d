"""Feature maps of a network on rgb are modalities like others; a user's own one takes a few lines."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import torch
from frames import boxes
from torch import Tensor, nn
from torch.nn import functional as F

from testspace.learners.choices import SENSORY
from testspace.learners.encoders.frame_encoder import FrameEncoder
from testspace.learners.encoders.timm_encoders import efficientnet_lite
from testspace.learners.modalities.modality import MODALITIES, Modality, register
from testspace.learners.modalities.pseudolabels import draw_features, feature_map, standardised
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")


class Colours(FrameEncoder):
    """A network whose features are known: mean red, green and blue of each 8 x 8 block, and their sum."""

    def __init__(self) -> None:
        super().__init__()
        self.dim, self.grid, self.layers, self.norm = 4, (4, 4), nn.ModuleList(), nn.Identity()

    def forward(self, rgb: Tensor) -> Tensor:
        blocks = F.avg_pool2d(rgb.permute(0, 3, 1, 2).float(), 8).flatten(2).transpose(1, 2)
        return torch.cat([blocks, blocks.sum(-1, keepdim=True)], dim=-1)

    def set_drop_path(self, rate: float) -> None:
        raise NotImplementedError


@pytest.fixture
def colours() -> Iterator[Modality]:
    modality = feature_map("colours", Colours(), 32)
    register(modality)
    yield modality
    del MODALITIES["colours"]


def test_the_map_is_the_networks_and_what_the_frames_hold_comes_first(colours: Modality) -> None:
    frames = boxes(2, size=32)
    sensed = colours.sense(frames)
    block = frames["rgb"][1, 8:16, 24:32].float().mean(dim=(0, 1))
    torch.testing.assert_close(sensed[1, 1, 3, :3], block)
    assert torch.equal(colours.sense({**frames, "colours": sensed + 1}), sensed + 1)
    with pytest.raises(ValueError, match="hold no 'depth', and it cannot be computed"):
        MODALITIES["depth"].of({"rgb": frames["rgb"]})


def test_every_place_is_standardised_over_its_channels() -> None:
    normal = standardised(torch.randn(2, 3, 5, 16) * 7 + 3)
    assert normal.shape == (2, 16, 3, 5)
    torch.testing.assert_close(normal.mean(1), torch.zeros(2, 3, 5), atol=1e-5, rtol=0)
    torch.testing.assert_close(normal.std(1, correction=0), torch.ones(2, 3, 5), atol=1e-3, rtol=0)


def test_places_that_differ_are_drawn_in_colours_that_differ() -> None:
    maps = torch.zeros(1, 8, 1, 3)
    maps[0, 2, 0, 1], maps[0, 5, 0, 2] = 4.0, -9.0
    drawn = draw_features(maps)
    assert drawn.shape == (1, 1, 3, 3)
    assert len({tuple(place) for place in drawn[0, 0].tolist()}) == 3


@pytest.mark.parametrize("patch", [4, 8, 16])
def test_a_map_has_tokens_of_its_own_grid_whatever_the_patch(colours: Modality, patch: int) -> None:
    assert colours.grid(32, 32, patch) == ((2, 2) if patch == 16 else (4, 4))


@pytest.mark.parametrize("targets", ["patches", "tokens"])
def test_a_feature_map_is_learned_beside_the_senses(colours: Modality, targets: str) -> None:
    config = TSTConfig(
        image_size=32, patch=8, modalities=(*SENSORY, colours.name), targets=targets, decoder_layers=1, input_budget=20,
        target_budget=30, warmup_steps=2, batch_size=8, tokenizer_steps=5, base_learning_rate=4e-2,
    )  # type: ignore[arg-type]  # fmt: skip
    learner, frames = TSTLearner(config), boxes(8, size=32)
    learner.fit_tokenizers(lambda count: frames)
    losses = [learner.step(frames)["loss_colours"] for _ in range(20)]
    assert sum(losses[-5:]) < 0.95 * sum(losses[:5])


def test_any_subset_of_modalities_can_be_chosen() -> None:
    config = TSTConfig(image_size=32, modalities=("rgb", "normals"), decoder_layers=1, input_budget=8, target_budget=16)
    report = TSTLearner(config).step(boxes(4, size=32))
    assert [key for key in report if key.startswith("loss_")] == ["loss_rgb", "loss_normals"]
    for names, words in ((("depth", "rgb"), "rgb first"), (("rgb", "smell"), "no 'smell'; there are rgb, depth")):
        with pytest.raises(ValueError, match=words):
            TSTLearner(TSTConfig(modalities=names))


def test_a_network_whose_map_does_not_fit_and_a_name_that_is_taken_are_refused(colours: Modality) -> None:
    with pytest.raises(ValueError, match="4 x 4 does not divide frames of 30"):
        feature_map("other", Colours(), 30)
    with pytest.raises(ValueError, match="another 'colours'"):
        register(feature_map("colours", Colours(), 32))


def test_tst_mae_sees_rgb_alone() -> None:
    config = TSTConfig(image_size=32, objective="mae", modalities=("rgb",), decoder_layers=1, base_learning_rate=2e-2)
    learner, frames = TSTLearner(config), {"rgb": boxes(8, size=32)["rgb"]}
    losses = [learner.step(frames)["loss"] for _ in range(15)]
    assert losses[-1] < losses[0]
    with pytest.raises(ValueError, match="rgb patches alone"):
        TSTLearner(TSTConfig(objective="mae"))


def test_rgb_beside_its_tokens_and_a_cosine_codebook_learn() -> None:
    config = TSTConfig(
        image_size=32, targets="tokens", rgb_beside_tokens=True, quantiser="vq", levels=(4, 4, 4), tokenizer_steps=20,
        decoder_layers=1, input_budget=16, target_budget=24, warmup_steps=2, base_learning_rate=2e-2,
    )  # fmt: skip
    learner, frames = TSTLearner(config), boxes(8, size=32)
    quality = learner.fit_tokenizers(lambda count: frames)
    assert all(quality[f"tokenizer/{name}/codes"] > 0 for name in SENSORY)
    book = learner.model.tokenizers["rgb"].quantise._codebook.embed.clone()
    reports = [learner.step(frames) for _ in range(12)]
    assert torch.equal(book, learner.model.tokenizers["rgb"].quantise._codebook.embed), "a fitted codebook stays"
    assert "loss_rgb" not in reports[0]
    assert reports[-1]["loss"] < reports[0]["loss"]


def test_efficientnet_has_a_token_for_each_patch_of_the_frame() -> None:
    """The module's own example; and at the size it was trained at, whose 7 x 7 features no frame of 64 divides into."""
    if importlib.util.find_spec("timm") is None:
        pytest.skip("networks of timm: the extra `generalists`")
    if importlib.util.find_spec("timm") is None:
        pytest.skip("networks of timm: the extra `generalists`")
    rgb = boxes(2)["rgb"]
    example = feature_map("efficientnet", efficientnet_lite(image_size=128, random=True, stride=16), image_size=64)
    assert (example.grid(64, 64, 8), example.channels) == ((8, 8), 112)
    assert example.of({"rgb": rgb}).shape == (2, 112, 8, 8)
    network = efficientnet_lite(image_size=224, random=True)
    with pytest.raises(ValueError, match="7 x 7 does not divide frames of 64 pixels; pass a `grid`"):
        feature_map("efficientnet", network, 64)
    resampled = feature_map("efficientnet", network, 64, grid=8)
    assert resampled.grid(64, 64, 8) == (8, 8)
    assert resampled.of({"rgb": rgb}).shape == (2, 320, 8, 8)


def test_a_resampled_map_keeps_what_is_linear_over_the_frame() -> None:
    ramp = torch.arange(32, dtype=torch.uint8).view(1, 1, 32, 1).expand(1, 32, 32, 3).contiguous()
    fine = feature_map("fine", Colours(), 32, grid=8).sense({"rgb": ramp})
    expected = torch.arange(8) * 4.0 + 1.5  # mean column of each eighth; the outer ones have no neighbour outside
    torch.testing.assert_close(fine[0, 3, 1:7, 0], expected[1:7])
