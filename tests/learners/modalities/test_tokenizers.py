"""Tokenizers keep what their modality shows, in codes below their number, and say so when they do not."""

from __future__ import annotations

import pytest
import torch
from frames import boxes

from testspace.learners.modalities.modality import MODALITIES
from testspace.learners.modalities.tokenizers import Tokenizer, fit


@pytest.mark.parametrize(
    ("name", "steps", "unexplained"),
    [("rgb", 120, 0.2), ("depth", 120, 0.1), ("normals", 120, 0.4), ("edges", 300, 0.5)],
)
def test_overfits_a_few_frames(name: str, steps: int, unexplained: float) -> None:
    """Thin edges take the longest: patches that are not blank are few."""
    torch.manual_seed(0)
    few, tokenizer = boxes(8, size=32), Tokenizer(name)
    before = tokenizer.quality(few)
    after = fit(tokenizer, lambda count: few, steps=steps)
    assert before.variance_unexplained > 0.5
    assert after.variance_unexplained < unexplained
    assert 0 < after.perplexity <= 1


def test_codes_are_one_for_each_patch_and_decode_to_the_round_trip() -> None:
    frames, tokenizer = boxes(3), Tokenizer("normals", levels=(5, 5, 5)).eval()
    codes = tokenizer.encode(frames)
    assert codes.dtype == torch.int64
    assert codes.shape == (3, 64)
    assert 0 <= codes.min() <= codes.max() < 125
    torch.testing.assert_close(tokenizer.decode(codes, (8, 8)), tokenizer(frames)[1], atol=1e-5, rtol=1e-4)


def test_quality_of_a_tokenizer_that_says_nothing_is_1() -> None:
    frames, tokenizer = boxes(16), Tokenizer("edges")
    torch.nn.init.zeros_(tokenizer.restore.weight)
    torch.nn.init.constant_(tokenizer.restore.bias, float(MODALITIES["edges"].of(frames).mean()))
    assert tokenizer.quality(frames).variance_unexplained == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("steps", [3, 10])
def test_a_small_budget_of_steps_is_kept(steps: int) -> None:
    told: list[int] = []
    fit(Tokenizer("depth"), boxes, steps, batch_size=4, progress=told.append)
    assert told == list(range(1, steps + 1))
