"""A lens against OpenCV's camera model, the cosine-fourth law, and the geometry of a thin lens."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import box_room

from testspace.core.frame import Camera, Labels
from testspace.envs.camera.lens import Lens, LensError
from testspace.envs.camera.model import CameraModel
from testspace.envs.render.raycast import RayCastSimulator

LENSES = [Lens(k1=-0.05), Lens(k1=0.1, k2=0.02), Lens(k1=-0.2, k2=0.06, k3=-0.005, p1=0.004, p2=-0.003)]
CAMERA = Camera(60, 44, 55.0)


def matrix(camera: Camera) -> np.ndarray:
    """OpenCV's camera matrix; its pixel centres are whole numbers."""
    f = camera.focal
    return np.array([[f, 0, camera.width / 2 - 0.5], [0, f, camera.height / 2 - 0.5], [0, 0, 1]])


@pytest.mark.parametrize("lens", LENSES)
def test_pixels_lie_where_opencv_projects_their_rays(lens: Lens) -> None:
    rays = lens.rays(CAMERA).reshape(-1, 3) * (1, -1, -1)  # y downwards, z ahead
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    seen = cv2.projectPoints(rays[:, None], np.zeros(3), np.zeros(3), matrix(CAMERA), coefficients)[0][:, 0]
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    np.testing.assert_allclose(seen, np.stack([columns.ravel(), rows.ravel()], 1), atol=1e-5)


@pytest.mark.parametrize("lens", LENSES)
def test_the_source_has_all_that_the_lens_shows(lens: Lens) -> None:
    source = lens.source_camera(CAMERA)
    assert source.focal == pytest.approx(CAMERA.focal)
    assert (source.width - CAMERA.width) % 2 == (source.height - CAMERA.height) % 2 == 0
    positions = lens.positions(CAMERA)
    assert positions.min() > -0.51
    assert positions[0].max() < source.width - 0.49
    assert positions[1].max() < source.height - 0.49
    project = cv2.projectPoints  # the other way: the point at a position of the source is seen at the pixel
    points = np.linalg.solve(matrix(source), np.append(positions.reshape(2, -1), np.ones((1, positions[0].size)), 0)).T
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    seen = project(points[:, None], np.zeros(3), np.zeros(3), matrix(CAMERA), coefficients)[0][:, 0]
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    np.testing.assert_allclose(seen, np.stack([columns.ravel(), rows.ravel()], 1), atol=1e-3)


def test_depth_and_labels_stay_on_the_surfaces_that_the_distorted_rays_hit() -> None:
    """Points by depth and the lens's rays lie on the walls of a box of known size, and their labels are the walls'."""
    scene = box_room(with_box=False)
    lens, camera = Lens(k1=-0.15, k2=0.03, p1=0.005), Camera(96, 72, 60.0)
    model, pose = CameraModel(lens=lens), np.array([[0.5, 1.2, 1.0, 0.0, 0.0, 0.0]])
    simulator = RayCastSimulator(scene, model.source_camera(camera), threads=1, light="direct")
    frames, labels = simulator.render_with_labels(pose)
    seen, there = model.apply(frames, camera, np.random.default_rng(0), labels)
    assert seen["depth"].shape == there.semantic.shape == (1, 72, 96)
    points = pose[0, :3] + seen["depth"][0, ..., None] * lens.rays(camera)  # at yaw 0 camera and world axes agree
    low, high = np.array([-2.0, 0.0, -3.0]), np.array([2.0, 2.5, 3.0])
    away = np.minimum(np.abs(points - low), np.abs(points - high)).min(-1)
    assert np.quantile(away, 0.97) < 1e-4
    assert away.max() < 0.06  # in the corners, where the nearest pixel may be on the next wall
    pinhole = RayCastSimulator(scene, camera, threads=1, light="direct").render_with_labels(pose)[1]
    assert (there.semantic != pinhole.semantic).any()
    ceiling = np.abs(points[..., 1] - 2.5) < 0.02
    inner = ceiling & (np.abs(points[..., [0, 2]]) < (1.9, 2.9)).all(-1)
    assert inner.sum() > 50
    assert len(np.unique(there.semantic[0][inner])) == 1


def test_a_lens_that_folds_the_picture_over_is_refused() -> None:
    with pytest.raises(LensError, match="folds"):
        Lens(k1=-0.3).rays(Camera(64, 64, 100.0))
    with pytest.raises(LensError, match="focus above 0"):
        Lens(focus=0)


def test_vignetting_is_the_cosine_fourth_law() -> None:
    camera = Camera(65, 65, 90.0)
    shade = Lens(vignetting=1).illumination(camera)
    assert shade[32, 32] == pytest.approx(1)
    for row, column in ((0, 0), (10, 50), (32, 64)):
        x, y = (column - 32) / camera.focal, (row - 32) / camera.focal
        assert shade[row, column] == pytest.approx(np.cos(np.arctan(np.hypot(x, y))) ** 4, rel=1e-5)
    assert (Lens().illumination(camera) == 1).all()


@given(st.floats(0.2, 20), st.floats(0.3, 5), st.floats(0.001, 0.05), st.floats(0.004, 0.05))
@settings(max_examples=50, deadline=None)
def test_circles_of_confusion_are_a_thin_lenss(depth: float, focus: float, aperture: float, length: float) -> None:
    """By the lens equation, of a lens of any focal length in metres."""
    camera = Camera(640, 480, 60.0)
    sensor, image = (1 / (1 / length - 1 / at) if at != length else np.inf for at in (focus, depth))
    if not (0 < sensor < np.inf and np.isfinite(image)):
        return
    circle = aperture * abs(sensor - image) / abs(image)  # similar triangles behind the lens, in metres
    pixels = circle * camera.focal / sensor
    found = Lens(aperture=aperture, focus=focus).circles(np.full((1, 1, 1), depth, np.float32), camera)
    assert found.item() == pytest.approx(pixels, rel=1e-3, abs=1e-4)


def test_a_point_becomes_a_disc_of_its_circle_and_light_is_kept() -> None:
    camera, lens = Camera(64, 64, 60.0), Lens(aperture=0.5, focus=2.0)
    depth = np.full((1, 64, 64), 4.0, np.float32)
    light = np.zeros((1, 64, 64, 3), np.float32)
    light[0, 32, 32] = 1
    blurred = lens.defocus(light, depth, camera)[0, ..., 0].astype(float)
    assert blurred.sum() == pytest.approx(1, abs=1e-4)
    rows, columns = np.mgrid[:64, :64]
    spread = (blurred * ((rows - 32) ** 2 + (columns - 32) ** 2)).sum()
    radius = lens.circles(depth, camera)[0, 0, 0] / 2
    assert radius > 3
    assert spread == pytest.approx(radius**2 / 2, rel=0.15)  # of a disc
    sharp = Lens(aperture=0.5, focus=4.0).defocus(light, depth, camera)
    np.testing.assert_array_equal(sharp, light)


def test_what_is_behind_does_not_spread_over_what_is_sharp_in_front() -> None:
    camera, lens = Camera(64, 64, 60.0), Lens(aperture=0.2, focus=1.0)
    depth = np.full((1, 64, 64), 8.0, np.float32)
    depth[:, :, :32] = 1.0
    light = np.where(depth[..., None] > 2, 1, 0).astype(np.float32).repeat(3, -1)
    blurred = lens.defocus(light, depth, camera)
    assert blurred[0, :, :31].max() < 0.02
    near = Lens(aperture=0.2, focus=8.0).defocus(light, depth, camera)  # but the unsharp front does spread
    assert near[0, 32, 33, 0] < 0.9


def test_labels_may_be_absent() -> None:
    frame = {"rgb": np.zeros((1, 8, 8, 3), np.uint8), "depth": np.ones((1, 8, 8), np.float32)}
    frame |= {"normals": np.zeros((1, 8, 8, 3), np.float32), "edges": np.zeros((1, 8, 8), np.uint8)}
    out, none = CameraModel(lens=Lens(vignetting=1)).apply(frame, Camera(8, 8), np.random.default_rng(0), None)
    assert none is None
    assert out["rgb"].shape == (1, 8, 8, 3)
    labels = Labels(np.zeros((1, 8, 8), np.int16), np.zeros((1, 8, 8), np.int32))
    assert CameraModel().apply(frame, Camera(8, 8), np.random.default_rng(0), labels)[1] is labels
