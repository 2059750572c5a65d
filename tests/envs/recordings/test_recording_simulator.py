"""A recording as a Simulator and as an environment: the same frames as the ray caster gave, and no steering."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import recorded
from recorded import CAMERA, COUNT, Truth
from scenes import box_room

from testspace.core.frame import Camera, check_frame, rotation
from testspace.core.normals import normals_from_depth
from testspace.envs import conventions
from testspace.envs.recordings import RecordingError, open_recording
from testspace.envs.recordings.plain import PlainWriter
from testspace.envs.recordings.recording import Recording
from testspace.envs.recordings.recording_env import RecordingEnv
from testspace.envs.recordings.recording_simulator import RecordingSimulator
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.simulator import Simulator


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.fixture
def recording(seen: Truth, tmp_path: Path) -> Recording:
    writer = PlainWriter(tmp_path / "own", CAMERA, labels=True)
    for n in range(COUNT):
        labels = type(seen.labels)(seen.labels.semantic[n], seen.labels.instance[n])
        writer.add({key: value[n] for key, value in seen.frame.items()}, n / 10, labels)
    return open_recording(tmp_path / "own")


def test_the_same_camera_sees_what_the_ray_caster_saw(recording: Recording, seen: Truth) -> None:
    simulator = RecordingSimulator(recording, size=(CAMERA.height, CAMERA.width))
    assert isinstance(simulator, Simulator)
    assert simulator.camera.vertical_fov == pytest.approx(CAMERA.vertical_fov)
    assert abs(simulator.level) < 0.01
    frame, labels = simulator.render_with_labels(simulator.poses)
    np.testing.assert_array_equal(frame["rgb"], seen.frame["rgb"])
    np.testing.assert_array_equal(frame["edges"], seen.frame["edges"])
    np.testing.assert_array_equal(labels.semantic, seen.labels.semantic)
    assert frame["depth"] == pytest.approx(seen.frame["depth"], abs=0.0003)
    assert frame["pose"][:, [0, 2]] == pytest.approx(seen.poses[:, [0, 2]], abs=1e-5)
    for n in range(COUNT):
        check_frame({key: value[n] for key, value in frame.items()}, simulator.camera)


def test_normals_from_depth_are_those_of_the_room(seen: Truth) -> None:
    found = normals_from_depth(seen.frame["depth"], CAMERA)
    agreement = (found * seen.frame["normals"]).sum(-1)
    assert np.mean(agreement > np.cos(np.radians(2))) > 0.93  # all but the pixels on edges
    assert np.linalg.norm(found, axis=-1) == pytest.approx(np.ones(found.shape[:-1]), abs=1e-5)
    blind = normals_from_depth(np.zeros((1, 4, 4), np.float32), Camera(4, 4))
    assert not blind.any()


def test_the_floor_is_put_at_zero_wherever_the_world_begins(recording: Recording) -> None:
    recording.poses[:, 1, 3] += 7.0
    simulator = RecordingSimulator(recording)
    assert simulator.level == pytest.approx(7.0, abs=0.01)
    assert simulator.poses[:, 1] == pytest.approx(np.full(COUNT, 1.4), abs=0.01)
    assert simulator.floor.level == 0
    assert simulator.floor.contains_points(simulator.poses[:, [0, 2]]).all()
    assert not simulator.floor.contains(1.9, 2.9)


def test_without_depth_there_is_none_and_no_normals(recording: Recording) -> None:
    simulator = RecordingSimulator(replace(recording, read_depth=None))
    frame = simulator.frame(0)
    assert not frame["depth"].any()
    assert not frame["normals"].any()
    assert frame["edges"].any()
    assert simulator.poses[:, 1] == pytest.approx(np.full(COUNT, 1.5), abs=1e-4)


def test_a_recording_cannot_be_steered(recording: Recording) -> None:
    simulator = RecordingSimulator(recording)
    with pytest.raises(RecordingError, match="cannot be steered"):
        simulator.render(simulator.poses[:1] + np.array([0.5, 0, 0, 0, 0, 0]))
    with pytest.raises(RecordingError, match="no labels"):
        RecordingSimulator(replace(recording, read_semantic=None)).render_with_labels(simulator.poses[:1])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_phone_held_upright_gives_upright_frames(turns: int, seen: Truth, tmp_path: Path) -> None:
    """The room seen by a camera lying on its side, as a phone's does: its frames are those of an upright camera."""
    side = Camera(CAMERA.height, CAMERA.width, CAMERA.horizontal_fov) if turns % 2 else CAMERA
    poses = seen.poses.copy()
    poses[:, 5] += 90 * turns
    poses[:, 5] = (poses[:, 5] + 180) % 360 - 180
    lying = RayCastSimulator(box_room(), side, light="direct").render(poses)
    writer = PlainWriter(tmp_path / "phone", side)
    for n in range(COUNT):
        writer.add({key: value[n] for key, value in lying.items()}, n / 10)
    simulator = RecordingSimulator(open_recording(tmp_path / "phone"), size=(CAMERA.height, CAMERA.width))
    assert simulator.camera.vertical_fov == pytest.approx(CAMERA.vertical_fov)
    frame = simulator.frame(2)
    assert rotation(frame["pose"]) == pytest.approx(rotation(seen.poses[2]), abs=1e-5)
    assert np.mean(np.abs(frame["depth"] - seen.frame["depth"][2]) < 0.002) > 0.98  # pixels on edges may fall beside
    assert np.abs(frame["rgb"].astype(float) - seen.frame["rgb"][2]).mean() < 1


def test_a_wide_picture_is_cropped_and_made_smaller(seen: Truth, tmp_path: Path) -> None:
    """Off-centre intrinsics of another size: the depth of a pixel is that of its own ray."""
    big = Camera(192, 144, 80.0)
    poses = conventions.pose_vectors(conventions.pose_matrices(seen.poses))
    wide = RayCastSimulator(box_room(), big, light="direct").render(poses)
    writer = PlainWriter(tmp_path / "wide", big)
    for n in range(COUNT):  # 40 columns and 16 rows cut off on one side: the principal point is no longer the middle
        writer.add({key: value[n] if key == "pose" else value[n, 16:, 40:] for key, value in wide.items()}, n / 10)
    told = (tmp_path / "wide" / "recording.json").read_text()
    told = told.replace(f'"cx": {95.5}', f'"cx": {55.5}').replace(f'"cy": {71.5}', f'"cy": {55.5}')
    (tmp_path / "wide" / "recording.json").write_text(told)
    simulator = RecordingSimulator(open_recording(tmp_path / "wide"), size=(36, 48))
    camera = simulator.camera
    assert camera.focal * 56 / big.focal == pytest.approx(camera.width / 2)  # filled to the nearer side
    truth = RayCastSimulator(box_room(), camera, light="direct").render(seen.poses)
    for n in range(COUNT):
        frame = simulator.frame(n)
        assert np.median(np.abs(frame["depth"] - truth["depth"][n])) < 0.02
        assert np.abs(frame["rgb"].astype(float) - truth["rgb"][n]).mean() < 4


def test_the_environment_plays_it_and_passes_over_what_is_damaged(recording: Recording) -> None:
    simulator = RecordingSimulator(recording)
    folder = Path(recording.source)
    (folder / "rgb/000002.png").write_bytes(b"no picture")
    (folder / "depth/000005.png").write_bytes((folder / "depth/000005.png").read_bytes()[:60])
    recorded.png(folder / "depth/000006.png", np.ones((5, 5), np.uint16))
    env = RecordingEnv(simulator)
    played = [env.reset()[0]["pose"], *(env.step(0)[0]["pose"] for _ in range(COUNT - 4))]
    assert np.array(played)[:, :3] == pytest.approx(simulator.poses[[0, 1, 3, 4, 7], :3], abs=1e-6)
    assert dict(env.dropped) == {2: 1, 5: 1, 6: 1}
    again, info = env.reset(options={"pose": played[3]})
    assert again["pose"] == pytest.approx(played[3])
    assert info["collision"] is False
    assert env.step(3)[0]["pose"] == pytest.approx(played[4])


def test_a_long_recording_is_thinned_evenly(recording: Recording) -> None:
    assert RecordingEnv(RecordingSimulator(recording), 4).order.tolist() == [0, 2, 5, 7]


def test_a_recording_of_nothing_readable_is_refused(recording: Recording) -> None:
    simulator = RecordingSimulator(recording)
    for file in Path(recording.source, "rgb").iterdir():
        file.write_bytes(b"")
    with pytest.raises(RecordingError, match="no frame"):
        RecordingEnv(simulator).reset()
    with pytest.raises(RecordingError, match="no frame can be read"):
        RecordingSimulator(recording)


def test_a_video_cut_short_drops_what_is_missing(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_stray(tmp_path / "stray", seen)
    rows = (folder / "odometry.csv").read_text()
    last = rows.splitlines()[-1].split(", ")
    (folder / "odometry.csv").write_text(rows + ", ".join([last[0], "8", *last[2:]]) + "\n")
    (folder / "depth/000008.png").write_bytes((folder / "depth/000007.png").read_bytes())
    env = RecordingEnv(RecordingSimulator(open_recording(folder)))
    env.reset()
    for _ in range(COUNT):
        env.step(0)
    assert dict(env.dropped) == {8: 1}
