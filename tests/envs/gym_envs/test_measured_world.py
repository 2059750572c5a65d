"""A robot's sensors around any world: their statistics, and that they go on the same after an interruption."""

from __future__ import annotations

import json
from typing import cast

import numpy as np
import pytest

from testspace.core.errors import UserError
from testspace.core.frame import Camera
from testspace.envs.choices import Sensors
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.measured_world import MeasuredWorld
from testspace.envs.gym_envs.sensor_noise import OdometryDrift, SlamError
from testspace.envs.gym_envs.world import World

CAMERA = Camera(24, 24)
ACTIONS = [0, 0, 1, 0, 2, 2, 0, 3, 0, 1, 1, 0]


@pytest.fixture(scope="module")
def house() -> HouseEnv:
    return HouseEnv(3, camera=CAMERA, light="direct", max_steps=10_000)


@pytest.mark.parametrize("sensors", ["slam", "odometry"])
def test_measurements_go_on_after_an_interruption(house: HouseEnv, sensors: str) -> None:
    world = MeasuredWorld(house, cast(Sensors, sensors), seed=5)
    world.reset()
    for action in ACTIONS[:6]:
        world.step(action)
    body = json.loads(json.dumps(world.body_state()))
    undisturbed = [world.step(action) for action in ACTIONS[6:]]
    resumed = MeasuredWorld(house, cast(Sensors, sensors), seed=5)
    resumed.reset(options={"body": body})
    for action, (frame, *_, told) in zip(ACTIONS[6:], undisturbed, strict=True):
        again, *_, told_again = resumed.step(action)
        assert {key: value.tobytes() for key, value in frame.items()} == {
            key: value.tobytes() for key, value in again.items()
        }
        np.testing.assert_array_equal(told["true_pose"], told_again["true_pose"])
    exact = house.simulator.render(told["true_pose"][None].astype(np.float32))
    assert (frame["depth"] != exact["depth"][0]).any()
    assert (frame["pose"] != exact["pose"][0]).any()


def test_without_drift_odometry_is_the_true_pose(house: HouseEnv) -> None:
    world = MeasuredWorld(house, "odometry", seed=0)
    world.odometry = OdometryDrift(0, 0, 0)
    world.reset(seed=2)
    for action in ACTIONS * 3:
        frame, *_, info = world.step(action)
        np.testing.assert_allclose(frame["pose"], info["true_pose"], atol=1e-4)


def test_a_wrong_heading_bends_the_way(house: HouseEnv) -> None:
    """With its heading off by 90 degrees, a robot takes the way ahead for a way to the side."""
    world = MeasuredWorld(house, "odometry", seed=0)
    world.odometry = OdometryDrift(0, 0, 0)
    _, info = world.reset(seed=2)
    frame, _ = world.reset(options={"body": {**world.body_state(), "error": [0, 0, 0, 90.0, 0, 0]}})
    start = info["true_pose"]
    for action in ACTIONS * 3:
        frame, *_, info = world.step(action)
    true = (info["true_pose"] - start)[[0, 2]]
    measured = (frame["pose"] - start)[[0, 2]]
    assert np.hypot(*true) > 0.2
    np.testing.assert_allclose(measured, [-true[1], true[0]], atol=1e-4)  # clockwise, from above, x right and z down


def test_a_world_without_teleport_is_told_in_one_line(house: HouseEnv) -> None:
    class Fixed:
        motion = house.motion

    with pytest.raises(UserError, match="only the built-in simulator"):
        MeasuredWorld(cast(World, Fixed()), "slam", seed=0).teleport(np.zeros(6))


def test_slam_errors_have_their_spread_and_vary_slowly() -> None:
    slam, rng = SlamError(frames=10), np.random.default_rng(0)
    errors = [slam.first(rng)[0]]
    for _ in range(20_000):
        errors.append(slam.next(errors[-1], rng))
    series = np.array(errors)
    np.testing.assert_allclose(series.std(0), slam.deviations, rtol=0.1)
    lagged = [np.corrcoef(series[:-10, axis], series[10:, axis])[0, 1] for axis in range(6)]
    np.testing.assert_allclose(lagged, np.exp(-1), atol=0.08)


def test_held_out_views_are_measured_each_alone(house: HouseEnv) -> None:
    world = MeasuredWorld(house, "slam", seed=0)
    poses = np.repeat(house.reset(seed=1)[0]["pose"][None], 200, 0)
    exact = house.simulator.render(poses)
    measured = world.measure_views(exact, np.random.default_rng(0))
    np.testing.assert_allclose((measured["pose"] - poses).std(0), world.slam.deviations, rtol=0.25)
    assert {key: value.dtype for key, value in measured.items()} == {key: value.dtype for key, value in exact.items()}
    assert (measured["rgb"][0] != measured["rgb"][1]).any()
