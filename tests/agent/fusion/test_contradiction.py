"""What a frame contradicts: cells in front of what it sees, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.agent.fusion.contradiction import contradicted
from testspace.core.frame import Camera

CAMERA = Camera(64, 64)
POSE = np.array([1.0, 1.5, 2.0, 90.0, 0.0, 0.0])  # looks along +x


def at(metres: float, aside: float = 0.0) -> np.ndarray:
    return np.array([[1.0 + metres, 1.5, 2.0 + aside]])


def wall(metres: float) -> np.ndarray:
    return np.full((64, 64), metres, np.float32)


@pytest.mark.parametrize(
    ("metres", "gone"), [(2.0, True), (3.0, False), (2.8, False), (3.5, False), (0.2, False), (-1.0, False)]
)
def test_only_what_lies_clearly_before_the_wall_is_gone(metres: float, gone: bool) -> None:
    assert contradicted(at(metres), wall(3.0), POSE, CAMERA).item() is gone


def test_what_is_out_of_view_or_has_no_return_stays() -> None:
    assert not contradicted(at(2.0, aside=5.0), wall(3.0), POSE, CAMERA).any()
    assert not contradicted(at(2.0), wall(0.0), POSE, CAMERA).any()
    hole = wall(3.0)
    hole[31:33, 31:33] = 0.0
    assert not contradicted(at(2.0), hole, POSE, CAMERA).any()


def test_an_outline_is_no_proof() -> None:
    edge = wall(3.0)
    edge[:, 33:] = 1.9  # a thing that begins one pixel beside the cell
    assert not contradicted(at(2.0), edge, POSE, CAMERA).any()
    assert contradicted(at(2.0, aside=-0.5), edge, POSE, CAMERA).all()
