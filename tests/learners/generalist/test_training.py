"""The loss against plain interpolation, the learning rate, and that a checkpoint goes on to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from testspace.learners.generalist.augment import Batch
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.training import (
    Trainer,
    TrainingConfig,
    class_weights,
    parameter_groups,
    segmentation_loss,
)

TINY = NetworkConfig(5, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2)
CONFIG = TrainingConfig(TINY, batch=4, warm_up=2)
TOTAL = 32


def batch(generator: torch.Generator) -> Batch:
    rgb = torch.randint(0, 256, (4, 64, 64, 3), generator=generator, dtype=torch.uint8)
    labels = torch.randint(0, 5, (4, 32, 32), generator=generator)
    has = torch.rand(4, generator=generator) < 0.7
    return Batch(rgb, torch.randn(4, 5, 32, 32, generator=generator), labels, has | True, has)


def trained(trainer: Trainer, steps: int) -> list[float]:
    trainer.count_labels(0, np.arange(20).reshape(4, 5) % 5)
    losses = []
    for _ in range(steps):
        generator = trainer.generator()
        losses.append(trainer.train(batch(generator), generator, TOTAL))
    return losses


def state(trainer: Trainer) -> dict[str, torch.Tensor]:
    parts = {"network": trainer.network, "average": trainer.average}
    return {f"{part}.{name}": v for part, net in parts.items() for name, v in net.state_dict().items()}


def test_a_checkpoint_goes_on_to_the_bit(tmp_path: Path) -> None:
    whole = Trainer(CONFIG, 3, imagenet=False)
    expected = trained(whole, 8)
    first = Trainer(CONFIG, 3, imagenet=False)
    losses = trained(first, 4)
    first.save(tmp_path / "checkpoint", {"what": "half"})
    second = Trainer(CONFIG, 3, imagenet=False)
    assert second.load(tmp_path / "checkpoint") == {"what": "half"}
    losses += trained(second, 4)
    assert losses == expected
    assert second.frames == whole.frames == 32
    for (name, mine), theirs in zip(state(second).items(), state(whole).values(), strict=True):
        assert torch.equal(mine, theirs), name


def test_another_configuration_or_seed_is_refused(tmp_path: Path) -> None:
    Trainer(CONFIG, 3, imagenet=False).save(tmp_path / "empty", {})
    with pytest.raises(ValueError, match="seed"):
        Trainer(CONFIG, 4, imagenet=False).load(tmp_path / "empty")
    with pytest.raises(ValueError, match="batch"):
        Trainer(TrainingConfig(TINY, batch=8, warm_up=2), 3, imagenet=False).load(tmp_path / "empty")


def test_it_learns_one_batch_by_heart() -> None:
    trainer = Trainer(TrainingConfig(TINY, batch=4, warm_up=2, fall=0.5), 0, imagenet=False)
    same = batch(torch.Generator().manual_seed(0))
    trainer.count_labels(0, same.labels.numpy())
    blocks = same._replace(labels=same.labels[:, ::16, ::16].repeat_interleave(16, 1).repeat_interleave(16, 2))
    losses = [trainer.train(blocks, trainer.generator(), 400) for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_the_rate_rises_holds_and_falls() -> None:
    config = TrainingConfig(TINY, batch=10, rate=2.0, warm_up=4, fall=0.3)
    rates = [config.rate_at(frames, 1000) for frames in range(0, 1000, 10)]
    assert rates[:4] == [0.5, 1.0, 1.5, 2.0]
    assert set(rates[4 : 1 + config.falls_from(1000) // 10]) == {2.0}
    np.testing.assert_allclose(np.diff(rates[70:]), -2.0 / 30)
    assert rates[-1] == pytest.approx(2.0 / 30)


def test_the_loss_is_cross_entropy_of_bilinear_logits() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(2, 5, 8, 8, generator=generator), torch.randint(0, 5, (2, 16, 16), generator=generator)
    weights = class_weights(np.array([9, 4, 3, 2, 1]), 0.25)
    full = F.interpolate(logits, (16, 16), mode="bilinear", align_corners=False)
    losses = F.cross_entropy(full, labels, weights, ignore_index=0, reduction="none")
    expected = {
        round(float(losses[:, a::2, b::2].sum() / (labels[:, a::2, b::2] > 0).sum()), 4) for a in (0, 1) for b in (0, 1)
    }
    found = {round(float(segmentation_loss(logits, labels, weights, generator)), 4) for _ in range(40)}
    assert found == expected


def test_rare_classes_weigh_more_and_void_nothing() -> None:
    counts = np.array([50, 16, 1, 0])
    weights = class_weights(counts, 0.25).numpy()
    assert weights[0] == 0
    assert weights[2] / weights[1] == pytest.approx(2.0)
    assert (weights * counts).sum() / counts[1:].sum() == pytest.approx(1.0)
    assert np.isfinite(weights).all()


def test_weights_decay_and_vectors_do_not() -> None:
    network = Generalist(NetworkConfig(classes=5))
    groups = parameter_groups(network, 3.0, 0.06)
    decays = {id(p): group["weight_decay"] * group["factor"] for group in groups for p in group["params"]}
    by_name = {name: decays[id(p)] for name, p in network.named_parameters()}
    assert by_name["logits.weight"] == by_name["geometry.attention.0.qkv.weight"] == pytest.approx(0.06)
    assert {by_name[name] for name in by_name if name.startswith("no_") or name.endswith(".bias")} == {0.0}
    assert by_name["geometry.positions"] == 0.0
    assert next(value for name, value in by_name.items() if name.startswith("rgb.")) == pytest.approx(0.06)
