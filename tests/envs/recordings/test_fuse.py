"""Fusion of depth frames: a known room comes back as a mesh, within 2 cm, and can be lived in."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scenes import ROOM, box_room

from testspace.core.frame import Camera, rotation
from testspace.envs.assembly.building import load_scene
from testspace.envs.conventions import pose_matrices
from testspace.envs.recordings import FrameError, RecordingError
from testspace.envs.recordings.fuse import EDGE, fuse, upsample_depth
from testspace.envs.recordings.recording import Recording
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli import main as cli

CAMERA = Camera(160, 120, 75.0)
COUNT = 36


@pytest.fixture(scope="module")
def walk() -> tuple[NDArray[np.float64], Recording]:
    """Poses round the room of `box_room`, looking everywhere, and the recording of what is seen from them."""
    rng = np.random.default_rng(0)
    n = np.arange(COUNT)
    poses = np.stack(
        [rng.uniform(-1.5, 1.5, COUNT), rng.uniform(1.2, 1.6, COUNT), rng.uniform(-2.5, 2.5, COUNT), 130.0 * n % 360,
         np.resize([-50.0, -15.0, 20.0], COUNT), rng.uniform(-10, 10, COUNT)], axis=1,
    )  # fmt: skip
    frame = RayCastSimulator(box_room(), CAMERA, light="direct").render(poses)
    numbers = [CAMERA.focal, CAMERA.focal, CAMERA.width / 2 - 0.5, CAMERA.height / 2 - 0.5]
    recording = Recording(
        source="a walk", time=n / 10, poses=pose_matrices(poses), intrinsics=np.tile(numbers, (COUNT, 1)),
        size=(CAMERA.height, CAMERA.width), number=n, read_rgb=lambda i: frame["rgb"][i],
        read_depth=lambda i: frame["depth"][i],
    )  # fmt: skip
    return poses, recording


def test_finer_depth_is_exact_on_a_plane_and_leaves_edges_out() -> None:
    """A slanted wall with a box before it, in closed form at both resolutions."""
    for times in (2, 3):
        columns = {k: (np.arange(40 * k) + 0.5) / k for k in (1, times)}
        wall = {k: np.tile(1 / (0.2 + 0.004 * column), (30 * k, 1)).astype(np.float32) for k, column in columns.items()}
        assert upsample_depth(wall[1], times)[:, times:-times] == pytest.approx(wall[times][:, times:-times], rel=1e-5)
        for k, depth in wall.items():
            depth[:, 20 * k :] = 1.0
        found = upsample_depth(wall[1], times)
        assert set(np.flatnonzero((found == 0).any(axis=0)) // times) == {19, 20}
        shown = found > 0
        assert found[shown] == pytest.approx(wall[times][shown], rel=EDGE)


@pytest.fixture(scope="module")
def open3d() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("open3d", reason="pip install 'testspace[open3d]'", exc_type=ImportError)


def distances(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """From points to the nearest place of a mesh, by Open3D's own ray casting scene."""
    import open3d

    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(open3d.core.Tensor(vertices), open3d.core.Tensor(faces.astype(np.uint32)))
    return np.asarray(scene.compute_distance(open3d.core.Tensor(points)).numpy())


@pytest.mark.usefixtures("open3d")
def test_a_known_room_lies_within_two_centimetres(walk: tuple[NDArray[np.float64], Recording], tmp_path: Path) -> None:
    poses, recording = walk
    fused = fuse(recording)
    assert (fused.used, fused.unreadable) == (COUNT, 0)
    made, truth = fused.scene(), box_room()
    away = distances(truth.vertices, truth.faces, made.vertices)
    assert np.quantile(away, 0.999) < 0.02
    assert away.mean() < 0.003
    # All that was seen is in it, and where it was.
    rng = np.random.default_rng(1)
    x = (np.arange(CAMERA.width) + 0.5 - CAMERA.width / 2) / CAMERA.focal
    y = (CAMERA.height / 2 - np.arange(CAMERA.height) - 0.5) / CAMERA.focal
    rays = np.stack([*np.broadcast_arrays(x, y[:, None]), np.full((CAMERA.height, CAMERA.width), -1.0)], axis=-1)
    points = []
    for index in range(COUNT):
        depth = recording.depth(index)
        assert depth is not None
        seen = (rays * depth[..., None]).reshape(-1, 3) @ rotation(poses[index]).T + poses[index, :3]
        points.append(seen[rng.integers(0, len(seen), 100)])
    lost = distances(made.vertices, made.faces, np.concatenate(points).astype(np.float32))
    assert np.quantile(lost, 0.99) < 0.02
    assert made.vertex_colour is not None
    assert made.vertex_colour.std() > 5
    # Both files open as Scenes in the recording's own place, to be lived in.
    fused.write_ply(tmp_path / "room.ply")
    again = load_scene(tmp_path / "room.ply")
    low, high = np.array(ROOM)
    assert again.vertices.min(axis=0) == pytest.approx(low, abs=0.04)
    assert again.vertices.max(axis=0) == pytest.approx(high, abs=0.04)
    simulator = RayCastSimulator(again, Camera(64, 48, 70.0), light="direct")
    assert simulator.floor.level == pytest.approx(0.0, abs=0.01)
    ours = RayCastSimulator(truth, simulator.camera, light="direct")
    assert simulator.floor.area == pytest.approx(ours.floor.area, rel=0.1)
    assert np.median(np.abs(simulator.render(poses)["depth"] - ours.render(poses)["depth"])) < 0.01


@pytest.mark.usefixtures("open3d")
def test_a_standing_camera_and_damaged_frames_are_passed_over(walk: tuple[NDArray[np.float64], Recording]) -> None:
    _, recording = walk
    assert recording.read_depth is not None
    read = recording.read_depth

    def damaged(number: int) -> NDArray[np.float32]:
        if number == 3:
            raise FrameError("frame 3", "damaged")
        return np.asarray(read(number))

    twice = np.repeat(np.arange(6), 2)
    stood = replace(
        recording, time=twice / 1.0, poses=recording.poses[twice], intrinsics=recording.intrinsics[twice], number=twice,
        read_depth=damaged,
    )  # fmt: skip
    fused = fuse(stood, voxel=0.05)
    assert (fused.used, fused.unreadable) == (5, 2)
    with pytest.raises(RecordingError, match="no depth"):
        fuse(replace(recording, read_depth=None))
    with pytest.raises(RecordingError, match="no surface"):
        fuse(replace(recording, read_depth=lambda number: np.zeros((60, 80), np.float32)), voxel=0.1)


def test_what_cannot_be_reconstructed_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open3d", None)
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        ([str(tmp_path / "empty"), "--out", "room.obj"], ".ply or .glb"),
        ([str(tmp_path / "empty"), "--out", "room.ply"], "not a recording"),
        ([str(tmp_path / "empty"), "--out", "room.ply", "--voxel", "0"], "--voxel"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["reconstruct", *arguments])
        assert stop.value.code == 2
        assert words in capsys.readouterr().err
    with pytest.raises(RecordingError, match=r"testspace\[open3d\]"):
        fuse(Recording("none", *([np.zeros(0)] * 3), (1, 1), np.zeros(0, np.int64), lambda n: np.zeros(0)))
