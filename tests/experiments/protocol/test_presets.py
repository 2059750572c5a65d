"""The presets that carry the paper's sizes have the paper's arithmetic (Tables 9 to 11, Appendix D)."""

from __future__ import annotations

import pytest

from testspace.experiments.protocol.presets import PRESETS

SAMPLES = {"small": 100e9 / (2 * 128), "base": 500e9 / (2 * 256)}
"""Samples of pre-training: tokens of Table 9 over the input and target tokens of a sample."""


@pytest.mark.parametrize("name", SAMPLES)
def test_a_papers_preset_pretrains_on_as_many_samples_and_transfers_as_long(name: str) -> None:
    preset = PRESETS[name]
    config = preset.learner_config()
    assert config.total_steps is not None
    assert config.total_steps * config.batch_size == pytest.approx(SAMPLES[name], rel=1e-4)
    warmup = {"small": 10e9 / 100e9, "base": 10e9 / 500e9}[name]
    assert config.warmup_steps / config.total_steps == pytest.approx(warmup, rel=1e-3)
    assert config.base_learning_rate == 1e-4
    assert (config.image_size, config.patch, preset.camera.width, preset.camera.height) == (224, 16, 224, 224)
    assert preset.transfer_set.houses * preset.transfer_set.frames_per_house == 20_000
    assert preset.transfer.steps * preset.transfer.batch_size == 64 * 20_000
    assert preset.eval_views == 5000


@pytest.mark.parametrize("name", PRESETS)
def test_a_presets_schedule_ends_with_its_episode(name: str) -> None:
    preset = PRESETS[name]
    samples = preset.episode.frames * preset.episode.replay_ratio
    config = preset.learner_config() if preset.from_scratch else preset.specialist_config()
    assert config.total_steps is not None
    assert config.total_steps == preset.steps() == pytest.approx(samples / config.batch_size, abs=1)
    assert 0 < config.warmup_steps <= max(1, config.total_steps // 10)
