"""Upright frames of a recording against projections through the poses, whichever way the camera was held."""

from __future__ import annotations

import numpy as np
import pytest

from testspace.core.frame import rotation
from testspace.envs.conventions import pose_matrices
from testspace.envs.recordings import Recording, RecordingError
from testspace.envs.recordings.upright import MAX_SIDE, UprightFrames

SIZE = (144, 192)
INTRINSICS = (160.0, 152.0, 102.5, 56.0)
POSES = np.array([[0.0, 1.4, 0.0, 30.0, -35.0, 4.0], [1.0, 1.2, 0.5, 200.0, -25.0, -7.0]])


def recorded(turns: int, size: tuple[int, int] = SIZE, intrinsics: tuple[float, ...] = INTRINSICS) -> Recording:
    """A camera at POSES, rolled by quarter turns, that sees a floor, if near; its rgb is its rows and columns."""
    poses = POSES - np.array([0, 0, 0, 0, 0, 90.0 * turns])
    rows, columns = np.indices(size)
    rgb = np.stack([rows, columns, np.zeros(size, int)], -1).astype(np.uint8)
    return Recording(
        source="made", time=np.arange(2.0), poses=pose_matrices(poses), intrinsics=np.tile(intrinsics, (2, 1)),
        size=size, number=np.arange(2), read_rgb=lambda _: rgb,
        read_depth=lambda number: floor(pose_matrices(poses)[number], size, intrinsics),
    )  # fmt: skip


def rays(size: tuple[int, int], intrinsics: tuple[float, ...]) -> np.ndarray:
    fx, fy, cx, cy = intrinsics
    rows, columns = np.indices(size)
    return np.stack([(columns - cx) / fx, (cy - rows) / fy, -np.ones(size)], -1)


def floor(pose: np.ndarray, size: tuple[int, int], intrinsics: tuple[float, ...]) -> np.ndarray:
    fall = rays(size, intrinsics) @ pose[1, :3]
    return np.where(fall < -0.35, -pose[1, 3] / np.minimum(fall, -0.01), 0).astype(np.float32)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_every_recorded_pixel_has_the_label_of_its_direction(turns: int) -> None:
    recording = recorded(turns)
    frames = UprightFrames(recording)
    camera = frames.camera
    assert frames.poses is not None
    np.testing.assert_allclose(frames.poses[:, 4:], POSES[:, 4:], atol=1e-6)
    np.testing.assert_allclose(frames.poses[:, 1], POSES[:, 1], atol=0.05)  # the floor is found in the depth
    for index in range(2):
        world = rays(SIZE, INTRINSICS) @ recording.poses[index, :3, :3].T
        seen = world @ rotation(frames.poses[index])
        row = camera.height / 2 - 0.5 - seen[..., 1] / -seen[..., 2] * camera.focal
        column = camera.width / 2 - 0.5 + seen[..., 0] / -seen[..., 2] * camera.focal
        rows, columns = np.indices((camera.height, camera.width)).astype(np.int16)
        assert np.abs(frames.on_recorded_pixels(index, rows) - row).max() < 0.51
        assert np.abs(frames.on_recorded_pixels(index, columns) - column).max() < 0.51
        # and the picture that is shown has each recorded pixel near that place, but for the edge and interpolation
        rgb = frames.rgb(index).astype(np.int16)
        for channel, expected in ((0, np.indices(SIZE)[0]), (1, np.indices(SIZE)[1])):
            found = frames.on_recorded_pixels(index, rgb[..., channel])
            assert np.abs(found - expected)[1:-1, 1:-1].max() <= 1


def test_depth_is_resampled_as_colour_is() -> None:
    recording = recorded(1)
    frames = UprightFrames(recording)
    depth = frames.depth(0)
    assert depth is not None
    assert depth.shape == frames.rgb(0).shape[:2]
    own = recording.depth(0)
    assert own is not None
    back = frames.on_recorded_pixels(0, (1000 * depth).astype(np.int16)) / 1000
    both = (back > 0) & (own > 0)
    assert both.mean() > 0.9 * (own > 0).mean()
    assert np.abs(back - own)[both].max() < 0.5
    recording.read_depth = None
    frames = UprightFrames(recording)
    assert frames.depth(0) is None
    assert frames.poses is None


def test_large_pictures_are_made_smaller() -> None:
    frames = UprightFrames(recorded(0, (200, 3000), (2000.0, 2000.0, 1499.5, 99.5)))
    assert (frames.camera.width, frames.camera.height) == (MAX_SIDE, 68)


def test_intrinsics_of_another_size_are_refused() -> None:
    with pytest.raises(RecordingError, match="the intrinsics cannot be those of its pictures"):
        UprightFrames(recorded(0, intrinsics=(4.0, 4.0, 96.0, 72.0)))
