"""What a memory holds after two lives, and that a learner goes on where it was killed as if it never was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from frames import boxes
from safetensors.torch import load_file

from testspace.core.progress import Progress
from testspace.experiments.stages import Entry, Store
from testspace.experiments.stages import learning_stages as learning
from testspace.experiments.stages.house_stages import part, remember, views_within
from testspace.experiments.stages.learning_stages import Diet, pretrain
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


def test_a_memory_keeps_of_two_lives_what_its_writer_says(tmp_path: Path) -> None:
    store = Store(Progress(), tmp_path / "stages")
    old, new = _collection(tmp_path / "old", 0, 8), _collection(tmp_path / "new", 100, 8)
    held = {}
    for writer in ("ring", "reservoir"):
        entry = remember(store, [(old, 8), (new, 6)], 8, writer, seed=0)
        held[writer] = set(ReplayBuffer.reader(entry.folder / "buffer").all(("pose",))["pose"][:, 0].tolist())
    assert held["ring"] == {6, 7, *range(100, 106)}  # the newest eight; the last two of the new life were not lived yet
    assert len(held["reservoir"]) == 8
    assert held["reservoir"] < {*range(8), *range(100, 106)}
    assert held["reservoir"] & {*range(6)}, "a reservoir of half of what was seen keeps some of the old"


def test_a_learner_goes_on_as_if_it_had_not_been_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "KEEP_EVERY", 2)
    diet = Diet(5, (_collection(tmp_path / "seen", 0, 8),))
    whole = pretrain(Store(Progress(), tmp_path / "one"), CONFIG, diet, seed=0)

    class Killed(learning.Feed):
        def batch(self, step: int):  # type: ignore[no-untyped-def]
            if step == 3:
                raise KeyboardInterrupt
            return super().batch(step)

    store = Store(Progress(), tmp_path / "two")
    with monkeypatch.context() as patch:
        patch.setattr(learning, "Feed", Killed)
        with pytest.raises(KeyboardInterrupt):
            pretrain(store, CONFIG, diet, seed=0)
    again = pretrain(store, CONFIG, diet, seed=0)
    assert again.key == whole.key
    for (name, one), other in zip(_weights(whole).items(), _weights(again).values(), strict=True):
        assert torch.equal(one, other), name


def test_a_learner_that_goes_on_begins_with_the_weights_that_it_has(tmp_path: Path) -> None:
    store, still = Store(Progress(), tmp_path / "stages"), replace(CONFIG, base_learning_rate=0.0)
    seen = _collection(tmp_path / "seen", 0, 8)
    first = pretrain(store, CONFIG, Diet(3, (seen,)), seed=0)
    later = pretrain(store, still, Diet(2, (seen,)), seed=1, start=first)
    moved = pretrain(store, CONFIG, Diet(2, (seen,)), seed=1, start=first)
    name = "encoder.norm.weight"
    assert torch.equal(_weights(first)[name], _weights(later)[name])
    assert not torch.equal(_weights(first)[name], _weights(moved)[name]), "the schedule has no learning rate left"


def _weights(entry: Entry) -> dict[str, torch.Tensor]:
    return load_file(entry.folder / "learner" / "model.safetensors")


def test_a_part_of_a_house_is_the_ring_that_holds_that_share_of_the_views(tmp_path: Path) -> None:
    views = tmp_path / "views"
    views.mkdir()
    poses = np.zeros((9, 6), np.float32)
    poses[:, 0] = range(100, 109)  # the middle is 104; half of the views, or one more, lie within 2 m of it
    np.savez(views / "views.npz", pose=poses)
    held_out, seen = Entry("views", "views", views, 0.0, {}), _collection(tmp_path / "seen", 100, 8)
    assert views_within(held_out, 0.5).sum() == 5
    kept = part(Store(Progress(), tmp_path / "stages"), seen, held_out, 0.5)
    assert ReplayBuffer.reader(kept.folder / "buffer").all(("pose",))["pose"][:, 0].tolist() == [
        102,
        103,
        104,
        105,
        106,
    ]
