"""Localisation against drifting odometry: in a real house, across a stop, and where nothing can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testspace.agent.mapping.localiser import Localiser, _moved
from testspace.agent.policies import make_policy
from testspace.core.frame import Camera, Frame, rotation
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.measured_world import MeasuredWorld

CAMERA = Camera(64, 64)


def walk(count: int) -> tuple[list[Frame], np.ndarray]:
    """Frames by a stereo camera and wheel odometry along a walk that is planned on true poses, and these (N, 6)."""
    world = MeasuredWorld(HouseEnv(5, camera=CAMERA, light="direct"), "odometry", 3)
    policy = make_policy("frontier", world, 0)
    frame, info = world.reset()
    frames, true = [frame], [np.asarray(frame["pose"], np.float64)]
    while len(frames) < count:
        action = policy.act({**frame, "pose": true[-1].astype(np.float32)}, info)
        assert isinstance(action, int | np.integer)
        frame, _, _, _, info = world.step(int(action))
        frames.append(frame)
        true.append(info["true_pose"])
    return frames, np.array(true)


@pytest.fixture(scope="module")
def walked() -> tuple[list[Frame], np.ndarray]:
    return walk(200)


def errors(poses: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each pose (N, 6): distance in metres, and difference of yaw in degrees."""
    return np.hypot(*(poses - true)[:, [0, 2]].T), np.abs((poses - true)[:, 3] % 360 + 180) % 360 - 180


def test_drift_is_mended(walked: tuple[list[Frame], np.ndarray]) -> None:
    frames, true = walked
    localiser = Localiser(CAMERA)
    located = np.array([localiser.locate(frame) for frame in frames])
    raw = np.array([frame["pose"] for frame in frames], np.float64)
    drifted, turned = (np.abs(error[-50:]).mean() for error in errors(raw, true))
    place, yaw = (np.abs(error[-50:]).mean() for error in errors(located, true))
    assert drifted > 0.3 or turned > 5, "the odometry must drift for this test to say anything"
    assert place < 0.08
    assert yaw < 1.0
    assert np.array_equal(located[:, [1, 4, 5]], raw[:, [1, 4, 5]])  # height, pitch and roll stay


def test_it_goes_on_where_it_stopped(walked: tuple[list[Frame], np.ndarray]) -> None:
    frames, _ = walked
    whole, first, second = (Localiser(CAMERA) for _ in range(3))
    expected = [whole.locate(frame) for frame in frames[:60]]
    for frame in frames[:30]:
        first.locate(frame)
    second.restore({name: value.copy() for name, value in first.arrays().items()})
    assert np.array_equal(second.pose, expected[29])
    assert all(
        np.array_equal(second.locate(frame), pose) for frame, pose in zip(frames[30:60], expected[30:], strict=True)
    )


def test_without_surfaces_the_odometry_counts() -> None:
    localiser = Localiser(CAMERA)
    empty = {"depth": np.zeros((64, 64), np.float32)}
    for pose in ([0, 1.5, 0, 0, 0, 0], [1, 1.5, -1, 45, 0, 0], [2, 1.5, 0, 350, 0, 0]):
        found = localiser.locate({**empty, "pose": np.array(pose, np.float32)})
        np.testing.assert_allclose(found, pose, atol=1e-5)


angles, metres = st.floats(-400, 400), st.floats(-5, 5)
poses = st.tuples(metres, metres, angles).map(lambda p: np.array([p[0], 1.5, p[1], p[2], 0.0, 0.0]))


@given(poses, poses, poses)
def test_a_motion_is_the_same_from_wherever_it_starts(pose: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
    """The way as the body sees it: R(before)' (after - before) = R(pose)' (moved - pose)."""
    moved = _moved(pose, before, after)
    way, ours = rotation(before).T @ (after - before)[:3], rotation(pose).T @ (moved - pose)[:3]
    np.testing.assert_allclose(ours, way, atol=1e-9)
    np.testing.assert_allclose(
        np.sin(np.radians([moved[3] - pose[3]])), np.sin(np.radians([after[3] - before[3]])), atol=1e-9
    )
