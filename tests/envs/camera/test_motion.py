"""A moving camera against the simulator: rows that are rendered each at its own pose, and means of many renders."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import box_room

from testspace.core.errors import UserError
from testspace.core.frame import Camera, rotation
from testspace.envs.camera.model import CameraModel
from testspace.envs.camera.motion import Shutter, velocity
from testspace.envs.camera.sensor import linear
from testspace.envs.render.raycast import RayCastSimulator

CAMERA = Camera(96, 72, 70.0)
POSE = np.array([-0.6, 1.3, 1.2, 20.0, -8.0, 3.0])
MOTIONS = {
    "yaw": (0, 0, 0, 60.0, 0, 0),
    "pitch": (0, 0, 0, 0, 60.0, 0),
    "roll": (0, 0, 0, 0, 0, 60.0),
    "sideways": (3.0, 0, 1.2, 0, 0, 0),
    "ahead": (1.5, 0, -4.0, 0, 0, 0),
}
"""Change of the pose in a second."""


@pytest.fixture(scope="module")
def simulator() -> RayCastSimulator:
    return RayCastSimulator(box_room(), CAMERA, threads=1, light="direct", antialias=4)


def at(motion: tuple[float, ...], seconds: np.ndarray) -> np.ndarray:
    return POSE + seconds[:, None] * np.array(motion)


def velocities(motion: tuple[float, ...]) -> np.ndarray:
    ends = at(motion, np.array([-1e-3, 1e-3]))
    return velocity(ends[:1], ends[1:], 2e-3)


@pytest.mark.parametrize("name", MOTIONS)
def test_a_rolling_shutter_sees_each_row_at_its_own_pose(simulator: RayCastSimulator, name: str) -> None:
    motion, readout = MOTIONS[name], 0.1
    late = readout * ((np.arange(CAMERA.height) + 0.5) / CAMERA.height - 0.5)
    frames, labels = simulator.render_with_labels(at(motion, late))
    rows = np.arange(CAMERA.height)
    depth, instance = frames["depth"][rows, rows], labels.instance[rows, rows]
    still, still_labels = simulator.render_with_labels(POSE[None])
    model = CameraModel(shutter=Shutter(readout=readout))
    seen, there = model.apply(still, CAMERA, np.random.default_rng(0), still_labels, velocities(motion))
    wrong = (there.instance[0] != instance).mean()
    assert wrong < 0.6 * (still_labels.instance[0] != instance).mean()
    error, before = np.abs(seen["depth"][0] - depth), np.abs(still["depth"][0] - depth)
    inner = np.s_[8:-8, 8:-8]  # beyond the rim nothing is known
    assert error[inner].mean() < 0.6 * before[inner].mean()
    assert np.median(error) < 0.005


@pytest.mark.parametrize("name", MOTIONS)
def test_motion_blur_is_the_mean_of_the_pictures_on_the_way(simulator: RayCastSimulator, name: str) -> None:
    motion, exposure = MOTIONS[name], 0.1
    moments = exposure * ((np.arange(60) + 0.5) / 60 - 0.5)
    mean = linear(simulator.render(at(motion, moments))["rgb"]).mean(0)
    still = simulator.render(POSE[None])
    model = CameraModel(shutter=Shutter(exposure=exposure))
    seen, _ = model.apply(still, CAMERA, np.random.default_rng(0), None, velocities(motion))
    error = np.abs(linear(seen["rgb"])[0] - mean).mean()
    assert error < 0.65 * np.abs(linear(still["rgb"])[0] - mean).mean()
    np.testing.assert_array_equal(seen["depth"], still["depth"])  # of the middle of the exposure


def test_velocities_lead_from_one_pose_to_the_other() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(-1, 1, (20, 6)) * (3, 1, 3, 180, 60, 20)
    after = before + rng.uniform(-1, 1, (20, 6)) * (0.1, 0.1, 0.1, 10, 10, 10)
    found = velocity(before, after, 0.5)
    for one in range(20):
        here, there = rotation(before[one]), rotation(after[one])
        np.testing.assert_allclose(here @ cv2.Rodrigues(found[one, 3:] * 0.5)[0], there, atol=1e-9)
        np.testing.assert_allclose(here @ found[one, :3] * 0.5, (after - before)[one, :3], atol=1e-9)


def test_velocities_are_drawn_with_their_spread() -> None:
    drawn = Shutter(turning=20, moving=0.5).draw(np.random.default_rng(0), 20_000)
    np.testing.assert_allclose(drawn.std(0), [0.5] * 3 + [np.radians(20)] * 3, rtol=0.03)
    with pytest.raises(UserError, match="0 or more"):
        Shutter(exposure=-1)


def test_a_camera_at_rest_takes_the_picture_itself(simulator: RayCastSimulator) -> None:
    still = simulator.render(POSE[None])
    model = CameraModel(shutter=Shutter(exposure=0.1, readout=0.1))
    seen, _ = model.apply(still, CAMERA, np.random.default_rng(0), None, np.zeros((1, 6)))
    for key in ("rgb", "depth", "normals", "edges"):
        np.testing.assert_array_equal(seen[key], still[key])
