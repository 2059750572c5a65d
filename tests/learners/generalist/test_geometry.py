"""The geometry channels of a floor and of a wall, in closed form, from cameras that look at them differently."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from testspace.core.frame import rotation
from testspace.learners.generalist.geometry import geometry_channels

SIDE = 16


def rays(tangent: float) -> np.ndarray:
    """Directions (SIDE, SIDE, 3) in the camera frame, of planar depth 1."""
    across = (np.arange(SIDE) + 0.5 - SIDE / 2) / (SIDE / 2) * tangent
    return np.stack([*np.broadcast_arrays(across, -across[:, None]), -np.ones((SIDE, SIDE))], -1)


@pytest.mark.parametrize("pitch", [-30.0, -60.0])
@pytest.mark.parametrize("roll", [0.0, 8.0])
@pytest.mark.parametrize("fov", [60.0, 90.0])
def test_a_floor_is_level_at_any_pitch_and_roll(pitch: float, roll: float, fov: float) -> None:
    height, tangent = 1.4, float(np.tan(np.radians(fov) / 2))
    pose = np.array([[3.0, height, -2.0, 77.0, pitch, roll]])
    turn = rotation(pose)[0]
    fall = (rays(tangent) @ turn.T)[..., 1]  # of a ray of planar depth 1
    depth = np.where(fall < 0, -height / np.minimum(fall, -1e-9), 0.0)
    normals = np.where(fall[..., None] < 0, turn.T @ np.array([0.0, 1.0, 0.0]), 0.0)
    channels = geometry_channels(
        torch.from_numpy(depth[None]), torch.from_numpy(normals[None]), pose, np.array([tangent], np.float32)
    )[0].numpy()
    seen = fall < 0
    assert seen.any()
    assert channels.shape == (5, SIDE, SIDE)
    assert channels.dtype == np.float32
    np.testing.assert_allclose(channels[0][seen], np.log(depth[seen]) - 0.7, atol=1e-5)
    np.testing.assert_allclose(channels[1:4, seen], np.array([[0.0], [1.0], [0.0]]) + np.zeros(seen.sum()), atol=1e-5)
    np.testing.assert_allclose(channels[4][seen], -1.3, atol=1e-4 * depth.max())
    assert not channels[:, ~seen].any()


def test_a_wall_ahead_faces_back_whatever_the_yaw() -> None:
    for yaw in (0.0, 123.0):
        pose = np.array([[0.0, 1.5, 0.0, yaw, 0.0, 0.0]])
        depth = torch.full((1, SIDE, SIDE), 2.0)
        normals = torch.tensor([0.0, 0.0, 1.0]).expand(1, SIDE, SIDE, 3)
        channels = geometry_channels(depth, normals, pose)[0]
        torch.testing.assert_close(channels[1:4, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
        expected = 1.5 - 1.3 + 2.0 * (SIDE / 2 - torch.arange(SIDE) - 0.5) / (SIDE / 2)  # 90 degrees
        torch.testing.assert_close(channels[4, :, 3], expected)
