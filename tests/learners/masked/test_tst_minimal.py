"""The method in one file is the one that trains: same losses and gradients, and from the same seed the same masks."""

from __future__ import annotations

import pytest
import torch
from frames import boxes
from torch import Tensor

from testspace.learners.choices import SENSORY
from testspace.learners.masked.masked_model import MaskedModel
from testspace.learners.masked.masking import Masking, mixture
from testspace.learners.masked.tst_minimal import MinimalTST, draw_tokens, step
from testspace.learners.modalities.modality import MODALITIES
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

CHANNELS = {name: MODALITIES[name].channels for name in SENSORY}
CONFIG = TSTConfig(
    image_size=32, decoder_layers=2, input_budget=20, target_budget=30, mirror=False, jitter=0.0, warmup_steps=1,
    base_learning_rate=4e-3, batch_size=64, weight_decay=0.0,
)  # fmt: skip


def copied(model: MaskedModel) -> MinimalTST:
    """The minimal model with the weights of the production model."""
    weights = model.state_dict()
    own = {
        name: weights[name] for name in weights if name.split(".")[0] in ("decoder", "decoder_norm", "heads", "context")
    }
    own |= {f"embed.{name}.weight": weights[f"embed.{name}.weight"] for name in SENSORY[1:]}
    own["embed.rgb.weight"] = weights["encoder.embed.weight"]
    own["modality"] = torch.cat([weights["encoder.modality"][None], weights["modality"]])
    own["mask_token"], own["encoder_norm.weight"] = weights["mask_token"], weights["encoder.norm.weight"]
    prefix = "encoder.layers."
    own |= {name.replace(prefix, "encoder."): value for name, value in weights.items() if name.startswith(prefix)}
    minimal = MinimalTST(CHANNELS, 32, 8, decoder_layers=2)
    minimal.load_state_dict(own)
    return minimal


def images(frames: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: MODALITIES[name].of(frames) for name in SENSORY}


def test_same_weights_and_masks_give_the_same_losses_and_gradients() -> None:
    torch.manual_seed(0)
    model, frames = MaskedModel(image_size=32, decoder_layers=2), boxes(5, size=32)
    minimal = copied(model)
    masks = draw_tokens(5, 4, 16, (20, 30), torch.Generator().manual_seed(1))
    production, read = model.losses(frames, *masks), minimal.losses(images(frames), *masks)
    assert list(production) == list(read) == list(SENSORY)
    for name in SENSORY:
        torch.testing.assert_close(read[name], production[name])
    for losses in (production, read):
        torch.stack(list(losses.values())).sum().backward()
    torch.testing.assert_close(minimal.mask_token.grad, model.mask_token.grad)
    torch.testing.assert_close(minimal.embed["rgb"].weight.grad, model.encoder.embed.weight.grad)
    torch.testing.assert_close(minimal.heads["normals"].weight.grad, model.heads["normals"].weight.grad)


def test_the_same_seed_draws_the_same_tokens() -> None:
    parts = mixture([True] * 4, [True] * 4, (0.01, 0.1, 1.0, 10.0), 1.0)
    drawn = Masking([16] * 4, 20, 30, parts).draw(40, torch.Generator().manual_seed(2))
    inputs, targets = draw_tokens(40, 4, 16, (20, 30), torch.Generator().manual_seed(2))
    assert torch.equal(inputs, drawn.inputs)
    assert torch.equal(targets, drawn.targets)


def test_steps_are_the_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the same start, three steps of AdamW; in float32, since the learner takes bfloat16 where that is fast."""
    monkeypatch.setattr("testspace.learners.nn.precision.bf16_is_fast", lambda device="cpu": False)
    learner, frames = TSTLearner(CONFIG, seed=0), boxes(6, size=32)
    minimal, generator = copied(learner.model), torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(minimal.parameters(), CONFIG.learning_rate, (0.9, 0.95), weight_decay=0.0)
    for _ in range(3):
        expected = learner.step(frames)["loss"]
        assert step(minimal, optimiser, images(frames), generator, (20, 30)) == pytest.approx(expected, rel=1e-4)
