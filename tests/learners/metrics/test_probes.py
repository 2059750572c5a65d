"""Probes of frozen features, in worlds whose answer is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from testspace.learners.metrics.probes import knn_classes, linear_classes, patch_classes


def world(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features around three directions, and their classes 4, 7 and 9."""
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randint(3, (number,), generator=generator)
    centres = torch.eye(5)[:3] * 3
    return centres[kinds] + torch.randn(number, 5, generator=generator) / 2, torch.tensor([4, 7, 9])[kinds]


@pytest.mark.parametrize("probe", [knn_classes, linear_classes])
def test_what_can_be_told_apart_is(probe: Any) -> None:
    (features, classes), (queries, truth) = world(300, 0), world(200, 1)
    found = probe(features, classes, queries)
    assert found.dtype == torch.int64
    assert (found == truth).double().mean() > 0.97
    assert torch.equal(found, probe(features, classes, queries))


def test_neighbours_vote_by_their_nearness() -> None:
    features = torch.tensor([[1.0, 0.0], [0.9, 0.5], [0.9, 0.51], [0.0, 1.0]])
    classes = torch.tensor([1, 2, 2, 3])
    query = torch.tensor([[2.0, 0.0]])  # as far as the first in direction, whatever its length
    assert knn_classes(features, classes, query, k=3).item() == 1
    assert knn_classes(features, classes, query, k=3, temperature=100.0).item() == 2  # two votes against one
    assert knn_classes(features, classes, query, k=50).item() == 1
    assert len(knn_classes(features, classes, query[:0])) == 0


def test_the_linear_probe_is_logistic_regression() -> None:
    features, classes = torch.tensor([[-1.0], [-0.5], [0.5], [1.0]]), torch.tensor([0, 1, 0, 1])
    queries = torch.tensor([[-3.0], [3.0]])
    assert linear_classes(features, classes, queries).tolist() == [0, 1]
    assert linear_classes(features * 1e3, classes, queries * 1e3).tolist() == [0, 1]  # units do not count


def test_patches_have_the_class_of_most_of_their_pixels() -> None:
    semantic = torch.tensor([[[1, 1, 2, 2], [3, 1, 2, 5], [0, 0, 4, 4], [7, 7, 4, 4]]], dtype=torch.int16)
    assert patch_classes(semantic, (2, 2)).tolist() == [[1, 2, 0, 4]]  # among equals the lowest
    with pytest.raises(ValueError, match="patches of whole pixels"):
        patch_classes(semantic, (3, 2))


@pytest.mark.parametrize("probe", [knn_classes, linear_classes])
@pytest.mark.parametrize(("features", "classes", "queries", "says"), [
    (torch.ones(2, 3), torch.zeros(3, dtype=torch.int64), torch.ones(1, 3), "classes must be"),
    (torch.ones(2, 3), torch.zeros(2), torch.ones(1, 3), "classes must be"),
    (torch.ones(0, 3), torch.zeros(0, dtype=torch.int64), torch.ones(1, 3), "must be"),
    (torch.ones(2, 3), torch.zeros(2, dtype=torch.int64), torch.ones(1, 2), "must be"),
    (torch.ones(2, 3) / 0, torch.zeros(2, dtype=torch.int64), torch.ones(1, 3), "not finite"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(
    probe: Any, features: torch.Tensor, classes: torch.Tensor, queries: torch.Tensor, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        probe(features, classes, queries)
