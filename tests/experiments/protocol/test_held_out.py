"""Evaluation views are kept apart from what the agent trains on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.core.frame import Camera, rotation
from testspace.datasets.poses import BLANK_SHARE, blank_views
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.classes import CLASS_ID
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.protocol.held_out import (
    MIN_SEPARATION_DEG,
    MIN_SEPARATION_M,
    draw_views,
    forward,
    too_near,
)


def pose(x: float = 0.0, z: float = 0.0, yaw: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    return np.array([[x, 1.5, z, yaw, pitch, 0.0]], np.float32)


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (pose(), True),
        (pose(x=MIN_SEPARATION_M - 0.01, yaw=MIN_SEPARATION_DEG - 1), True),
        (pose(x=MIN_SEPARATION_M + 0.01), False),
        (pose(yaw=MIN_SEPARATION_DEG + 1), False),
        (pose(yaw=360.0), True),
        (pose(pitch=-MIN_SEPARATION_DEG - 1), False),
        (pose(z=-0.2, pitch=5.0), True),
    ],
)
def test_too_near_needs_both_the_place_and_the_direction(other: np.ndarray, near: bool) -> None:
    assert too_near(other, pose()).tolist() == [near]
    assert too_near(other, np.concatenate([pose(x=50.0), pose()])).tolist() == [near]


@given(st.floats(-360, 720), st.floats(-89, 89))
@settings(max_examples=50, deadline=None)
def test_forward_is_the_optical_axis_of_the_frame_contract(yaw: float, pitch: float) -> None:
    views = pose(yaw=yaw, pitch=pitch)
    np.testing.assert_allclose(forward(views)[0], -rotation(views)[0][:, 2], atol=1e-9)


def test_a_view_filled_by_one_instance_is_blank() -> None:
    instance = np.ones((2, 10, 10), np.int32)
    instance[1, :3] = 2  # 30 % of something else
    assert BLANK_SHARE == 0.75
    assert blank_views(instance).tolist() == [True, False]


def test_drawn_views_stand_on_the_reachable_floor_and_show_more_than_a_wall() -> None:
    simulator = RayCastSimulator(build_scene(generate_house(3, rooms=2)), Camera(24, 24))
    frame, labels = draw_views(simulator, 40, 1.5, np.random.default_rng(0))
    again, _ = draw_views(simulator, 40, 1.5, np.random.default_rng(0))
    assert frame["rgb"].shape == (40, 24, 24, 3)
    assert labels.semantic.shape == (40, 24, 24)
    assert all(simulator.floor.contains(float(x), float(z)) for x, z in frame["pose"][:, [0, 2]])
    assert not blank_views(labels.instance).any()
    assert {CLASS_ID["Wall"], CLASS_ID["Floor"]} <= set(np.unique(labels.semantic).tolist())
    np.testing.assert_array_equal(frame["rgb"], again["rgb"])
    assert np.abs(frame["pose"][:, 3]).max() > 180  # all around
