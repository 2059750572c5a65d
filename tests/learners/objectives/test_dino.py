"""TST-DINO: its losses against closed forms, its teacher, and a short run that learns and does not collapse."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from frames import boxes
from torch import nn

from testspace.learners.masked.encoder import Encoder
from testspace.learners.objectives.dino import DinoConfig, DinoLearner
from testspace.learners.objectives.dino_losses import distillation_loss, koleo_loss, sinkhorn, update_ema

pytestmark = pytest.mark.usefixtures("small_networks")

SMALL = DinoConfig(
    image_size=32, local_size=16, local_crops=2, prototypes=32, hidden=64, bottleneck=16, warmup_steps=5, batch_size=16
)


def test_sinkhorn_shares_samples_evenly_among_prototypes() -> None:
    logits = torch.randn(64, 16, generator=torch.Generator().manual_seed(0))
    logits[:, 0] += 5  # a prototype that all samples prefer
    shares = sinkhorn(logits, 0.5, iterations=200)
    assert torch.allclose(shares.sum(1), torch.ones(64), atol=1e-5)
    assert torch.allclose(shares.sum(0), torch.full((16,), 4.0), atol=1e-3)
    # a scaling of rows and columns leaves every cross ratio as it was
    ratio = shares[0, 1] * shares[1, 2] / (shares[0, 2] * shares[1, 1])
    expected = ((logits[0, 1] + logits[1, 2] - logits[0, 2] - logits[1, 1]) / 0.5).exp()
    assert float(ratio) == pytest.approx(float(expected), rel=1e-3)


def test_sinkhorn_does_not_overflow() -> None:
    assert torch.isfinite(sinkhorn(torch.randn(8, 4) * 1000, 0.01)).all()


def test_distillation_is_the_cross_entropy() -> None:
    teacher = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    assert float(distillation_loss(torch.zeros(2, 3), teacher, 0.1)) == pytest.approx(math.log(3))
    student = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 0.1]])
    second = math.log(2 + math.e) - 1
    assert float(distillation_loss(student, teacher, 0.1)) == pytest.approx((math.log(3) + second) / 2, rel=1e-5)


def test_koleo_on_a_square_on_the_circle() -> None:
    points = 7 * torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    assert float(koleo_loss(points)) == pytest.approx(-math.log(math.sqrt(2)), rel=1e-5)
    nearer = torch.tensor([[1.0, 0.0], [math.cos(0.1), math.sin(0.1)]])
    assert float(koleo_loss(nearer)) == pytest.approx(-math.log(2 * math.sin(0.05)), rel=1e-4)


def test_the_teacher_is_the_mean_of_past_students() -> None:
    teacher, student = nn.Linear(1, 1), nn.Linear(1, 1)
    for module, value in ((teacher, 1.0), (student, 0.0)):
        for parameter in module.parameters():
            nn.init.constant_(parameter, value)
    for _ in range(3):
        update_ema(teacher, student, 0.9)
    assert teacher.weight.item() == pytest.approx(0.9**3)
    assert student.weight.item() == 0.0


def test_a_short_run_learns_and_does_not_collapse() -> None:
    learner = DinoLearner(SMALL, seed=0)
    frames = boxes(20, size=32)
    reports = [learner.step(frames) for _ in range(60)]
    first, last = (sum(r["loss_dino"] + r["loss_ibot"] for r in part) for part in (reports[:8], reports[-8:]))
    assert last < 0.95 * first
    assert reports[-1]["nonfinite_steps"] == 0
    with torch.no_grad():
        pooled = nn.functional.normalize(learner.encoder(frames["rgb"]).mean(1), dim=-1)
        assigned = sinkhorn(learner.teacher.dino_head(learner.encoder(frames["rgb"]).mean(1)), 0.07).argmax(1)
    spread = (pooled - pooled.mean(0)).square().sum(1).mean()
    assert spread > 0.02  # a collapsed encoder has 0
    values = torch.linalg.svdvals(pooled - pooled.mean(0)).square()
    share = values / values.sum()
    assert float((-share * share.clamp_min(1e-12).log()).sum().exp()) > 3  # directions that features vary in
    assert len(assigned.unique()) > 8


def test_the_seed_decides_and_a_resumed_learner_goes_on_exactly(tmp_path: Path) -> None:
    whole, resumed = DinoLearner(SMALL, seed=1), DinoLearner(SMALL, seed=9)
    for number in range(3):
        whole.step(boxes(8, number, 32), boxes(4, 50 + number, 32)["rgb"])
    whole.save(tmp_path)
    resumed.load(tmp_path)
    for number in range(3, 6):
        assert whole.step(boxes(8, number, 32)) == resumed.step(boxes(8, number, 32))
    with pytest.raises(ValueError, match="another configuration"):
        DinoLearner(replace(SMALL, koleo=0.2)).load(tmp_path)
    with pytest.raises(ValueError, match=r"no dino\.json"):
        DinoLearner(SMALL).load(tmp_path / "elsewhere")


def test_a_crop_of_full_size_is_what_the_encoder_sees() -> None:
    learner, rgb = DinoLearner(SMALL), boxes(2, size=32)["rgb"]
    assert torch.allclose(learner.teacher.features(rgb), learner.encoder(rgb), atol=1e-6)
    assert learner.teacher.features(rgb[:, :16, :16]).shape == (2, 4, learner.encoder.dim)
    assert isinstance(learner.encoder, Encoder)


def test_what_is_not_finite_is_skipped_and_counted() -> None:
    learner = DinoLearner(SMALL)
    learner.step(boxes(4, size=32))
    with torch.no_grad():
        learner.student.dino_head.mlp[0].weight[0, 0] = float("nan")
    before = {name: value.clone() for name, value in learner.teacher.state_dict().items()}
    assert learner.step(boxes(4, size=32))["nonfinite_steps"] == 1
    assert all(torch.equal(value, before[name]) for name, value in learner.teacher.state_dict().items())
