"""Fine-tuning: it learns, repeats by seed, leaves the encoder it was given alone, and follows its schedules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from testspace.learners.heads.recipes import NO_AUGMENTATION
from testspace.learners.heads.segmentation import Segmenter
from testspace.learners.heads.segmentation_training import fine_tune_segmenter, grid_loss
from testspace.learners.heads.transfer import LabelledFrames, augment, augment_all, parameter_groups, schedule
from testspace.learners.heads.transfer_config import AugmentConfig, TransferConfig
from testspace.learners.masked.encoder import Encoder
from testspace.learners.metrics.miou import segmentation_score

pytestmark = pytest.mark.usefixtures("small_networks")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder("nano", 32, 8)


@pytest.fixture(scope="module")
def labelled() -> LabelledFrames:
    """Eight frames of 8 x 8 squares, each class of its own colour, ids far apart, one square of void."""
    rng = np.random.default_rng(0)
    ids = np.array([3, 17, 40, 90], np.int16)
    choice = rng.integers(0, 4, (8, 4, 4)).repeat(8, 1).repeat(8, 2)
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [220, 220, 60]], np.uint8)
    semantic = ids[choice]
    semantic[:, :8, :8] = 0
    return LabelledFrames(colours[choice], semantic)


def test_overfits_eight_frames(encoder: Encoder, labelled: LabelledFrames) -> None:
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    seen: list[float] = []
    config = TransferConfig(steps=120, batch_size=8, drop_path=0.0, augment=NO_AUGMENTATION)
    segmenter = fine_tune_segmenter(
        encoder, labelled, 100, config, None, 0, lambda done, total, metrics: seen.append(metrics["loss"])
    )
    score = segmentation_score(segmenter.predict(labelled.rgb), labelled.semantic, 100)
    assert score.pixel_accuracy > 0.95
    assert score.miou > 0.9
    assert segmenter.classes == (3, 17, 40, 90)
    assert len(seen) == 120
    assert seen[-1] < 0.2 * seen[0]
    assert not segmenter.training
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


def test_the_seed_decides(encoder: Encoder, labelled: LabelledFrames) -> None:
    config = TransferConfig(steps=3, batch_size=4)
    torch.manual_seed(1)
    first = fine_tune_segmenter(encoder, labelled, 100, config, seed=5).state_dict()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    second = fine_tune_segmenter(encoder, labelled, 100, config, seed=5).state_dict()
    other = fine_tune_segmenter(encoder, labelled, 100, config, seed=6).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.unfold.weight"], other["head.unfold.weight"])
    assert torch.equal(torch.get_rng_state(), state)  # the caller's random numbers go on undisturbed


def test_a_frozen_encoder_stays(encoder: Encoder, labelled: LabelledFrames) -> None:
    config = TransferConfig(steps=3, batch_size=4, frozen=True)
    segmenter = fine_tune_segmenter(encoder, labelled, 100, config)
    tuned = fine_tune_segmenter(encoder, labelled, 100, replace(config, frozen=False))
    kept, moved = segmenter.encoder.state_dict(), tuned.encoder.state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in encoder.state_dict().items())
    assert not torch.equal(moved["layers.0.mlp.out.weight"], kept["layers.0.mlp.out.weight"])


def test_learning_rates_decay_by_layer(encoder: Encoder) -> None:
    segmenter = Segmenter(encoder, [1, 2])
    scales, decays = {}, {}
    for group in parameter_groups(segmenter, TransferConfig(layer_decay=0.5, weight_decay=0.05)):
        for parameter in group.parameters:
            assert id(parameter) not in scales
            scales[id(parameter)], decays[id(parameter)] = group.scale, group.weight_decay
    depth = len(encoder.layers)
    expected = {"embed": depth + 1, "modality": depth + 1, "norm": 0}
    for name, parameter in segmenter.named_parameters():
        parts = name.split(".")
        above = 0
        if parts[0] == "encoder":
            above = depth - int(parts[2]) if parts[1] == "layers" else expected[parts[1]]
        assert scales[id(parameter)] == 0.5**above, name
        assert decays[id(parameter)] == (0.05 if parameter.ndim > 1 else 0), name


def test_the_schedule_warms_up_and_ends_at_zero() -> None:
    config = TransferConfig(steps=100, learning_rate=1.0, warmup_ratio=0.1)
    rates = [schedule(step, config) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[55] == pytest.approx(0.5 * (1 + math.cos(math.pi * 45 / 90)))
    assert rates[100] == pytest.approx(0)
    assert max(rates) == 1.0


def test_milestones_lower_the_rate_tenfold() -> None:
    config = TransferConfig(steps=150, learning_rate=1.0, warmup_ratio=0.01, milestones=(133 / 150, 144 / 150))
    rates = [schedule(step, config) for step in (0, 1, 2, 132, 133, 143, 144, 149)]
    assert rates == pytest.approx([0.5, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_the_loss_is_that_of_all_pixels_on_average() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 4, 4, 5), torch.randint(-1, 5, (2, 16, 16))
    full = F.interpolate(logits.permute(0, 3, 1, 2), (16, 16), mode="bilinear", align_corners=False)
    each = F.cross_entropy(full, target, ignore_index=-1, reduction="none")
    expected = {  # the loss of each grid: one pixel in every 8 x 8
        round((each[:, y::8, x::8].sum() / (target[:, y::8, x::8] >= 0).sum().clamp(min=1)).item(), 4)
        for y in range(8)
        for x in range(8)
    }
    generator = torch.Generator().manual_seed(0)
    found = {round(grid_loss(logits, target, generator)[0].item(), 4) for _ in range(600)}
    assert found == expected


def test_accuracy_counts_labelled_pixels_only() -> None:
    logits = F.one_hot(torch.full((1, 4, 4), 2), 3).float()
    target = torch.full((1, 4, 4), 2)
    target[:, :, 1:] = -1
    for seed in range(4):
        _, accuracy = grid_loss(logits, target, torch.Generator().manual_seed(seed))
        assert float(accuracy) in (0.0, 1.0)  # 0: the grid of this step fell on void alone


def test_augmentation_moves_labels_with_their_pixels(labelled: LabelledFrames) -> None:
    target = torch.from_numpy(labelled.semantic.astype(np.int64))
    picture = torch.stack([target] * 3, -1).to(torch.uint8)
    moving = replace(NO_AUGMENTATION, flip=0.5, min_scale=0.5)
    rgb, labels = augment(picture, target, moving, torch.Generator().manual_seed(0))
    assert (rgb.shape, rgb.dtype, labels.dtype) == (picture.shape, torch.uint8, torch.int64)
    inside = rgb[..., 0] == labels  # edges between squares are blended in the picture and sharp in the labels
    assert inside.float().mean() > 0.7
    assert not torch.equal(labels, target)
    same_rgb, same = augment(picture, target, NO_AUGMENTATION, torch.Generator().manual_seed(0))
    assert torch.equal(same, target)
    assert torch.equal(same_rgb, picture)


def test_photometric_jitter_leaves_labels_alone(labelled: LabelledFrames) -> None:
    rgb, target = torch.from_numpy(labelled.rgb), torch.from_numpy(labelled.semantic.astype(np.int64))
    changed, labels = augment(rgb, target, AugmentConfig(flip=0, min_scale=1), torch.Generator().manual_seed(0))
    assert torch.equal(labels, target)
    assert (changed.float() - rgb.float()).abs().mean() > 3


def test_refuses_labels_that_teach_nothing(encoder: Encoder) -> None:
    rgb = np.zeros((2, 32, 32, 3), np.uint8)
    with pytest.raises(ValueError, match=r"class ids in 1\.\.9"):
        fine_tune_segmenter(encoder, LabelledFrames(rgb, np.zeros((2, 32, 32), np.int16)), 10)
    with pytest.raises(ValueError, match=r"class ids in 1\.\.9"):
        fine_tune_segmenter(encoder, LabelledFrames(rgb, np.full((2, 32, 32), 10, np.int16)), 10)
    with pytest.raises(ValueError, match="semantic must be int16"):
        LabelledFrames(rgb, np.zeros((2, 32, 31), np.int16))


def test_what_stands_beside_rgb_moves_with_it_and_normals_are_turned() -> None:
    rng = np.random.default_rng(3)
    rgb = torch.from_numpy(rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8))
    depth = rgb[..., 0].float() / 10  # tells which pixel it is of
    normals = F.normalize(torch.from_numpy(rng.normal(size=(40, 8, 8, 3))).float(), dim=-1)
    frames, target = {"rgb": rgb, "depth": depth, "normals": normals}, rgb[..., 1].long()
    config = AugmentConfig(min_scale=1.0, brightness=0, contrast=0, saturation=0, tint=0)
    varied, moved = augment_all(frames, target, config, torch.Generator().manual_seed(0))
    same, mirrored = (varied["rgb"] == rgb).all((1, 2, 3)), (varied["rgb"] == rgb.flip(2)).all((1, 2, 3))
    assert (same ^ mirrored).all()
    assert same.any()
    assert mirrored.any()
    torch.testing.assert_close(varied["depth"], varied["rgb"][..., 0].float() / 10)
    assert torch.equal(moved, varied["rgb"][..., 1].long())
    torch.testing.assert_close(varied["normals"][same], normals[same])
    torch.testing.assert_close(varied["normals"][mirrored], normals[mirrored].flip(2) * torch.tensor([-1.0, 1.0, 1.0]))
    crops = replace(config, flip=0.0, min_scale=0.3)
    cropped, moved = augment_all(frames, target, crops, torch.Generator().manual_seed(0))
    for index in range(40):  # every value is one that was there, of the pixel that the target is of
        pairs = {(d, t) for d, t in zip(depth[index].flatten().tolist(), target[index].flatten().tolist(), strict=True)}
        got = zip(cropped["depth"][index].flatten().tolist(), moved[index].flatten().tolist(), strict=True)
        assert set(got) <= pairs
    assert (cropped["depth"] != depth).any()
