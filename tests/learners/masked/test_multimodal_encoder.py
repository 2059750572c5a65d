"""The encoder of all senses: what the masked model's own way in gives, and no more of it than is there."""

from __future__ import annotations

import pytest
import torch

from testspace.learners.masked.masked_model import MaskedModel
from testspace.learners.masked.multimodal_encoder import MultimodalEncoder
from testspace.learners.masked.token_streams import TokenIndex

from ..frames import boxes

FRAMES = boxes(2, 1, 32)
OTHERS = {name: FRAMES[name] for name in ("depth", "normals", "edges")}


@pytest.fixture
def model() -> MaskedModel:
    torch.manual_seed(0)
    # In an order of its own, with a slot that no frame holds.
    return MaskedModel("nano", 32, 8, modalities=("rgb", "edges", "depth", "normals"), classes=5).eval()


def numbers(model: MaskedModel, *names: str) -> torch.Tensor:
    index: TokenIndex = model.index
    parts = [int(index.first[model.names.index(name)]) + torch.arange(16) for name in names]
    return torch.cat(parts).expand(2, -1)


@pytest.mark.parametrize("there", [(), ("depth",), ("depth", "normals", "edges")])
@torch.no_grad()
def test_features_are_the_masked_models_own(model: MaskedModel, there: tuple[str, ...]) -> None:
    features = MultimodalEncoder.of(model)(FRAMES["rgb"], {name: OTHERS[name] for name in there})
    context = model.encode(model.tokens(FRAMES), numbers(model, "rgb", *there), model.marks())
    places = model.encoder.positions + model.encoder.modality
    torch.testing.assert_close(model.context(features) + places, context[:, :16])


@torch.no_grad()
def test_without_the_others_it_is_the_rgb_encoder(model: MaskedModel) -> None:
    encoder = MultimodalEncoder.of(model)
    torch.testing.assert_close(encoder(FRAMES["rgb"]), model.encoder(FRAMES["rgb"]))
    assert (encoder(FRAMES["rgb"], OTHERS) - encoder(FRAMES["rgb"])).abs().mean() > 1e-3


@pytest.mark.parametrize("settings", [{"targets": "tokens"}, {"modalities": ("rgb", "depth")}])
def test_a_model_that_sees_otherwise_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="targets 'patches' that sees rgb, depth, normals, edges"):
        MultimodalEncoder.of(MaskedModel("nano", 32, 8, **settings))  # type: ignore[arg-type]
