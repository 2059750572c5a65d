"""Augmentation: a mirrored view is the view of a mirrored world, and chance has no other source than the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from testspace.learners.generalist.augment import Batch, augment, jitter_colours

COUNT, SIDE = 64, 8


@pytest.fixture(scope="module")
def views() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (COUNT, 2 * SIDE, 2 * SIDE, 3), np.uint8)
    semantic = rng.integers(0, 9, (COUNT, SIDE, SIDE), np.uint8)
    normals = rng.normal(size=(COUNT, SIDE, SIDE, 3)).astype(np.float32)
    depth = rng.uniform(1, 4, (COUNT, SIDE, SIDE)).astype(np.float32)
    camera = np.tile(np.array([1.5, -10.0, 0.0, 1.0], np.float32), (COUNT, 1))
    return rgb, semantic, depth, normals, camera


def made(views: tuple[np.ndarray, ...], seed: int) -> Batch:
    return augment(*views, torch.Generator().manual_seed(seed))


def test_mirrored_views_are_views_of_a_mirrored_world(views: tuple[np.ndarray, ...]) -> None:
    rgb, semantic, depth, normals, camera = views
    mirror = (rgb[:, :, ::-1], semantic[:, :, ::-1], depth[:, :, ::-1], normals[:, :, ::-1] * np.array([-1, 1, 1], "f"))
    one = made(views, 5)
    other = made((*(np.ascontiguousarray(a) for a in mirror), camera), 5)
    labels = torch.from_numpy(semantic.astype(np.int64))
    flipped = (one.labels == labels.flip(2)).all(2).all(1)
    assert 10 < int(flipped.sum()) < COUNT - 10
    assert torch.equal(one.labels[~flipped], labels[~flipped])
    torch.testing.assert_close(other.labels, one.labels.flip(2))
    expected = one.geometry.flip(3) * torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0]).view(1, 5, 1, 1)
    torch.testing.assert_close(other.geometry, expected)


def test_it_follows_from_the_generator(views: tuple[np.ndarray, ...]) -> None:
    before = [array.copy() for array in views]
    for a, b in zip(made(views, 1), made(views, 1), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(made(views, 1).rgb, made(views, 2).rgb)
    for array, copy in zip(views, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_every_sample_has_rgb_or_geometry(views: tuple[np.ndarray, ...]) -> None:
    batches = [made(views, seed) for seed in range(20)]
    rgb, geometry = (torch.cat([getattr(b, name) for b in batches]) for name in ("has_rgb", "has_geometry"))
    assert bool((rgb | geometry).all())
    assert float(rgb.float().mean()) == pytest.approx(0.9, abs=0.03)
    assert float(geometry.float().mean()) == pytest.approx(0.6, abs=0.05)


def test_colours_change_within_bounds() -> None:
    grey = torch.full((256, 4, 4, 3), 128, dtype=torch.uint8)
    means = jitter_colours(grey, torch.Generator().manual_seed(0)).float().mean((1, 2))
    assert means.min() > 40
    assert means.max() < 230
    assert means.std(0).min() > 10
    assert (means.max(1).values - means.min(1).values).mean() > 2  # tinted
