"""Places and kinds of surfaces, against planes known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from testspace.agent.fusion.surface_places import SURFACES, Places
from testspace.agent.fusion.surface_prior import SurfacePrior
from testspace.core.frame import Camera

CAMERA = Camera(8, 8, 20.0)
LEVELS = 40
DOWN, UP, SIDEWAYS = 0, LEVELS, 2 * LEVELS


def plane(pitch: float, height: float, distance: float, normal: tuple[float, float, float]) -> dict[str, Tensor]:
    """One frame of a camera at this height that sees, at this depth, a plane with this normal in its own frame."""
    return {
        "depth": torch.full((1, 8, 8), distance),
        "normals": torch.tensor(normal).expand(1, 8, 8, 3).clone(),
        "pose": torch.tensor([[3.0, height, -2.0, 0.0, pitch, 0.0]]),
    }


@pytest.mark.parametrize("cell", [0.1, 0.25])
def test_a_surface_is_known_by_its_height_and_its_side(cell: float) -> None:
    places = Places(CAMERA, cell)
    floor = places.of(plane(-90, 1.55, 1.55 - 0.01, (0, 0, 1)))  # looking down on what lies 1 cm above the floor
    ceiling = places.of(plane(90, 1.5, 1.27, (0, 0, 1)))
    wall = places.of(plane(0, 1.55, 1.0, (0, 0, 1)))
    assert set(places.surface(floor).ravel()) == {UP + int(cell / 2 / 0.1)}
    assert set(places.surface(ceiling).ravel()) == {DOWN + int((np.floor(2.77 / cell) + 0.5) * cell / 0.1)}
    levels = places.surface(wall) - SIDEWAYS
    assert levels.min() >= 12
    assert levels.max() <= 18  # 1.55 m +- 1 m x tan 10 degrees, and half a cell
    assert (np.diff(levels[0].mean(1)) <= 0).all()  # lower rows, lower places


def test_heights_out_of_range_count_as_the_nearest() -> None:
    places = Places(CAMERA)
    below, above = plane(-90, 1.0, 3.0, (0, 0, 1)), plane(90, 1.0, 20.0, (0, 0, 1))
    assert set(places.surface(places.of(below)).ravel()) == {UP}
    assert set(places.surface(places.of(above)).ravel()) == {DOWN + LEVELS - 1}
    assert (places.of({**below, "depth": torch.zeros(1, 8, 8)}) == -1).all()


def test_the_lift_is_bayes_ratio() -> None:
    prior = SurfacePrior(CAMERA, 4)
    floor, wall = plane(-90, 1.55, 1.54, (0, 0, 1)), plane(0, 1.55, 1.0, (0, 0, 1))
    for _ in range(300):  # 19,200 pixels on the floor of class 1; of the wall's, half of class 2 and half of class 1
        prior.add(floor, np.full((1, 8, 8), 1, np.int16))
    half = np.full((1, 8, 8), 2, np.int16)
    half[..., :4] = 1
    for _ in range(300):
        prior.add(wall, half)
    up = int(prior.places.surface(prior.places.of(floor)[0, 0, 0]))
    overall = np.array([0, 0.75, 0.25, 0])
    expected = (np.array([0, 19200, 0, 0]) + 200 * overall) / 19400
    assert prior.lift[up, 1:3] == pytest.approx((expected / np.maximum(overall, 1e-9))[1:3])
    assert (prior.lift[:, 3] == 1).all()  # of a class never seen geometry says nothing
    assert prior.lift.shape == (SURFACES, 4)
    unseen = DOWN + 3
    assert prior.lift[unseen, 1:3] == pytest.approx([1, 1])  # nor of a surface never seen


def test_void_and_misses_are_not_counted() -> None:
    prior = SurfacePrior(CAMERA, 3)
    prior.add(plane(0, 1.5, 0.0, (0, 0, 0)), np.full((1, 8, 8), 1, np.int16))
    prior.add(plane(0, 1.5, 1.0, (0, 0, 1)), np.zeros((1, 8, 8), np.int16))
    assert prior.counts.sum() == 0
    assert (prior.lift == 1).all()
