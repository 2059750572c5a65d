"""A run that learned nothing says so."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.envs.house.classes import CLASSES
from testspace.experiments.run.learning_check import learning_notes

FALLING = [0.75, 0.6, 0.55, 0.5, 0.5, 0.45]


def rows(losses: list[float]) -> list[dict[str, object]]:
    return [{"losses": {}}, *({"losses": {"loss": loss}} for loss in losses)]


class Votes:
    """A map of as many cells as there are votes."""

    def __init__(self, classes: list[int]) -> None:
        self.classes = np.array(classes, np.int16)

    def __len__(self) -> int:
        return len(self.classes)

    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(self), 3)), self.classes

    def evidence(self) -> np.ndarray:
        return np.ones(len(self), np.float32)


@pytest.mark.parametrize(
    ("losses", "warned"),
    [
        (FALLING, False),
        ([1.0, 1.0], False),
        ([1.0] * 8, True),
        ([0.5, 0.6, 0.7, 0.8], True),
        ([1.0, np.nan, np.nan, np.nan], True),
    ],
)
def test_a_loss_that_does_not_fall_is_told(losses: list[float], warned: bool) -> None:
    notes = learning_notes(rows(losses), None, (1,), None)  # type: ignore[arg-type]
    assert [("did not fall" in note) for note in notes] == [True] * warned


def test_classes_that_no_label_has_are_named() -> None:
    truth = np.full((2, 8, 8), 1, np.int16)
    truth[0, :4] = 3
    truth[1, 0] = 0
    assert learning_notes(rows(FALLING), truth, (1, 3), None) == []
    (note,) = learning_notes(rows(FALLING), truth, (1,), None)
    assert "1 classes of this house are in no labelled frame" in note
    assert CLASSES[3] in note


def test_a_teacher_of_one_class_is_told() -> None:
    assert learning_notes([], None, (1,), Votes([1, 2, 3, 1])) == []  # type: ignore[arg-type]
    assert learning_notes([], None, (1,), Votes([])) == []  # type: ignore[arg-type]
    (note,) = learning_notes([], None, (1,), Votes([2] * 19 + [1]))  # type: ignore[arg-type]
    assert f"95% of what was seen for {CLASSES[2]}" in note
