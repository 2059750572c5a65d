"""The specialist in training: it learns pseudolabels and hidden patches, resumes to the bit, and masks what it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from testspace.core.frame import Camera
from testspace.learners.generalist.inference import classify_frames, folded
from testspace.learners.generalist.network import Generalist, NetworkConfig
from testspace.learners.generalist.specialist import SpecialistLearner
from testspace.learners.generalist.specialist_config import SpecialistConfig
from testspace.learners.generalist.views import PIXELS, Views, ViewSet
from testspace.learners.modalities.modality import PSEUDOLABEL

CLASSES = 4
TINY = NetworkConfig(CLASSES, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24)
CONFIG = SpecialistConfig(batch_size=4, total_steps=40, warmup_steps=2, average=0.9)
CAMERA = Camera(PIXELS, PIXELS)


def halves(count: int, seed: int) -> dict[str, Tensor]:
    """Frames whose left half is one class and colour, and whose right half is another."""
    rng = np.random.default_rng(seed)
    label = np.ones((count, PIXELS, PIXELS), np.int16)
    label[:, :, PIXELS // 2 :] = 2
    rgb = np.where(label[..., None] == 1, 60, 190) + rng.integers(-20, 20, (count, PIXELS, PIXELS, 3))
    depth = np.where(label == 1, 1.5, 3.0)
    normals = np.zeros((count, PIXELS, PIXELS, 3), np.float32)
    normals[..., 2] = 1
    pose = np.tile(np.float32([0, 1.5, 0, 0, 0, 0]), (count, 1))
    arrays = {"rgb": rgb.astype(np.uint8), "depth": depth.astype(np.float32), "normals": normals, "pose": pose}
    return {**{key: torch.from_numpy(value) for key, value in arrays.items()}, PSEUDOLABEL: torch.from_numpy(label)}


def as_views(frames: dict[str, Tensor]) -> Views:
    return Views.of_frames(frames, frames[PSEUDOLABEL], CAMERA)


@pytest.fixture(scope="module")
def start() -> Generalist:
    torch.manual_seed(0)
    return Generalist(TINY).eval()


def learner(start: Generalist, config: SpecialistConfig = CONFIG, device: str = "cpu") -> SpecialistLearner:
    return SpecialistLearner(start, config, ViewSet(as_views(halves(4, 1))), CAMERA, seed=3, device=device)


def test_it_learns_classes_and_hidden_patches_and_leaves_the_start_alone(start: Generalist) -> None:
    before = {name: value.clone() for name, value in start.state_dict().items()}
    one = learner(start, replace(CONFIG, learning_rate=2e-3))
    rows = [one.step(halves(2, step), as_views(halves(2, 100 + step))) for step in range(40)]
    for name in ("loss_classes", "loss_masked"):
        assert np.mean([row[name] for row in rows[-5:]]) < 0.5 * np.mean([row[name] for row in rows[:5]])
    assert rows[-1]["learning_rate"] < rows[20]["learning_rate"]
    test = halves(3, 7)
    predicted = classify_frames(folded(one.specialist), {k: v.numpy() for k, v in test.items()}, CAMERA, depth=False)
    assert (predicted == test[PSEUDOLABEL].numpy()).mean() > 0.9
    for name, value in start.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_it_learns_resumes_and_predicts_on_a_gpu(start: Generalist, tmp_path: Path) -> None:
    first, again = learner(start, device="cuda"), learner(start, device="cuda")
    first.step(halves(2, 0), as_views(halves(2, 1)))
    first.save(tmp_path)
    again.load(tmp_path)
    losses = [one.step(halves(2, 2), as_views(halves(2, 3)))["loss"] for one in (first, again)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)
    frames = {name: value.numpy() for name, value in halves(3, 7).items()}
    assert classify_frames(folded(again.specialist), frames, CAMERA).shape == (3, PIXELS, PIXELS)


def test_a_resumed_learner_goes_on_to_the_bit(start: Generalist, tmp_path: Path) -> None:
    straight, first = learner(start), learner(start)
    for one in (straight, first):
        one.step(halves(2, 0), as_views(halves(2, 1)))
    first.save(tmp_path)
    again = learner(start)
    again.load(tmp_path)
    assert again.steps == 1
    for one in (straight, again):
        one.step(halves(2, 2), as_views(halves(2, 3)))
    for name, value in straight.training.network.state_dict().items():
        assert torch.equal(value, again.training.network.state_dict()[name]), name
    with pytest.raises(ValueError, match="learning_rate"):
        learner(start, replace(CONFIG, learning_rate=1.0)).load(tmp_path)


def test_only_the_agents_own_frames_are_masked(start: Generalist) -> None:
    one = learner(start, replace(CONFIG, mask_share=1.0))
    hidden = one._hidden(200, 150, torch.Generator().manual_seed(0)).float()
    assert hidden[:, 150:].sum() == 0
    assert hidden[:, :150].mean().item() == pytest.approx(CONFIG.mask_ratio / 2, abs=0.03)
    correlation = torch.corrcoef(hidden[:, :150].mean((2, 3)))[0, 1]
    assert abs(float(correlation)) < 0.2  # each modality is masked for itself


def test_a_step_that_is_not_finite_changes_nothing(start: Generalist) -> None:
    one = learner(start)
    with torch.no_grad():
        one.training.network.generalist.logits.bias[0] = float("nan")
    before = {name: value.clone() for name, value in one.training.average.state_dict().items()}
    row = one.step(halves(2, 0))
    assert row["nonfinite_steps"] == 1
    assert one.steps == 1
    after = one.training.average.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_frames_of_another_size_are_refused(start: Generalist) -> None:
    with pytest.raises(ValueError, match="128 x 128, got 64 x 64"):
        SpecialistLearner(start, CONFIG, ViewSet(as_views(halves(1, 0))), Camera(64, 64))


def test_surprise_is_the_entropy_of_its_classes(start: Generalist) -> None:
    one = learner(start)
    frame = {key: value[0].numpy() for key, value in halves(1, 0).items()}
    assert 0 < one.surprise(frame) <= np.log(CLASSES - 1) + 1e-6
