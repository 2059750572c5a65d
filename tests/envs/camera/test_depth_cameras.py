"""Depth cameras on walls of known reflectance, against the published formulas and a photon count of their own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from testspace.core.frame import Camera, Frame
from testspace.envs.camera.depth_cameras import LIGHT_SPEED, StructuredLight, TimeOfFlight
from testspace.envs.camera.model import CameraModel
from testspace.envs.camera.sensor import linear
from testspace.envs.gym_envs.sensor_noise import StereoCamera
from testspace.envs.house.classes import CLASS_ID

CAMERA = Camera(64, 64, 10.0)  # a narrow one: all rays are nearly parallel
KINDS = [StructuredLight(), TimeOfFlight()]


def wall(depth: float, tilt: float = 0.0, grey: int = 255, count: int = 4) -> Frame:
    """A wall across the picture; a tilted one is taken at the same depth everywhere, so that statistics are simple."""
    shape = (count, CAMERA.height, CAMERA.width)
    normals = np.zeros((*shape, 3), np.float32)
    normals[..., 1], normals[..., 2] = np.sin(np.radians(tilt)), np.cos(np.radians(tilt))
    return {
        "rgb": np.full((*shape, 3), grey, np.uint8),
        "depth": np.full(shape, depth, np.float32),
        "normals": normals,
        "edges": np.zeros(shape, np.uint8),
    }


@pytest.mark.parametrize(("depth", "tilt"), [(0.8, 0), (2.0, 30), (3.5, 0), (3.0, 70), (1.0, 76)])
def test_structured_light_has_the_axial_noise_of_nguyen(depth: float, tilt: float) -> None:
    kinect = StructuredLight(step=0, faintest=0, steepest=89)
    measured = kinect.depth(wall(depth, tilt), None, CAMERA, np.random.default_rng(0))[:, 30:34]
    theta = np.radians(tilt)
    deviation = 0.0012 + 0.0019 * (depth - 0.4) ** 2
    if tilt > 60:
        deviation += 0.0001 / np.sqrt(depth) * (theta / (np.pi / 2 - theta)) ** 2
    assert measured.mean() == pytest.approx(depth, abs=4 * deviation / 32)
    assert measured.std() == pytest.approx(deviation, rel=0.1)


def test_structured_light_measures_in_steps_of_disparity() -> None:
    """At 4 metres they are 2.85e-3 depth^2 apart, by Khoshelham & Elberink."""
    measured = StructuredLight().depth(wall(4.0), None, CAMERA, np.random.default_rng(0))
    steps = np.diff(np.unique(measured[measured > 0]))
    assert steps.min() == pytest.approx(2.85e-3 * 16, rel=0.1)


def test_edges_are_jagged_by_the_lateral_noise() -> None:
    camera = Camera(640, 48, 4.2)
    assert camera.focal == pytest.approx(654, abs=1)
    frame = {key: np.resize(value, (1, 48, 640, *value.shape[3:])) for key, value in wall(2.0).items()}
    frame["depth"][:, :, 320:] = 4.0
    kinect = StructuredLight(step=0, faintest=0, baseline=0)
    measured = kinect.depth(frame, None, camera, np.random.default_rng(1))[0]
    wrong = np.zeros(640)
    for column in range(640):
        wrong[column] = ((measured[:, column] > 3) != (column >= 320)).mean()
    deviation = 0.8 * camera.focal / 580
    from scipy.stats import norm

    for away in (0, 1, 2):  # a pixel whose centre is `away` + 0.5 from the edge jumps it by rounding
        expected = norm.sf((away + 0.5) / deviation)
        assert (wrong[319 - away] + wrong[320 + away]) / 2 == pytest.approx(expected, abs=0.09)


def test_a_box_throws_the_projectors_shadow_to_its_left() -> None:
    frame = wall(3.0, count=1)
    frame["depth"][:, 20:44, 30:50] = 1.0
    kinect = StructuredLight(faintest=0)
    measured = kinect.depth(frame, None, CAMERA, np.random.default_rng(0))[0]
    width = CAMERA.focal * kinect.baseline * (1 - 1 / 3)
    assert (measured[32, : int(30 - width)] > 0).all()
    holes = int((measured[32] == 0).sum())
    assert holes == pytest.approx(min(width, 30), abs=2)
    assert (measured[32, 52:] > 0).all()
    assert (measured[5] > 0).all()


@pytest.mark.parametrize(("depth", "grey", "tilt"), [(1.0, 255, 0), (3.0, 255, 0), (2.0, 128, 40)])
def test_time_of_flight_is_as_precise_as_four_counts_of_photons(depth: float, grey: int, tilt: float) -> None:
    """The camera itself: four exposures of half a period, a quarter apart, their Poisson counts, and the phase by them.

    The mean of a wave over half a period is 2 / pi of its amplitude.
    """
    camera = TimeOfFlight()
    measured = camera.depth(wall(depth, tilt, grey), None, CAMERA, np.random.default_rng(0))
    reflectance = linear(np.full((1, 1, 1, 3), grey, np.uint8)).mean()
    amplitude = camera.electrons * reflectance * np.cos(np.radians(tilt)) / depth**2
    rng, phase = np.random.default_rng(1), 4 * np.pi * camera.modulation * depth / LIGHT_SPEED
    waves = 2 / np.pi * np.cos(phase + np.arange(4)[:, None] * np.pi / 2)
    counts = rng.poisson(camera.ambient + amplitude * (1 + waves), (4, 40_000))
    found = np.arctan2(counts[3] - counts[1], counts[0] - counts[2]) % (2 * np.pi)
    distances = found / (4 * np.pi * camera.modulation / LIGHT_SPEED)
    assert measured.mean() == pytest.approx(depth, abs=0.001)
    assert measured.std() == pytest.approx(distances.std(), rel=0.05)


def test_between_two_surfaces_pixels_fly() -> None:
    frame = wall(1.5, count=1)
    frame["depth"][:, :, 32:] = 3.0
    camera = TimeOfFlight(electrons=1e12)
    measured = camera.depth(frame, None, CAMERA, np.random.default_rng(0))[0]
    np.testing.assert_allclose(measured[:, :31], 1.5, atol=0.005)
    np.testing.assert_allclose(measured[:, 34:], 3.0, atol=0.005)
    turn = 2 * np.pi / camera.farthest
    wave = (1 - 0.25 / 4) / 9 * np.exp(1j * turn * 3.0) + 0.25 / 4 / 2.25 * np.exp(1j * turn * 1.5)
    assert measured[32, 32] == pytest.approx(np.angle(wave) / turn, abs=0.01)
    none = replace(camera, mixing=0).depth(frame, None, CAMERA, np.random.default_rng(0))[0]
    np.testing.assert_allclose(none, frame["depth"][0], atol=0.005)


@pytest.mark.parametrize("kind", KINDS)
def test_holes_are_where_too_little_light_returns(kind: StructuredLight | TimeOfFlight) -> None:
    def seen(depth: float, name: str = "Wall", grey: int = 190, tilt: float = 0.0) -> float:
        frame = wall(depth, tilt, grey, count=1)
        semantic = np.full(frame["depth"].shape, CLASS_ID[name], np.int16)
        return float((kind.depth(frame, semantic, CAMERA, np.random.default_rng(0)) > 0).mean())

    assert seen(3.0) == 1
    assert seen(1.0, "Window") == 0
    assert seen(1.0, "Television") == 1
    assert seen(6.0, "Television", grey=60) == 0
    assert seen(1.0, grey=40) == 1
    assert seen(5.0, grey=20) == 0
    assert seen(3.0, tilt=89) < 0.6  # the rays of the lower rows meet it less obliquely
    assert seen(1.0, tilt=30) == 1
    assert seen(9.5) == 0
    assert seen(0.1) == 0


@pytest.mark.parametrize("kind", [*KINDS, StereoCamera()])
def test_a_model_measures_depth_with_glass_left_out_and_normals_by_it(
    kind: StructuredLight | TimeOfFlight | StereoCamera,
) -> None:
    frame = wall(2.0, count=2)
    frame["depth"][0] = 0
    model = CameraModel(depth=kind)
    measured, _ = model.apply(frame, CAMERA, np.random.default_rng(0), None)
    assert {key: (value.dtype, value.shape) for key, value in measured.items()} == {
        key: (value.dtype, value.shape) for key, value in frame.items()
    }
    assert (measured["depth"][0] == 0).all()
    assert (measured["normals"][0] == 0).all()
    assert (measured["depth"][1] > 0).mean() > 0.7
    assert (measured["normals"][1] != frame["normals"][1]).any()
    again, _ = model.apply(frame, CAMERA, np.random.default_rng(0), None)
    np.testing.assert_array_equal(measured["depth"], again["depth"])
    assert measured["rgb"] is frame["rgb"]
