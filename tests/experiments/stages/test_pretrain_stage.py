"""A pre-training that was killed resumes as if it never was, and one learner can start from another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from frames import boxes
from safetensors.torch import load_file

from testspace.core.progress import Progress
from testspace.experiments.stages import pretrain_stage
from testspace.experiments.stages.pretrain_stage import DataMix, pretrain
from testspace.experiments.stages.store import Entry, Store
from testspace.learners.data.batch_sampler import BatchSampler
from testspace.learners.data.replay_buffer import ReplayBuffer
from testspace.learners.objectives.tst_config import TSTConfig

CONFIG = TSTConfig(image_size=32, batch_size=4, decoder_layers=1, input_budget=8, target_budget=8, warmup_steps=2)


def _collection(folder: Path, first_x: float, count: int) -> Entry:
    """A stage that collected `count` frames, whose x tells them apart."""
    frames = boxes(count, size=32)
    frames["pose"] = torch.zeros(count, 6)
    frames["pose"][:, 0] = first_x + torch.arange(count)
    buffer = ReplayBuffer(folder / "buffer", count, 32, 32)
    buffer.extend(frames)
    buffer.flush()
    return Entry("collect", folder.name, folder, 0.0, {})


def test_a_killed_training_resumes_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain_stage, "STORE_EVERY", 2)
    mix = DataMix(5, (_collection(tmp_path / "seen", 0, 8),))
    whole = pretrain(Store(Progress(), tmp_path / "one"), CONFIG, mix, seed=0)
    batch = BatchSampler.batch

    def killed(self: BatchSampler, step: int) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        if step == 3:
            raise KeyboardInterrupt
        return batch(self, step)

    store = Store(Progress(), tmp_path / "two")
    with monkeypatch.context() as patch:
        patch.setattr(BatchSampler, "batch", killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(store, CONFIG, mix, seed=0)
    again = pretrain(store, CONFIG, mix, seed=0)
    assert again.key == whole.key
    for (name, one), other in zip(_weights(whole).items(), _weights(again).values(), strict=True):
        assert torch.equal(one, other), name


def test_a_learner_that_goes_on_begins_with_the_weights_that_it_has(tmp_path: Path) -> None:
    store, still = Store(Progress(), tmp_path / "stages"), replace(CONFIG, base_learning_rate=0.0)
    seen = _collection(tmp_path / "seen", 0, 8)
    first = pretrain(store, CONFIG, DataMix(3, (seen,)), seed=0)
    later = pretrain(store, still, DataMix(2, (seen,)), seed=1, start=first)
    moved = pretrain(store, CONFIG, DataMix(2, (seen,)), seed=1, start=first)
    name = "encoder.norm.weight"
    assert torch.equal(_weights(first)[name], _weights(later)[name])
    assert not torch.equal(_weights(first)[name], _weights(moved)[name]), "the schedule has no learning rate left"


def _weights(entry: Entry) -> dict[str, torch.Tensor]:
    return load_file(entry.folder / "learner" / "model.safetensors")
