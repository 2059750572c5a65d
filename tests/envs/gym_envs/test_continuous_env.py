"""A robot steered by velocities: by Gymnasium's checker, by circles, and by the statistics of its senses."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import box_room

import testspace  # noqa: F401  (registers)
from testspace.core.edges import canny
from testspace.core.frame import Camera, check_frame
from testspace.envs.gym_envs.continuous_env import ContinuousHouseEnv, _along
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.loaded_house import LoadedHouse
from testspace.envs.gym_envs.sensor_noise import OdometryDrift, StereoCamera

SMALL = Camera(16, 16)


def robot(**options: Any) -> ContinuousHouseEnv:
    """A robot in the middle of an empty room of 4 x 6 m."""
    return ContinuousHouseEnv.from_scene(
        box_room(with_box=False), **{"camera": SMALL, "light": "direct", "speed": 1.0, **options}
    )


def test_gymnasium_and_torchrl_find_nothing_to_complain_of() -> None:
    pytest.importorskip("torchrl")
    from torchrl.envs import GymWrapper
    from torchrl.envs.utils import check_env_specs

    options = {"house": LoadedHouse.from_scene(box_room(), SMALL, light="direct")}
    made = gymnasium.make("testspace/House-continuous-v0", render_mode="rgb_array", **options)
    check_env(made.unwrapped)  # warnings are errors
    check_env_specs(GymWrapper(made.unwrapped), seed=0)
    several = gymnasium.make_vec("testspace/House-continuous-v0", num_envs=2, vectorization_mode="sync", **options)
    assert several.reset(seed=0)[0]["rgb"].shape == (2, 16, 16, 3)
    several.close()


def test_a_circle_is_driven_exactly() -> None:
    """v = 0.9 m/s and 90 degrees a second: a circle of radius 0.9 / (pi / 2), closed after four seconds."""
    env = robot(stereo=None, odometry=None, turning=90.0)
    env.reset(seed=0, options={"pose": (0, 0, 0, 0, 0, 0)})
    places = []
    for _ in range(40):
        frame, reward, terminated, _, info = env.step(np.array([0.9, 1.0], np.float32))
        places.append(info["true_pose"][[0, 2]])
        assert (reward, terminated, info["collision"]) == (0.0, False, False)
        np.testing.assert_allclose(frame["pose"], info["true_pose"], atol=1e-5)
    radius = 0.9 / (np.pi / 2)
    np.testing.assert_allclose(np.linalg.norm(places - np.array([radius, 0.0]), axis=1), radius, atol=1e-6)
    np.testing.assert_allclose(places[-1], [0, 0], atol=1e-6)
    assert places[9][1] == pytest.approx(-radius)  # a quarter: ahead is -z


@settings(max_examples=50, deadline=None)
@given(st.floats(-2, 2), st.floats(-180, 180), st.floats(0, 360))
def test_an_arc_is_the_sum_of_many_short_lines(ahead: float, turned: float, yaw: float) -> None:
    x = z = 0.0
    for share in (np.arange(2000) + 0.5) / 2000:
        heading = np.radians(yaw + turned * share)
        x, z = x + ahead / 2000 * np.sin(heading), z - ahead / 2000 * np.cos(heading)
    end = _along(np.array([0.0, 0.0, yaw]), ahead, turned, np.ones(1))[0]
    np.testing.assert_allclose(end[:2], [x, z], atol=1e-5)


@pytest.mark.parametrize("radius", [0.15, 0.3])
def test_the_body_stops_before_it_touches(radius: float) -> None:
    env = robot(radius=radius, stereo=None)
    env.reset(seed=0, options={"pose": (0, 0, 0, 0, 0, 0)})
    infos = [env.step(np.array([1.0, 0.0]))[4] for _ in range(60)]
    assert infos[-1]["collision"] is True
    assert infos[0]["collision"] is False
    z = infos[-1]["true_pose"][2]  # the wall is at -3
    assert z == pytest.approx(-3 + radius, abs=0.06)
    assert z >= -3 + radius - 0.03
    yaw = env.step(np.array([1.0, 1.0]))[4]["true_pose"][3]
    assert yaw == pytest.approx(9.0)
    assert env.step(np.array([-1.0, 0.0]))[4]["collision"] is False


def test_velocities_are_held_to_the_largest_and_nonsense_is_refused() -> None:
    env = robot(stereo=None)
    env.reset(seed=0, options={"pose": (0, 0, 0, 0, 0, 0)})
    pose = env.step([50.0, 0.0])[4]["true_pose"]
    assert pose[2] == pytest.approx(-0.1)
    for wrong in ([np.nan, 0.0], [1.0], 3):
        with pytest.raises(ValueError, match="2 finite numbers"):
            env.step(wrong)
    with pytest.raises(ValueError, match="speed must be a finite number above 0"):
        robot(speed=0.0)
    with pytest.raises(ValueError, match="pitch must lie"):
        robot(pitch=100.0)


def test_the_camera_is_mounted_as_told() -> None:
    env = robot(pitch=-20.0, camera_height=0.4, stereo=None)
    frame, _ = env.reset(seed=0, options={"pose": (0, 9, 0, 30, 10, 0)})
    np.testing.assert_allclose(frame["pose"], [0, 0.4, 0, 30, -20, 0], atol=1e-5)
    reference = HouseEnv.from_scene(box_room(with_box=False), camera=SMALL, light="direct").simulator
    np.testing.assert_array_equal(frame["depth"], reference.render(frame["pose"][None])["depth"][0])


def test_odometry_drifts_as_far_as_it_says() -> None:
    drift = OdometryDrift(metre=0.02, heading=1.0, turn=3.0)
    rng = np.random.default_rng(0)
    ways = np.array([np.sum([drift.measure(0.05, 0.0, rng) for _ in range(200)], axis=0) for _ in range(500)])
    assert ways.mean(0) == pytest.approx([10.0, 0.0], abs=0.4)
    assert ways.std(0) == pytest.approx([0.02 * np.sqrt(10), np.sqrt(10)], rel=0.1)
    turns = np.array([np.sum([drift.measure(0.0, 9.0, rng)[1] for _ in range(40)]) for _ in range(500)])
    assert turns.std() == pytest.approx(3.0, rel=0.1)


def test_the_pose_of_a_frame_is_the_odometrys_and_right_after_a_reset() -> None:
    env = robot(stereo=None, max_steps=1000)
    frame, info = env.reset(seed=3, options={"pose": (0, 0, 0, 0, 0, 0)})
    np.testing.assert_allclose(frame["pose"], info["true_pose"], atol=1e-5)
    for step in range(400):
        frame, _, _, _, info = env.step(np.array([0.8, np.sin(step)]))
    away = np.linalg.norm(frame["pose"][[0, 2]] - info["true_pose"][[0, 2]])
    assert 0.01 < away < 3.0
    frame, info = env.reset()
    np.testing.assert_allclose(frame["pose"], info["true_pose"], atol=1e-5)
    frame, _, _, _, info = env.teleport(np.array([1.0, 0, 1, 90, 0, 0]))
    np.testing.assert_allclose(frame["pose"], [1, 0.6, 1, 90, 0, 0], atol=1e-5)


@pytest.mark.parametrize("metres", [1.0, 2.0, 4.0])
def test_depth_noise_grows_with_the_square_of_depth(metres: float) -> None:
    stereo = StereoCamera(step=0.0)
    measured = stereo.depth(np.full((200, 200), metres, np.float32), Camera(200, 200), np.random.default_rng(0))
    expected = metres**2 * stereo.subpixel / (stereo.focal * stereo.baseline)
    assert measured.std() == pytest.approx(expected, rel=0.05)
    assert measured.mean() == pytest.approx(metres, rel=0.01)
    if metres == 4.0:
        assert 1000 * expected == pytest.approx(57, abs=1)  # what the docstring says


def test_depth_comes_in_steps_of_disparity_within_its_range() -> None:
    stereo = StereoCamera()
    rng = np.random.default_rng(0)
    true = np.full((50, 50), 3.0, np.float32)
    disparity = stereo.focal * stereo.baseline / stereo.depth(true, SMALL, rng) * 32
    np.testing.assert_allclose(disparity, np.round(disparity), atol=1e-3)
    assert len(np.unique(disparity.round())) > 3
    for out in (0.1, 11.0, 0.0):
        assert (stereo.depth(np.full((4, 4), out, np.float32), SMALL, rng) == 0).all()


def test_what_only_one_imager_sees_has_no_depth() -> None:
    """A post at 0.5 m before a wall at 4 m hides a strip of the wall from the imager on the right: on its left."""
    camera = Camera(200, 4, 2 * np.degrees(np.arctan(2 / 100)))  # focal length 100 pixels
    true = np.full((4, 200), 4.0, np.float32)
    true[:, 120:140] = 0.5
    measured = StereoCamera(step=0.0, subpixel=0.0).depth(true, camera, np.random.default_rng(0))
    strip = 100 * 0.05 * (1 / 0.5 - 1 / 4)  # 8.75 pixels
    gone = np.flatnonzero(measured[0] == 0)
    assert gone.tolist() == list(range(120 - int(np.ceil(strip)) + 1, 120)) or len(gone) == round(strip)
    np.testing.assert_allclose(measured[measured > 0], true[measured > 0], rtol=1e-5)
    plane = np.linspace(1, 5, 200, dtype=np.float32)[None].repeat(4, 0)
    assert (StereoCamera(subpixel=0.0).depth(plane, camera, np.random.default_rng(0)) > 0).all()


def test_a_noisy_frame_keeps_the_contract_and_its_modalities_agree() -> None:
    env = ContinuousHouseEnv.from_scene(box_room(), camera=Camera(48, 48), light="direct")
    frame, _ = env.reset(seed=0)
    check_frame(frame, env.camera)
    np.testing.assert_array_equal(frame["edges"], canny(frame["rgb"]))
    true = env.simulator.render(env.pose[None])
    assert 1.0 < np.abs(frame["rgb"].astype(int) - true["rgb"][0]).std() < 3.0
    seen = np.linalg.norm(frame["normals"], axis=-1)
    assert set(seen.round(4).ravel().tolist()) <= {0.0, 1.0}
    again = ContinuousHouseEnv.from_scene(box_room(), camera=Camera(48, 48), light="direct").reset(seed=0)[0]
    np.testing.assert_array_equal(frame["depth"], again["depth"])
