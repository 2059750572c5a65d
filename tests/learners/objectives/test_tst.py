"""TST-MM learns, mixes in, skips what is not finite, and goes on exactly where it was stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from frames import boxes

from testspace.learners.choices import TargetKind
from testspace.learners.objectives.tst import TSTLearner, scratch_encoder
from testspace.learners.objectives.tst_config import TSTConfig

pytestmark = pytest.mark.usefixtures("small_networks")

SMALL = TSTConfig(decoder_layers=1, input_budget=32, target_budget=48, batch_size=16, warmup_steps=5, tokenizer_steps=3)


def test_learning_rate_of_the_paper() -> None:
    assert TSTConfig(base_learning_rate=1e-4, batch_size=4096).learning_rate == pytest.approx(1.6e-3)


@pytest.mark.parametrize("targets", ["patches", "tokens"])
def test_losses_fall(targets: TargetKind) -> None:
    steps = 30
    learner = TSTLearner(replace(SMALL, targets=targets, base_learning_rate=2e-2, jitter=0.0, mirror=False), seed=0)
    frames, other = boxes(8), boxes(8, seed=9)["rgb"]
    learner.fit_tokenizers(lambda count: frames)
    reports = [learner.step(frames, other) for _ in range(steps)]
    for key in ("loss", "loss_rgb", "loss_depth", "loss_normals", "loss_edges", "loss_mix"):
        first, last = (sum(report[key] for report in part) for part in (reports[:10], reports[-10:]))
        assert last < first * 0.95, key


@pytest.mark.parametrize("targets", ["patches", "tokens"])
def test_a_resumed_learner_goes_on_exactly(targets: TargetKind, tmp_path: Path) -> None:
    config = replace(SMALL, targets=targets, min_crop=0.7)
    whole = TSTLearner(config, seed=3)
    whole.fit_tokenizers(boxes)
    for number in range(3):
        whole.step(boxes(8, number), boxes(8, 50 + number)["rgb"])
    whole.save(tmp_path)
    resumed = TSTLearner(config, seed=99)
    resumed.load(tmp_path)
    assert resumed.steps == 3
    for number in range(3, 6):
        batch, other = boxes(8, number), boxes(8, 50 + number)["rgb"]
        assert whole.step(batch, other) == resumed.step(batch, other)
    assert torch.equal(whole.encoder(batch["rgb"]), resumed.encoder(batch["rgb"]))


def test_a_folder_older_than_a_setting_is_of_its_default(tmp_path: Path) -> None:
    TSTLearner(SMALL).save(tmp_path)
    state = json.loads((tmp_path / "learner.json").read_text())
    del state["config"]["min_crop"]
    (tmp_path / "learner.json").write_text(json.dumps(state))
    TSTLearner(SMALL).load(tmp_path)
    with pytest.raises(ValueError, match="another min_crop"):
        TSTLearner(replace(SMALL, min_crop=0.5)).load(tmp_path)


def test_the_seed_decides() -> None:
    batch = boxes(8)
    first, second, third = (TSTLearner(SMALL, seed=seed).step(batch)["loss"] for seed in (1, 1, 2))
    assert first == second != third


def test_making_a_learner_leaves_the_global_random_state_alone() -> None:
    state = torch.get_rng_state()
    TSTLearner(SMALL, seed=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_scratch_is_where_the_specialist_starts() -> None:
    learner, scratch = TSTLearner(SMALL, seed=4), scratch_encoder(SMALL, 4)
    rgb = boxes(2)["rgb"]
    assert torch.equal(learner.encoder(rgb), scratch(rgb))
    learner.step(boxes(4))
    assert not torch.equal(learner.encoder(rgb), scratch(rgb))


def test_the_loss_is_the_mean_of_modalities_and_mix_in_by_share_of_samples() -> None:
    report = TSTLearner(SMALL).step(boxes(6), boxes(2, 1)["rgb"])
    modalities = sum(report[f"loss_{name}"] for name in ("rgb", "depth", "normals", "edges")) / 4
    assert report["loss"] == pytest.approx(0.75 * modalities + 0.25 * report["loss_mix"], rel=1e-4)


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted() -> None:
    learner, batch = TSTLearner(SMALL), boxes(4)
    learner.step(batch)
    before = {name: value.clone() for name, value in learner.model.state_dict().items()}
    spoilt = {**batch, "normals": torch.full_like(batch["normals"], float("inf"))}
    assert learner.step(spoilt)["nonfinite_steps"] == 1
    assert all(torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())
    assert learner.step(batch)["nonfinite_steps"] == 1
    assert any(not torch.equal(value, before[name]) for name, value in learner.model.state_dict().items())


def test_the_rate_warms_up_and_stays_or_decays_to_a_known_end() -> None:
    rate, batch = SMALL.learning_rate, boxes(2)
    learner = TSTLearner(SMALL)
    rates = [learner.step(batch)["learning_rate"] for _ in range(7)]
    assert rates == pytest.approx([rate / 5, rate * 2 / 5, rate * 3 / 5, rate * 4 / 5, rate, rate, rate])
    ending = TSTLearner(replace(SMALL, warmup_steps=0, total_steps=4))
    rates = [ending.step(batch)["learning_rate"] for _ in range(5)]
    assert rates == pytest.approx([rate, rate * (2 + 2**0.5) / 4, rate / 2, rate * (2 - 2**0.5) / 4, 0.0], abs=1e-9)


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="fit_tokenizers before step"):
        TSTLearner(replace(SMALL, targets="tokens")).step(boxes(2))
    with pytest.raises(ValueError, match=r"no learner\.json"):
        TSTLearner(SMALL).load(tmp_path)
    TSTLearner(SMALL).save(tmp_path)
    with pytest.raises(ValueError, match="another target_budget, warmup_steps"):
        TSTLearner(replace(SMALL, warmup_steps=1, target_budget=40)).load(tmp_path)
