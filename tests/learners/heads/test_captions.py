"""Template captions say what the boxes hold, in a closed vocabulary."""

from __future__ import annotations

import re

import pytest
import torch

from testspace.learners.heads.captions import template_captions, vocabulary
from testspace.learners.metrics.boxes import Boxes
from testspace.learners.metrics.caption_metrics import words

NAMES = ("void", "Bed", "Desk", "ArmChair", "TVStand", "Knife", "Boots", "Box", "Potato")
BED, DESK, CHAIR, STAND, KNIFE, BOOTS, BOX, POTATO = range(1, 9)


def boxes(*rows: tuple[int, int, tuple[float, float, float, float]]) -> Boxes:
    """Boxes of rows (frame, class, corners)."""
    frame, classes, corners = zip(*rows, strict=True)
    return Boxes(torch.tensor(frame), torch.tensor(corners).float(), torch.tensor(classes), torch.ones(len(rows)))


ROOM = boxes(
    (0, BED, (0, 20, 20, 60)), (0, DESK, (40, 20, 60, 60)), (0, CHAIR, (25, 30, 35, 45)), (0, CHAIR, (28, 30, 38, 45)),
    (1, STAND, (20, 20, 44, 44)),
)  # fmt: skip


def test_counts_places_and_relations_are_true() -> None:
    first, second, third = template_captions(ROOM, 3, (64, 64), NAMES, 60)
    assert len(first) == len(second) == len(third) == 60
    assert all("two arm chairs" in caption for caption in first)
    assert any("a bed left of a desk" in caption for caption in first)
    assert any("a desk right of a bed" in caption for caption in first)
    assert not any(re.search("desk left of|bed right of|near|above|below", caption) for caption in first)
    assert any("a bed on the left" in caption for caption in first)
    assert not any(re.search("bed (on the right|in the middle)", caption) for caption in first)
    assert any(caption == "there is a tv stand in the middle" for caption in second)
    assert all("room" in caption or "nothing" in caption for caption in third)
    assert len(set(first)) > 10  # several wordings


def test_what_lies_above_counts_where_nothing_lies_beside() -> None:
    stacked = boxes((0, BED, (10, 0, 50, 20)), (0, DESK, (10, 40, 50, 60)))
    told = template_captions(stacked, 1, (64, 64), NAMES, 40)[0]
    assert any("a bed above a desk" in caption for caption in told)
    assert any("a desk below a bed" in caption for caption in told)


def test_small_things_go_unmentioned_and_many_are_many() -> None:
    crowd = boxes(*[(0, KNIFE, (0, 8 * i, 8, 8 * i + 8)) for i in range(8)], (0, BOX, (20, 20, 22, 22)))
    told = template_captions(crowd, 1, (64, 64), NAMES, 20)[0]
    assert all("many knives" in caption for caption in told)
    assert not any("box" in caption for caption in told)


@pytest.mark.parametrize(("kind", "two"), [(BOOTS, "two boots"), (BOX, "two boxes"), (POTATO, "two potatoes")])
def test_plurals(kind: int, two: str) -> None:
    pair = boxes((0, kind, (0, 0, 20, 20)), (0, kind, (30, 0, 50, 20)))
    assert all(two in caption for caption in template_captions(pair, 1, (64, 64), NAMES, 5)[0])


def test_the_vocabulary_is_closed() -> None:
    known = set(vocabulary(NAMES))
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(400, 2, generator=generator) * 50
    corners = torch.cat([low, low + 3 + 30 * torch.rand(400, 2, generator=generator)], 1)
    frame = torch.arange(400) // 8
    crowd = Boxes(frame, corners, torch.randint(1, 9, (400,), generator=generator), torch.ones(400))
    told = template_captions(crowd, 52, (64, 64), NAMES, 5, seed=3)
    assert {word for several in told for caption in several for word in words(caption)} <= known
    assert told == template_captions(crowd, 52, (64, 64), NAMES, 5, seed=3)
    assert told != template_captions(crowd, 52, (64, 64), NAMES, 5, seed=4)
