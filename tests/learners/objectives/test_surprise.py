"""What the learner predicts badly: told without a trace, higher where it has not learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from testspace.learners.objectives.surprise import surprise
from testspace.learners.objectives.tst import TSTLearner
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")

SIZES = TSTConfig(
    image_size=16,
    batch_size=16,
    decoder_layers=1,
    input_budget=4,
    target_budget=8,
    warmup_steps=2,
    jitter=0,
    mirror=False,
)


def frame(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, 16, dtype=np.float32) * rng.uniform(0.5, 3)
    normals = np.zeros((16, 16, 3), np.float32)
    normals[..., seed % 3] = 1
    return {
        "rgb": rng.integers(0, 256, (16, 16, 3), dtype=np.uint8),
        "depth": np.broadcast_to(ramp, (16, 16)).astype(np.float32),
        "normals": normals,
        "edges": (rng.random((16, 16)) < 0.2).astype(np.uint8) * 255,
    }


@pytest.mark.parametrize("config", [SIZES, replace(SIZES, objective="mae", modalities=("rgb",))], ids=["mm", "mae"])
def test_a_frame_learned_surprises_less_than_one_never_seen(config: TSTConfig) -> None:
    learner = TSTLearner(config, 0)
    known, other = frame(1), frame(2)
    before = surprise(learner, known), surprise(learner, other)
    batch = {name: torch.as_tensor(value).expand(16, *value.shape) for name, value in known.items()}
    for _ in range(40):
        learner.step(batch)
    assert surprise(learner, known) < 0.8 * before[0]
    assert surprise(learner, other) / before[1] > 1.2 * surprise(learner, known) / before[0]


def test_being_asked_leaves_no_trace() -> None:
    learner = TSTLearner(SIZES, 0)
    learner.model.train()
    state = learner.generator.get_state()
    first = surprise(learner, frame(1))
    assert surprise(learner, frame(1)) == first
    assert torch.equal(learner.generator.get_state(), state)
    assert learner.model.training


def test_tokens_need_their_tokenizers() -> None:
    learner = TSTLearner(replace(SIZES, targets="tokens"), 0)
    with pytest.raises(RuntimeError, match="tokenizers"):
        surprise(learner, frame(1))
