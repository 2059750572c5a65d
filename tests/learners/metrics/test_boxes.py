"""Boxes against numpy by hand, overlaps in closed form, and suppression against the textbook's loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.learners.metrics.boxes import Boxes, boxes_of, number_objects, overlap, suppress


def test_boxes_hold_exactly_their_objects() -> None:
    rng = np.random.default_rng(0)
    instance = rng.integers(0, 9, (4, 5, 6)).repeat(3, 1).repeat(3, 2).astype(np.int32)
    semantic = np.array([0, 3, 7, 3, 5, 7, 7, 5, 3], np.int16)[instance]
    boxes = boxes_of(*number_objects(semantic, instance, [3, 7]))
    expected = []
    for frame in range(4):
        for number in range(1, 9):
            rows, columns = np.nonzero(instance[frame] == number)
            if len(rows) and semantic[frame][rows[0], columns[0]] in (3, 7):
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                expected.append((frame, *box, semantic[frame][rows[0], columns[0]]))
    found = torch.cat([boxes.frame[:, None], boxes.corners.long(), boxes.classes[:, None]], 1)
    assert sorted(map(tuple, found.tolist())) == sorted(tuple(int(v) for v in row) for row in expected)
    assert torch.equal(boxes.frame, boxes.frame.sort().values)
    assert (boxes.scores == 1).all()


def test_what_shows_too_little_has_no_box() -> None:
    instance = np.zeros((1, 8, 8), np.int32)
    instance[0, 2, 3:6], instance[0, 5, 5] = 4, 9
    semantic = np.where(instance > 0, 2, 0).astype(np.int16)
    objects, table = number_objects(semantic, instance, [2])
    assert boxes_of(objects, table).corners.tolist() == [[3, 2, 6, 3], [5, 5, 6, 6]]
    assert boxes_of(objects, table, min_pixels=2).corners.tolist() == [[3, 2, 6, 3]]
    assert boxes_of(objects[:, 3:], table, min_pixels=2).corners.shape == (0, 4)  # a crop takes its box along


def test_nothing_of_the_classes_gives_nothing() -> None:
    maps = np.ones((2, 4, 4), np.int32)
    objects, table = number_objects(maps.astype(np.int16), maps, [5])
    assert not objects.any()
    assert table.tolist() == [0]
    assert len(boxes_of(objects, table)) == len(Boxes.join([])) == 0
    with pytest.raises(ValueError, match=r"must be one \(N, H, W\)"):
        number_objects(maps[:1], maps, [1])


def test_overlaps_in_closed_form() -> None:
    one = torch.tensor([0.0, 0.0, 2.0, 2.0])
    others = torch.tensor([[0.0, 0, 2, 2], [1, 0, 3, 2], [1, 1, 3, 3], [4, 0, 6, 2], [1, 1, 1, 1]])
    iou, giou = overlap(one, others)
    assert iou.tolist() == pytest.approx([1, 2 / 6, 1 / 7, 0, 0])
    assert giou.tolist() == pytest.approx([1, 2 / 6, 1 / 7 - 2 / 9, -4 / 12, 0])


def by_the_book(corners: torch.Tensor, classes: torch.Tensor, threshold: float) -> list[bool]:
    """Suppression as it is told: the best first, and each drops what it overlaps."""
    kept: list[int] = []
    for i in range(len(corners)):
        if all(classes[i] != classes[j] or overlap(corners[i], corners[j])[0] <= threshold for j in kept):
            kept.append(i)
    return [i in kept for i in range(len(corners))]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 30), st.sampled_from([0.3, 0.5, 0.7]))
def test_suppression_is_the_textbooks(seed: int, count: int, threshold: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(2, count, 2, generator=generator) * 4
    corners = torch.cat([low, low + 1 + 4 * torch.rand(2, count, 2, generator=generator)], -1)
    classes = torch.randint(2, (2, count), generator=generator)
    kept = suppress(corners, classes, threshold)
    assert kept.tolist() == [by_the_book(corners[i], classes[i], threshold) for i in range(2)]


def test_a_chain_of_rivals_needs_as_many_rounds() -> None:
    left = torch.arange(6.0)
    corners = torch.stack([left, torch.zeros(6), left + 2, torch.ones(6)], 1)  # each overlaps the next by a third
    assert suppress(corners, torch.zeros(6), 0.3).tolist() == [True, False, True, False, True, False]
