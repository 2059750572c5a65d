"""Recall in cases where the order of the gallery is known."""

from __future__ import annotations

import pytest
import torch

from testspace.learners.metrics.recall import recall_at


def test_recall_counts_who_is_nearer() -> None:
    angles = torch.deg2rad(torch.arange(0.0, 120, 10))
    gallery = torch.stack([angles.cos(), angles.sin()], 1)
    assert recall_at(gallery, 3 * gallery) == {1: 1, 5: 1, 10: 1}  # cosine knows no length
    turned = torch.stack([(angles + 0.41).cos(), (angles + 0.41).sin()], 1)  # by 23.5 degrees: 2 steps on is nearest
    # before the own one: those 1, 2, 3 and 4 steps on, as far as there are such; of 12, the last has none
    assert recall_at(turned, gallery, (1, 2, 3, 4, 5)) == pytest.approx({k: k / 12 for k in (1, 2, 3, 4)} | {5: 1})


def test_embeddings_all_alike_retrieve_nothing() -> None:
    same = torch.ones(20, 4)
    assert recall_at(same, same) == {1: 0, 5: 0, 10: 0}
    for queries, gallery in ((same, same[:5]), (same[:0], same[:0]), (same * torch.inf, same)):
        with pytest.raises(ValueError, match="retrieval"):
            recall_at(queries, gallery)
