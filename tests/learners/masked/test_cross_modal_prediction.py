"""Prediction looks at what is given and at nothing else; embeddings are means of it; retrieval joins the two."""

from __future__ import annotations

import pytest
import torch
from frames import boxes

from testspace.learners.masked.cross_modal_prediction import embed, predict, retrieve
from testspace.learners.masked.masked_model import MaskedModel
from testspace.learners.metrics.recall import recall_at
from testspace.learners.modalities.modality import MODALITIES, patchify


@pytest.fixture(scope="module", params=["patches", "tokens"])
def model(request: pytest.FixtureRequest) -> MaskedModel:
    torch.manual_seed(0)
    return MaskedModel("nano", 32, 8, targets=request.param, classes=5).eval()


FRAMES = boxes(6, size=32)


@pytest.mark.parametrize(("given", "wanted"), [(["rgb"], "depth"), (["depth"], "rgb"), (["edges", "normals"], "depth")])
def test_only_what_is_given_is_seen(model: MaskedModel, given: list[str], wanted: str) -> None:
    image = predict(model, FRAMES, given, wanted)
    assert image.shape == (6, MODALITIES[wanted].channels, 32, 32)
    assert torch.equal(predict(model, {name: FRAMES[name] for name in given}, given, wanted), image)
    other = {name: value if name in given else value.flip(0) for name, value in FRAMES.items()}
    assert torch.equal(predict(model, other, given, wanted), image)
    if model.tokenizers:  # the likeliest code of an untrained model hardly depends on what it sees
        return
    moved = {name: value.roll(8, 1) for name, value in FRAMES.items()}
    assert not torch.equal(predict(model, moved, given, wanted), image)


def test_embeddings_are_means_of_the_prediction(model: MaskedModel) -> None:
    tokens = patchify(predict(model, FRAMES, ["rgb"], "depth"), 8)
    assert torch.allclose(embed(model, FRAMES, ["rgb"], "depth"), tokens.mean(1), atol=1e-4)
    assert embed(model, FRAMES, ["rgb"], "depth", cells=2).shape == (6, 4 * 64)
    likely = embed(model, FRAMES, ["depth"], "semantic")
    assert likely.shape == (6, 5)
    assert torch.allclose(likely.sum(1), torch.ones(6), atol=1e-3)


def test_retrieval_goes_both_ways(model: MaskedModel) -> None:
    found = retrieve(model, FRAMES, "normals", batch_size=4)
    seen, asked = (embed(model, FRAMES, [name], "normals") for name in ("rgb", "depth"))
    assert (found.forth, found.back) == (recall_at(seen, asked), recall_at(asked, seen))
    assert found.frames == 6


def test_says_what_it_cannot_do(model: MaskedModel) -> None:
    with pytest.raises(ValueError, match="cannot start from 'semantic'"):
        predict(model, FRAMES, ["semantic"], "depth")
    with pytest.raises(ValueError, match="does not predict 'sound'"):
        predict(model, FRAMES, ["rgb"], "sound")
    with pytest.raises(ValueError, match="not as an image"):
        predict(model, FRAMES, ["rgb"], "semantic")
    with pytest.raises(ValueError, match="name one modality"):
        predict(model, FRAMES, [], "depth")
