"""Fidelity against closed forms, and that a tokenizer that was not fitted is called bad."""

from __future__ import annotations

import math

import pytest
import torch
from frames import boxes

from testspace.learners.modalities.fidelity import angle, cosine, f1, fidelity, psnr, relative_error
from testspace.learners.modalities.modality import MODALITIES
from testspace.learners.modalities.tokenizers import Tokenizer, fit


def test_numbers_of_known_errors() -> None:
    rgb = torch.full((2, 4, 4, 3), 100, dtype=torch.uint8)
    images = [MODALITIES["rgb"].normalise(image) for image in (rgb, rgb + 10)]
    assert float(psnr(*images)) == pytest.approx(20 * math.log10(255 / 10))
    depth = torch.tensor([[[1.0, 2.0], [4.0, 8.0]]])
    metres = [MODALITIES["depth"].normalise(image) for image in (depth, depth * 1.1)]
    assert float(relative_error(*metres)) == pytest.approx(10.0, rel=1e-4)
    flat = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    tilted = torch.tensor([0.0, math.sin(0.5), math.cos(0.5)]).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    assert float(angle(flat, 3 * tilted)) == pytest.approx(math.degrees(0.5), rel=1e-4)
    assert float(cosine(flat, tilted)) == pytest.approx(math.cos(0.5))
    truth, found = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]]), torch.tensor([[[[0.9, 0.2, 0.6, 0.1]]]])
    assert float(f1(truth, found)) == pytest.approx(50.0)  # precision and recall are both a half


def test_a_place_without_normals_does_not_count() -> None:
    truth = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]).T.view(1, 3, 1, 2)
    assert float(angle(truth, truth)) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize(("name", "steps"), [("rgb", 40), ("depth", 40), ("normals", 120), ("edges", 150)])
def test_fitting_makes_a_bad_tokenizer_better_than_the_mean_image(name: str, steps: int) -> None:
    torch.manual_seed(0)
    tokenizer, frames = Tokenizer(name), boxes(16, size=32)
    before, truth, restored = fidelity(tokenizer, frames)
    assert before.bad
    assert truth.shape == restored.shape
    fit(tokenizer, lambda n: frames, steps)
    after, _, _ = fidelity(tokenizer, frames)
    higher = name in ("rgb", "edges")
    assert (after.value > before.value) == higher
    assert (after.value > after.of_mean) == higher
    assert after.variance_unexplained < before.variance_unexplained
