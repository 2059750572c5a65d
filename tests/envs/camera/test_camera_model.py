"""The whole camera: nothing when off, frames of the contract when on, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import box_room

from testspace.core.frame import Camera, check_frame
from testspace.envs.camera.depth_cameras import TimeOfFlight
from testspace.envs.camera.lens import Lens
from testspace.envs.camera.model import CameraModel, random_camera
from testspace.envs.camera.motion import Shutter
from testspace.envs.camera.sensor import Sensor
from testspace.envs.render.raycast import RayCastSimulator

POSES = np.array([[-0.6, 1.3, 1.2, 20.0, -8.0, 3.0], [0.5, 1.0, 2.0, 200.0, 5.0, 0.0]])


@pytest.fixture(scope="module")
def simulator() -> RayCastSimulator:
    return RayCastSimulator(box_room(), Camera(32, 24), threads=1, light="direct")


def test_off_it_is_the_identity_to_the_bit(simulator: RayCastSimulator) -> None:
    simulator.camera = camera = Camera(32, 24)
    frames, labels = simulator.render_with_labels(POSES)
    model = CameraModel()
    assert model.source_camera(camera) is camera
    out, same = model.apply(frames, camera, np.random.default_rng(0), labels)
    assert same is labels
    assert out.keys() == frames.keys()
    assert all(out[key] is frames[key] for key in frames)


@given(st.integers(0, 10_000), st.integers(3, 40), st.integers(3, 40), st.floats(30, 90))
@settings(max_examples=25, deadline=None)
def test_any_random_camera_keeps_the_contract(
    simulator: RayCastSimulator, seed: int, width: int, height: int, fov: float
) -> None:
    rng = np.random.default_rng(seed)
    model = random_camera(rng)
    camera = Camera(min(width, height), height, fov)
    simulator.camera = model.source_camera(camera)
    frames, labels = simulator.render_with_labels(POSES)
    before = {key: value.copy() for key, value in frames.items()}
    out, there = model.apply(frames, camera, np.random.default_rng(seed), labels)
    for one in range(2):
        check_frame({key: value[one] for key, value in out.items()}, camera)
    assert there.semantic.shape == there.instance.shape == out["depth"].shape
    assert set(np.unique(there.instance)) <= set(np.unique(labels.instance))
    assert np.abs(np.linalg.norm(out["normals"], axis=-1)[out["depth"] > 0]).max(initial=0) < 1 + 1e-5
    np.testing.assert_array_equal(out["pose"], frames["pose"])
    again, _ = model.apply(frames, camera, np.random.default_rng(seed), labels)
    for key in out:
        np.testing.assert_array_equal(out[key], again[key])
        np.testing.assert_array_equal(before[key], frames[key])


def test_each_frame_has_noise_of_its_own_and_edges_of_its_colour(simulator: RayCastSimulator) -> None:
    simulator.camera = camera = Camera(32, 24)
    frames, labels = simulator.render_with_labels(np.repeat(POSES[:1], 2, 0))
    model = CameraModel(
        Lens(vignetting=1), Shutter(readout=0.05), Sensor(shot=0.01, read=0.02, jpeg=80), TimeOfFlight()
    )
    out, _ = model.apply(frames, camera, np.random.default_rng(0), labels)
    for key in ("rgb", "depth", "edges"):
        assert (out[key][0] != out[key][1]).any()


def test_random_cameras_differ() -> None:
    rng = np.random.default_rng(0)
    models = [random_camera(rng) for _ in range(20)]
    assert len(set(models)) == 20
    assert len({type(model.depth) for model in models}) == 3
