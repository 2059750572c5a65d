"""Where tensors lie, without a second device: everything that a model computes with lies where its parameters do.

The device "meta" has shapes and no numbers, and refuses to be mixed with the CPU as CUDA would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from frames import boxes as frames_of
from torch import Tensor

from testspace.learners.choices import SENSORY
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.masked.encoder import Encoder
from testspace.learners.modalities import sequences
from testspace.learners.modalities.modality import SEQUENCES, register
from testspace.learners.objectives.dino import DinoConfig, DinoLearner
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

META = torch.device("meta")
SMALL = TSTConfig(
    image_size=32, decoder_layers=1, input_budget=16, target_budget=24, batch_size=8, min_crop=0.7, tokenizer_steps=3
)


@pytest.fixture
def boxes() -> Iterator[str]:
    register(sequences.boxes("boxes", classes=3, most=4, bins=20))
    yield "boxes"
    del SEQUENCES["boxes"]


def frames(count: int = 4) -> dict[str, Tensor]:
    return {**frames_of(count, size=32), "semantic": torch.ones(count, 32, 32, dtype=torch.int16)}


@pytest.mark.parametrize(
    "config",
    [SMALL, replace(SMALL, pseudolabel_classes=4), replace(SMALL, targets="tokens", rgb_beside_tokens=True),
     replace(SMALL, objective="mae", modalities=("rgb",))],
    ids=["patches", "semantic", "tokens", "mae"],
)  # fmt: skip
def test_losses_and_gradients_are_computed_on_the_models_device(config: TSTConfig) -> None:
    learner = TSTLearner(config, device=META)
    view = learner.view(frames(), learner.generator)
    assert all(value.device == META for value in view.frames.values())
    assert (view.inputs.device, view.targets.device) == (torch.device("cpu"),) * 2
    losses = learner.model.losses(*view)
    mix = learner.model.losses(*learner.view_rgb(frames()["rgb"], learner.generator))
    torch.stack([*losses.values(), *mix.values()]).sum().backward()
    for name, parameter in learner._trained.items():
        assert parameter.grad is None or parameter.grad.device == META, name


def test_sequences_are_masked_on_the_cpu_and_predicted_on_the_models_device(boxes: str) -> None:
    learner = TSTLearner(replace(SMALL, modalities=(*SENSORY, boxes), min_crop=1.0), device=META)
    ids = torch.full((4, SEQUENCES[boxes].length), sequences.PAD)
    ids[:, 0] = sequences.END
    losses = learner.model.losses(*learner.view({**frames(), boxes: ids}, learner.generator))
    assert all(loss.device == META for loss in losses.values())


def test_encoder_head_and_dino_move_their_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.fx.experimental._config.meta_nonzero_assume_all_nonzero", True)  # for indexing by masks
    rgb = frames()["rgb"]
    encoder = Encoder(image_size=32).to(META)
    assert encoder(rgb).device == META
    assert Segmenter(encoder, [1, 2]).to(META)(rgb).device == META
    losses = DinoLearner(DinoConfig(image_size=32, local_size=16), device=META)._losses(rgb.to(META))
    assert all(loss.device == META for loss in losses.values())


def test_a_named_device_gives_the_same_numbers() -> None:
    learners = [TSTLearner(SMALL, seed=1), TSTLearner(SMALL, seed=1, device=torch.device("cpu"))]
    assert np.ptp([learner.step(frames())["loss"] for learner in learners]) == 0
