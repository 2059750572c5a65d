"""The recipes against the numbers printed in Tables 11 to 13."""

from __future__ import annotations

import pytest

from testspace.learners.heads.recipes import (
    SEGMENTATION_HEAD,
    captioning_recipe,
    detection_recipe,
    segmentation_recipe,
)
from testspace.learners.heads.transfer import schedule


def test_segmentation_is_table_11() -> None:
    small, base = segmentation_recipe("small"), segmentation_recipe("base")
    assert (small.learning_rate, base.learning_rate, small.batch_size, small.weight_decay) == (1e-4, 2e-4, 32, 0.05)
    assert (small.layer_decay, small.drop_path, small.betas, small.optimiser) == (0.75, 0.1, (0.9, 0.999), "adamw")
    assert small.steps == 64 * 625  # epochs of 20,000 / 32
    assert [schedule(step, small) for step in (312, 624)] == pytest.approx([1e-4 * 313 / 625, 1e-4])  # one epoch up
    assert schedule(small.steps, small) == pytest.approx(0)
    assert schedule(625 + (64 - 1) * 625 // 2, small) == pytest.approx(0.5e-4, rel=1e-3)
    assert segmentation_recipe("base", 40_000, 16).steps == 64 * 2500  # Scannet++
    assert SEGMENTATION_HEAD.width * SEGMENTATION_HEAD.cells**2 == 6144


def test_detection_is_table_12() -> None:
    recipe = detection_recipe(12_800)  # 100 steps an epoch
    assert (recipe.steps, recipe.batch_size, recipe.weight_decay, recipe.layer_decay) == (15_000, 128, 0.1, 0.7)
    assert schedule(0, recipe) == 1e-4  # a hundredth of an epoch: one step
    edges = (13_299, 13_300, 14_399, 14_400)  # epochs 133 and 144
    assert [schedule(step, recipe) for step in edges] == pytest.approx([1e-4, 1e-5, 1e-5, 1e-6])


def test_captioning_is_table_13() -> None:
    recipe = captioning_recipe(20_480)  # ten steps an epoch
    assert (recipe.steps, recipe.batch_size, recipe.weight_decay) == (14_000, 2048, 0.05)
    assert recipe.betas == (0.9, 0.95)
    assert recipe.learning_rate == pytest.approx(8e-5)
    assert [schedule(step, recipe) for step in (2999, 5999)] == pytest.approx([4e-5, 8e-5])  # up to epoch 600
    assert schedule(10_000, recipe) == pytest.approx(4e-5)  # half way down
