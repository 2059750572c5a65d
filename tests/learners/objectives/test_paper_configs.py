"""The presets against the arithmetic of Tables 9 and 10, and against 4M's sizes."""

from __future__ import annotations

import pytest

from testspace.learners.objectives import paper_configs as paper
from testspace.learners.objectives.paper_configs import PaperSize, Start
from testspace.learners.objectives.tst import TSTLearner


@pytest.mark.parametrize(
    ("size", "start", "steps", "warmup", "rate", "budget"),
    [
        ("small", "scratch", 95_367, 9_537, 1.6e-3, 128),
        ("base", "scratch", 238_419, 4_768, 1.6e-3, 256),
        ("small", "4m", 95_367, 9_537, 8e-4, 128),
        ("base", "4m", 47_684, 4_768, 8e-4, 256),
    ],
)
def test_tables_9_and_10(size: PaperSize, start: Start, steps: int, warmup: int, rate: float, budget: int) -> None:
    config = paper.pretraining(size, start)
    assert (config.total_steps, config.warmup_steps) == (steps, warmup)
    assert config.learning_rate == pytest.approx(rate)
    assert config.input_budget == config.target_budget == budget
    assert config.batch_size == 4096
    assert config.betas == (0.9, 0.95)
    assert config.weight_decay == 0.05
    assert config.image_size == 224
    assert config.min_crop < 1


@pytest.mark.parametrize("batch", [64, 512])
def test_a_smaller_step_sees_as_many_tokens_at_a_rate_in_proportion(batch: int) -> None:
    config = paper.pretraining("small", batch_size=batch)
    assert config.total_steps is not None
    assert config.total_steps * batch * 256 == pytest.approx(100e9, rel=1e-4)
    assert config.warmup_steps * batch * 256 == pytest.approx(10e9, rel=1e-4)
    assert config.learning_rate == pytest.approx(1.6e-3 * batch / 4096)


def test_small_is_a_learner_with_rgb_beside_its_tokens() -> None:
    model = TSTLearner(paper.pretraining("small", batch_size=8)).model
    assert (model.encoder.dim, len(model.encoder.layers), len(model.decoder)) == (512, 8, 8)
    assert model.names == ("rgb", "rgb_tokens", "depth", "normals", "edges")
    assert model.index.sizes == (196,) * 5
