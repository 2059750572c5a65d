"""The masked model: its sizes in closed form, its masks, and the Encoder it leaves behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from frames import boxes

from testspace.learners.choices import SENSORY, SizeName
from testspace.learners.masked.encoder import SIZES, Encoder
from testspace.learners.masked.masked_model import MaskedModel
from testspace.learners.masked.masking import Masking, mixture
from testspace.learners.nn.layers import attend, positions_2d

ALL = [True] * 4


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(("name", "dim", "depth"), [("tiny", 384, 6), ("small", 512, 8), ("base", 768, 12)])
def test_sizes_are_4ms(name: SizeName, dim: int, depth: int) -> None:
    size = SIZES[name]
    assert (size.dim, size.layers, size.decoder_layers, size.heads) == (dim, depth, depth, dim // 64)


@pytest.mark.parametrize("name", ["nano", "tiny"])
def test_parameters_in_closed_form(name: SizeName) -> None:
    size, pixels = SIZES[name], 8 * 8
    d, hidden = size.dim, int(2 / 3 * 4 * size.dim)
    encoder = size.layers * (4 * d * d + 3 * d * hidden + 2 * d) + 3 * pixels * d + 2 * d
    decoder = size.decoder_layers * (8 * d * d + 3 * d * hidden + 4 * d) + d
    others = (1 + 3 + 1) * pixels * d + 3 * d  # patch projections and modality vectors of depth, normals, edges
    heads = (3 + 1 + 3 + 1) * pixels * d
    model = MaskedModel(name)
    assert parameters(model.encoder) == encoder
    assert parameters(model) == encoder + decoder + others + heads + (d * d + d) + d  # context projection, mask token


def test_only_the_context_projection_has_a_bias() -> None:
    assert [name for name, _ in MaskedModel().named_parameters() if name.endswith("bias")] == ["context.bias"]


def test_written_out_attention_is_torchs() -> None:
    query, key, value = torch.randn(3, 2, 3, 5, 8)
    blocked = torch.rand(2, 1, 5, 5) > 0.6
    blocked[..., 0] = False
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=~blocked)
    torch.testing.assert_close(attend(query, key, value, blocked), expected)


def test_positions_tell_rows_and_columns_apart() -> None:
    table = positions_2d(16, 3, 5).view(3, 5, 16)
    assert torch.equal(table[1, 0, :8], table[1, 4, :8])
    assert torch.equal(table[0, 2, 8:], table[2, 2, 8:])
    expected = torch.tensor([2.0, 2.0, 3.0, 3.0])
    expected = torch.stack([expected[0].sin(), expected[1].cos(), expected[2].sin(), expected[3].cos()])
    torch.testing.assert_close(table[2, 3, [0, 4, 8, 12]], expected)
    assert len(torch.unique(table.flatten(0, 1), dim=0)) == 15


def encoded(model: MaskedModel, rgb: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """What the model's encoder puts out where it sees the patches `visible` (B, K) of rgb, as a hook sees it."""
    outputs: list[torch.Tensor] = []
    with model.encoder.norm.register_forward_hook(lambda *arguments: outputs.append(arguments[2])), torch.no_grad():
        model.reconstruct_rgb(rgb, visible, visible[:, :1])
    return outputs[0]


def test_the_encoder_is_the_masked_models_with_every_patch_visible() -> None:
    model, rgb = MaskedModel().eval(), boxes(3)["rgb"]
    whole = model.encoder(rgb)
    assert whole.shape == (3, 64, model.encoder.dim)
    assert model.encoder.grid == (8, 8)
    order = torch.stack([torch.randperm(64) for _ in range(3)])
    expected = whole.gather(1, order[..., None].expand_as(whole))
    torch.testing.assert_close(encoded(model, rgb, order), expected, atol=1e-5, rtol=1e-4)


def test_hidden_patches_are_not_seen() -> None:
    model, rgb = MaskedModel().eval(), boxes(1)["rgb"]
    upper = torch.arange(32)[None]
    before = encoded(model, rgb, upper)
    rgb[:, 32:] = 7
    assert torch.equal(encoded(model, rgb, upper), before)
    assert not torch.equal(model.encoder(rgb)[:, :32], before)


def test_modalities_are_predicted_independently_given_the_input() -> None:
    """Which targets another modality has must not change a prediction; which targets its own has, must."""
    model, batch = MaskedModel().eval(), boxes(2)
    tokens = model.tokens(batch)
    inputs = torch.arange(20).expand(2, -1)
    depth = torch.arange(64, 74).expand(2, -1)

    def predicted(others: torch.Tensor) -> torch.Tensor:
        targets = torch.cat([depth, others.expand(2, -1)], dim=1)
        return model.decode(tokens, model.encode(tokens, inputs, model.marks()), targets, model.marks())[:, :10]

    with_normals, with_edges = predicted(torch.arange(130, 140)), predicted(torch.arange(200, 210))
    with_more_depth = predicted(torch.arange(80, 90))
    torch.testing.assert_close(with_normals, with_edges, atol=1e-6, rtol=1e-5)
    assert (with_normals - with_more_depth).abs().max() > 1e-3


@pytest.mark.parametrize("targets", ["patches", "tokens"])
def test_losses_do_not_depend_on_how_the_tokens_are_ordered(targets: Any) -> None:
    torch.manual_seed(0)
    model, batch = MaskedModel(targets=targets, decoder_layers=1).eval(), boxes(4)
    drawn = Masking([64] * 4, 40, 60, mixture(ALL, ALL, (1.0, 10.0), 0.0)).draw(4, torch.Generator().manual_seed(0))
    losses = model.losses(batch, *drawn)
    shuffled = model.losses(batch, drawn[0].flip(1), drawn[1].flip(1))
    assert list(losses) == list(SENSORY)
    for name in SENSORY:
        torch.testing.assert_close(losses[name], shuffled[name], atol=1e-5, rtol=1e-4)


def test_regression_loss_is_the_squared_error_of_the_named_patch() -> None:
    """With the head silenced the prediction is 0, so the loss is the mean square of the patches asked for."""
    model, batch = MaskedModel().eval(), boxes(2)
    torch.nn.init.zeros_(model.heads["normals"].weight)
    targets = torch.tensor([[128 + 9], [128 + 63]])
    loss = model.losses(batch, torch.tensor([[0, 1], [2, 3]]), targets)["normals"]
    wanted = torch.stack([batch["normals"][0, 8:16, 8:16], batch["normals"][1, 56:64, 56:64]])
    torch.testing.assert_close(loss, wanted.square().mean())


def test_stochastic_depth_drops_only_in_training_and_keeps_the_mean() -> None:
    encoder, rgb = Encoder(), boxes(1)["rgb"]
    encoder.set_drop_path(0.3)
    assert [round(layer.drop_path, 6) for layer in encoder.layers] == [0.0, 0.1, 0.2, 0.3]
    assert torch.equal(encoder.eval()(rgb), encoder(rgb))
    torch.manual_seed(0)
    branch = encoder.train().layers[3]._drop(torch.ones(20_000, 1, 1))
    assert branch.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert abs(branch.mean() - 1) < 0.02


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="no size 'huge'; there are nano, tiny, small, base"):
        Encoder("huge")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="60 is not a multiple"):
        Encoder(image_size=60)
    with pytest.raises(ValueError, match="expected uint8"):
        Encoder()(torch.zeros(1, 3, 64, 64))
    with pytest.raises(ValueError, match="there are tokens, patches"):
        MaskedModel(targets="pixels")  # type: ignore[arg-type]


def test_predictions_are_images() -> None:
    for targets in ("patches", "tokens"):
        model = MaskedModel(targets=targets).eval()  # type: ignore[arg-type]
        image = model.predict(boxes(2), torch.arange(64).expand(2, -1), "depth")
        assert image.shape == (2, 1, 64, 64)


def test_pseudolabels_are_learned_where_they_are_known() -> None:
    torch.manual_seed(0)
    model, frames = MaskedModel(image_size=16, classes=5), boxes(4, size=16)
    inputs, targets = (
        torch.arange(4).expand(4, -1),
        (4 * 4 + torch.arange(4)).expand(4, -1),
    )  # all rgb; all pseudolabels
    frames["semantic"] = torch.full((4, 16, 16), 2, dtype=torch.int16)
    with torch.no_grad():
        model.heads["semantic"].weight.zero_()
    losses = model.losses(frames, inputs, targets)
    assert losses["semantic"].item() == pytest.approx(np.log(5))  # even chances for five classes
    frames["semantic"][:] = 0
    assert model.losses(frames, inputs, targets)["semantic"].item() == 0  # nothing is known, nothing is learned


def test_pseudolabels_stand_at_the_centres_of_the_cells() -> None:
    model, frames = MaskedModel(image_size=16, classes=9), boxes(1, size=16)
    image = torch.zeros(1, 16, 16, dtype=torch.int16)
    image[0, 8:12, 4:8] = 3  # the third patch (row 1, column 0), its upper right cell
    cells = model.tokens({**frames, "semantic": image})["semantic cells"]
    expected = torch.zeros(1, 4, 4, dtype=torch.int64)
    expected[0, 2, 1] = 3
    assert torch.equal(cells, expected)
