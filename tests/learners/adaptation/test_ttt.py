"""Test-time training: each frame by itself, on the reconstruction loss, with everything put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from testspace.learners.adaptation.ttt import refit_decoder, ttt_predict
from testspace.learners.adaptation.ttt_config import TTTConfig
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.masked.masked_model import MaskedModel

pytestmark = pytest.mark.usefixtures("small_networks")

CONFIG = TTTConfig(steps=4, masks=8, learning_rate=0.05, refit_steps=40, refit_batch=8)


@pytest.fixture(scope="module")
def model() -> MaskedModel:
    torch.manual_seed(0)
    return MaskedModel("nano", 32, 8, decoder_layers=1)


@pytest.fixture(scope="module")
def segmenter(model: MaskedModel) -> Segmenter:
    torch.manual_seed(1)
    segmenter = Segmenter(model.encoder, [1, 2, 3])
    torch.nn.init.normal_(segmenter.head.logits.weight)
    return segmenter.eval()


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    """Smooth waves: what a patch hides can be told from its neighbours."""
    generator = torch.Generator().manual_seed(0)
    x = torch.linspace(0, 6, 32)
    slopes = torch.rand(16, 2, 3, generator=generator)
    waves = torch.sin(
        x[None, :, None, None] * slopes[:, None, None, 0] + x[None, None, :, None] * slopes[:, None, None, 1]
    )
    return (127 + 120 * waves).to(torch.uint8)


def test_lowers_the_reconstruction_loss_of_every_frame(
    segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor
) -> None:
    result = ttt_predict(segmenter, model, rgb[:4], CONFIG)
    assert result.semantic.shape == (4, 32, 32)
    assert result.semantic.dtype == np.int16
    assert (result.loss_after < result.loss_before).all()
    assert result.seconds_per_frame > 0


def test_frames_do_not_touch_each_other(segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor) -> None:
    forwards = ttt_predict(segmenter, model, rgb[:3], CONFIG)
    backwards = ttt_predict(segmenter, model, rgb[:3].flip(0), CONFIG)
    alone = ttt_predict(segmenter, model, rgb[1:2], CONFIG)
    assert np.array_equal(forwards.semantic, backwards.semantic[::-1])
    assert np.array_equal(forwards.semantic[1], alone.semantic[0])
    assert np.array_equal(forwards.loss_after, backwards.loss_after[::-1])


def test_nothing_that_it_was_given_changes(segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor) -> None:
    before = {key: value.clone() for key, value in {**segmenter.state_dict(), **model.state_dict()}.items()}
    ttt_predict(segmenter, model, rgb[:2], CONFIG)
    refit_decoder(model, segmenter.encoder, lambda n: rgb[:n], CONFIG)
    after = {**segmenter.state_dict(), **model.state_dict()}
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert all(parameter.requires_grad for parameter in model.encoder.parameters())


def test_no_step_is_the_plain_prediction(segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor) -> None:
    plain = segmenter.predict(rgb[:3], batch_size=1)
    result = ttt_predict(segmenter, model, rgb[:3], TTTConfig(steps=0, masks=4))
    assert np.array_equal(result.semantic, plain)
    assert np.array_equal(result.loss_before, result.loss_after)


def test_the_refit_moves_the_decoder_to_the_encoder(
    segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor
) -> None:
    losses: list[float] = []
    refitted = refit_decoder(
        model, segmenter.encoder, lambda n: rgb[:n], CONFIG, 0, lambda done, total, loss: losses.append(loss)
    )
    assert len(losses) == 40
    assert np.mean(losses[-5:]) < 0.9 * np.mean(losses[:5])
    encoder = segmenter.encoder.state_dict()
    assert all(torch.equal(value, encoder[key]) for key, value in refitted.encoder.state_dict().items())
    before = ttt_predict(segmenter, model, rgb[:4], CONFIG).loss_before.mean()
    assert ttt_predict(segmenter, refitted, rgb[:4], CONFIG).loss_before.mean() < before


def test_online_the_weights_go_back_where_the_room_changes(
    segmenter: Segmenter, model: MaskedModel, rgb: torch.Tensor
) -> None:
    alone = ttt_predict(segmenter, model, rgb[:4], CONFIG)
    apart = ttt_predict(segmenter, model, rgb[:4], CONFIG, rooms=[0, 1, 0, 2])
    assert np.array_equal(apart.semantic, alone.semantic)
    assert np.array_equal(apart.loss_after, alone.loss_after)
    online = ttt_predict(segmenter, model, rgb[:4], CONFIG, rooms=[0, 0, 1, 1])
    assert np.array_equal(online.loss_before[[0, 2]], alone.loss_before[[0, 2]])
    assert (online.loss_before[[1, 3]] != alone.loss_before[[1, 3]]).all()
    with pytest.raises(ValueError, match="3 rooms for 4 frames"):
        ttt_predict(segmenter, model, rgb[:4], CONFIG, rooms=[0, 0, 1])
