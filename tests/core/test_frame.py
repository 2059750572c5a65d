"""The frame contract: camera and pose conventions in closed form, and what check_frame refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testspace.core.frame import Camera, check_frame, rotation

ANGLES = st.tuples(st.floats(-720, 720), st.floats(-89, 89), st.floats(-179, 179))


@settings(max_examples=50, deadline=None)
@given(ANGLES)
def test_rotation_is_orthonormal_and_right_handed(angles: tuple[float, float, float]) -> None:
    """R^T R = 1 and det R = +1, whatever the angles."""
    turned = rotation(np.array([0, 0, 0, *angles]))
    np.testing.assert_allclose(turned.T @ turned, np.eye(3), atol=1e-12)
    assert np.linalg.det(turned) == pytest.approx(1.0)


@settings(max_examples=50, deadline=None)
@given(ANGLES)
def test_pose_angles_can_be_read_back_from_the_rotation(angles: tuple[float, float, float]) -> None:
    """Yaw and pitch from the forward axis, roll from where the right axis has gone: the way back, by geometry."""
    turned = rotation(np.array([0, 0, 0, *angles]))
    forward = -turned[:, 2]
    yaw, pitch = np.degrees(np.arctan2(forward[0], -forward[2])), np.degrees(np.arcsin(forward[1]))
    level_right = np.cross(forward, [0, 1, 0])
    level_right /= np.linalg.norm(level_right)
    level_up = np.cross(level_right, forward)
    roll = np.degrees(np.arctan2(turned[:, 0] @ level_up, turned[:, 0] @ level_right))
    assert (yaw - angles[0] + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)
    assert pitch == pytest.approx(angles[1], abs=1e-6)
    assert roll == pytest.approx(angles[2], abs=1e-6)


@pytest.mark.parametrize(
    ("yaw", "pitch", "forward"),
    [(0, 0, (0, 0, -1)), (90, 0, (1, 0, 0)), (180, 0, (0, 0, 1)), (0, 90, (0, 1, 0)), (90, -45, (1, -1, 0))],
)
def test_forward_is_where_the_convention_says(yaw: float, pitch: float, forward: tuple[float, ...]) -> None:
    """Yaw 0 looks along -z and turns clockwise seen from above; positive pitch looks up."""
    np.testing.assert_allclose(
        -rotation(np.array([5, 1, 2, yaw, pitch, 0]))[:, 2], np.array(forward) / np.linalg.norm(forward), atol=1e-12
    )


def test_fields_of_view_in_closed_form() -> None:
    """A square image of 90 degrees has the focal length of half its side; twice as wide spans 2 atan 2 across."""
    assert Camera(64, 64, 90.0).focal == pytest.approx(32.0)
    assert Camera(64, 64, 90.0).horizontal_fov == pytest.approx(90.0)
    assert Camera(128, 64, 90.0).horizontal_fov == pytest.approx(np.degrees(2 * np.arctan(2.0)))
    assert Camera(64, 64, 60.0).focal == pytest.approx(32.0 * np.sqrt(3.0))


@pytest.mark.parametrize("arguments", [(0, 64, 90.0), (64, -1, 90.0), (64, 64, 0.0), (64, 64, 180.0)])
def test_impossible_cameras_are_refused(arguments: tuple[int, int, float]) -> None:
    """No empty image, no flat or backward field of view."""
    with pytest.raises(ValueError, match="camera"):
        Camera(*arguments)


def test_check_frame_names_what_breaks_the_contract() -> None:
    """Each single fault is found, and its key is named."""
    camera = Camera(4, 3)
    good = {
        "rgb": np.zeros((3, 4, 3), np.uint8),
        "depth": np.ones((3, 4), np.float32),
        "normals": np.zeros((3, 4, 3), np.float32),
        "edges": np.zeros((3, 4), np.uint8),
        "pose": np.zeros(6, np.float32),
    }
    check_frame(good, camera)
    nan = good["depth"].copy()
    nan[0, 0] = np.nan
    faults = {
        "rgb": good["rgb"].astype(np.float32),
        "depth": nan,
        "normals": good["normals"][:, :, :2],
        "edges": good["edges"].T,
        "pose": np.zeros(5, np.float32),
    }
    for key, fault in faults.items():
        with pytest.raises(ValueError, match=f"'{key}'"):
            check_frame({**good, key: fault}, camera)
        with pytest.raises(ValueError, match=f"'{key}'"):
            check_frame({name: array for name, array in good.items() if name != key}, camera)
    with pytest.raises(ValueError, match="'depth'"):
        check_frame({**good, "depth": -good["depth"]}, camera)
