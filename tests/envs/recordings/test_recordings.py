"""Readers of recordings: from every data set's own bytes, the known poses, depths and colours must come back."""

from __future__ import annotations

import json
import types
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import recorded
from hypothesis import given
from hypothesis import strategies as st
from recorded import CAMERA, COUNT, SMALL, Truth
from scipy.spatial.transform import Rotation

from testspace.core.frame import rotation
from testspace.envs import conventions
from testspace.envs.house.classes import CLASS_ID
from testspace.envs.recordings import Recording, RecordingError, nice_slam, open_recording, record3d
from testspace.envs.recordings import recording_files as files
from testspace.envs.recordings.plain import PlainWriter


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.fixture
def lzfse(monkeypatch: pytest.MonkeyPatch) -> None:
    """zlib in the place of LZFSE, which has no packer among the test packages."""
    stand_in = types.SimpleNamespace(decompress=zlib.decompress)
    monkeypatch.setattr(record3d, "decompressor", lambda: stand_in.decompress)
    monkeypatch.setattr(record3d, "check_size", lambda data, size: None)


def write_plain(folder: Path, seen: Truth) -> Path:
    writer = PlainWriter(folder, CAMERA, labels=True)
    for n in range(COUNT):
        frame = {key: value[n] for key, value in seen.frame.items()}
        labels = type(seen.labels)(seen.labels.semantic[n], seen.labels.instance[n])
        writer.add(frame, n / 10, labels)
    return folder


# writer, name of the file or folder, metres that depth is rounded to, whether colours are exact, size of the depth map
LAYOUTS: dict[str, tuple[Callable[[Path, Truth], Path], str, float, bool, bool]] = {
    "plain": (write_plain, "own", 1 / 4000, True, False),
    "tum": (recorded.write_tum, "rgbd_dataset_other", 1 / 10000, True, False),
    "scannet": (recorded.write_scannet, "scene0000_00", 1 / 2000, False, True),
    "scannet_25k": (recorded.write_scannet_25k, "scene0000_00", 1 / 2000, False, True),
    "sens": (recorded.write_sens, "scene0000_00.sens", 1 / 2000, False, True),
    "scannetpp": (recorded.write_scannetpp, "02455b3d20", 1 / 2000, False, True),
    "arkitscenes": (recorded.write_arkitscenes, "42444946", 1 / 2000, True, False),
    "stray": (recorded.write_stray, "71de12f9", 1 / 2000, False, True),
    "record3d": (recorded.write_record3d, "room.r3d", 1e-6, False, True),
    "nice_slam": (recorded.write_nice_slam, "room0", 1 / 13107, False, False),
}


def read(name: str, folder: Path, seen: Truth) -> Recording:
    write, called, *_ = LAYOUTS[name]
    return open_recording(write(folder / called, seen))


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.usefixtures("lzfse")
def test_known_poses_depths_and_colours_come_back(name: str, seen: Truth, tmp_path: Path) -> None:
    _, _, step, exact, small = LAYOUTS[name]
    recording = read(name, tmp_path, seen)
    assert len(recording) == COUNT
    assert not recording.faults
    poses = conventions.pose_vectors(recording.poses)
    assert poses[:, :3] == pytest.approx(seen.poses[:, :3], abs=1e-5)
    assert rotation(poses) == pytest.approx(rotation(seen.poses), abs=1e-5)
    depth = seen.small["depth"] if small else seen.frame["depth"]
    for n in range(COUNT):
        found = recording.depth(n)
        assert found is not None
        assert np.abs(found - depth[n]).max() <= step * 1.01
        away = np.abs(recording.rgb(n).astype(float) - seen.frame["rgb"][n])
        assert away.max() == 0 if exact else away.mean() < 6
    camera = SMALL if recording.depth_intrinsics is not None else CAMERA
    assert (np.diff(recording.time) > 0).all()
    wanted = recorded.numbers(CAMERA)
    assert recording.intrinsics[0] == pytest.approx(wanted, rel=1e-5)
    if recording.depth_intrinsics is not None:
        assert recording.depth_intrinsics == pytest.approx(recorded.numbers(camera), rel=1e-5)


@pytest.mark.parametrize("name", ["plain", "scannet", "scannet_25k"])
def test_labels_come_back_apart_from_the_frames(name: str, seen: Truth, tmp_path: Path) -> None:
    recording = read(name, tmp_path, seen)
    for n in range(COUNT):
        wanted = seen.labels.semantic[n]
        if name != "plain":  # the box has no counterpart in its table
            wanted = np.where(wanted == CLASS_ID["Box"], 0, wanted)
        np.testing.assert_array_equal(recording.semantic(n), wanted)


def test_the_kinects_intrinsics_go_by_the_folders_name(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_tum(tmp_path / "rgbd_dataset_freiburg2_desk", seen)
    (folder / "calibration.txt").unlink()
    assert open_recording(folder).intrinsics[0].tolist() == [520.9, 521.0, 325.1, 249.7]


def test_phones_that_refocus_have_intrinsics_by_frame(seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "own", seen)
    rows = (folder / "frames.csv").read_text().splitlines()
    changed = [f"{row},{50 + n},{50 + n},23.5,17.5" for n, row in enumerate(rows[1:])]
    (folder / "frames.csv").write_text("\n".join([rows[0] + ",fx,fy,cx,cy", *changed]) + "\n")
    assert open_recording(folder).intrinsics[:, 0].tolist() == [50 + n for n in range(COUNT)]


angles = st.floats(-179.0, 179.0)
vectors = st.tuples(*[st.floats(-50.0, 50.0)] * 3)


@given(vectors, angles, st.floats(-89.0, 89.0), angles)
def test_a_pose_survives_every_convention(place: tuple[float, ...], yaw: float, pitch: float, roll: float) -> None:
    pose = np.array([[*place, yaw % 360.0, pitch, roll]])
    matrix = conventions.pose_matrices(pose)
    by_scipy = Rotation.from_euler("YXZ", [[-yaw, pitch, roll]], degrees=True).as_matrix()
    assert matrix[:, :3, :3] == pytest.approx(by_scipy, abs=1e-9)
    assert conventions.are_poses(matrix).all()
    back = conventions.pose_vectors(matrix)
    assert back == pytest.approx(pose, abs=1e-5) or rotation(back) == pytest.approx(rotation(pose), abs=1e-7)
    for axes in ("opencv", "opengl"):
        for up in ("y", "z"):
            there = conventions.from_contract(matrix, axes, up)  # type: ignore[arg-type]
            assert conventions.to_contract(there, axes, up) == pytest.approx(matrix, abs=1e-9)  # type: ignore[arg-type]
            # What the camera looks along does not depend on what its axes are called.
            ahead = there[0, :3, 2] if axes == "opencv" else -there[0, :3, 2]
            wanted = -matrix[0, :3, 2]
            assert ahead == pytest.approx(wanted if up == "y" else recorded.Z_UP @ wanted, abs=1e-9)
    inverse = conventions.invert(matrix)
    assert inverse[0] @ matrix[0] == pytest.approx(np.eye(4), abs=1e-9)
    quaternion = conventions.to_quaternions(matrix[:, :3, :3])
    assert conventions.from_quaternions(pose[:, :3], 3 * quaternion) == pytest.approx(matrix, abs=1e-9)
    vector = Rotation.from_matrix(by_scipy).as_rotvec()
    assert conventions.from_axis_angles(pose[:, :3], vector) == pytest.approx(matrix, abs=1e-9)


@given(st.sampled_from([90.0, -90.0]), angles)
def test_straight_up_and_down_are_poses_too(pitch: float, yaw: float) -> None:
    matrix = conventions.pose_matrices(np.array([[0, 0, 0, yaw, pitch, 0.0]]))
    assert rotation(conventions.pose_vectors(matrix)) == pytest.approx(matrix[:, :3, :3], abs=1e-7)


def _replace(file: Path, line: int, text: str) -> None:
    rows = file.read_text().splitlines()
    rows[line] = text
    file.write_text("\n".join(rows) + "\n")


def test_bad_frames_are_dropped_and_counted(seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "own", seen)
    rows = (folder / "frames.csv").read_text().splitlines()
    _replace(folder / "frames.csv", 1, "0,0.0,nan,0,0,0,0,0,1")  # no place
    _replace(folder / "frames.csv", 2, "1,0.1,0,0,0,0,0,0,0")  # no rotation
    _replace(folder / "frames.csv", 3, "2,inf,0,0,0,0,0,0,1")  # no time
    (folder / "depth" / "000003.png").unlink()
    _replace(folder / "frames.csv", 5, rows[6])  # two lines exchanged
    _replace(folder / "frames.csv", 6, rows[5])
    recording = open_recording(folder)
    assert recording.number.tolist() == [4, 5, 6, 7]
    assert (np.diff(recording.time) > 0).all()
    assert sorted(recording.faults.values()) == [1, 1, 1, 2]
    assert any("picture" in line and line.startswith(str(folder)) for line in recording.messages())


def test_lost_tracking_drops_frames(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_scannet(tmp_path / "scene", seen)
    (folder / "pose/3.txt").write_text("-inf -inf -inf -inf\n" * 4)
    recording = open_recording(folder)
    assert recording.number.tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert list(recording.faults.values()) == [1]


def test_a_sens_file_cut_short_gives_what_is_whole(seen: Truth, tmp_path: Path) -> None:
    file = recorded.write_sens(tmp_path / "scene.sens", seen)
    file.write_bytes(file.read_bytes()[:-200])
    recording = open_recording(file)
    assert len(recording) == COUNT - 1
    assert list(recording.faults.values()) == [1]
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(RecordingError, match="header"):
        open_recording(file)


def test_what_has_no_depth_is_read_without(seen: Truth, tmp_path: Path) -> None:
    assert record3d.decompressor() is None or pytest.skip("pyliblzfse is installed")
    recording = open_recording(recorded.write_record3d(tmp_path / "room.r3d", seen))
    assert recording.depth(0) is None
    assert any("pyliblzfse" in line for line in recording.messages())


def test_confidence_of_zero_is_no_depth(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_stray(tmp_path / "stray", seen)
    trust = np.full((SMALL.height, SMALL.width), 1, np.uint8)
    trust[:5] = 0
    recorded.png(folder / "confidence/000000.png", trust)
    depth = open_recording(folder).depth(0)
    assert depth is not None
    assert (depth[:5] == 0).all()
    assert (depth[5:] > 0).all()


BROKEN = {
    "no scale": ('"depth_scale": 2000.0', '"other": 1', "depth_scale"),
    "text for scale": ('"depth_scale": 2000.0', '"depth_scale": "mm"', "depth_scale"),
    "axes": ('"opengl"', '"left"', "camera_axes"),
    "up": ('"up": "y"', '"up": "x"', "up"),
    "focal length": ('"fx": ', '"fx": -', "camera.fx"),
    "class": ('"Wall"', '"Wand"', "Wand"),
    "version": ('"version": 1', '"version": 9', "version"),
    "no JSON": ('"format"', "format", "JSON"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_description_names_file_and_field(name: str, seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "own", seen)
    old, new, word = BROKEN[name]
    file = folder / "recording.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(RecordingError) as error:
        open_recording(folder)
    assert word in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [("0,zero,0,0,0,0,0,0,1", "line 3"), ("1,2,3", "line 3")],
)
def test_a_broken_table_names_its_line(text: str, word: str, seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "own", seen)
    _replace(folder / "frames.csv", 2, text)
    with pytest.raises(RecordingError, match=word):
        open_recording(folder)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"TUM RGB-D.*ScanNet"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match="no such"):
        open_recording(tmp_path / "nothing")
    (tmp_path / "cut.r3d").write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(RecordingError, match="cut short"):
        open_recording(tmp_path / "cut.r3d")


def test_a_video_whose_file_was_cut_is_told(seen: Truth, tmp_path: Path) -> None:
    """What an mp4 needs to be read lies at its end."""
    folder = recorded.write_stray(tmp_path / "stray", seen)
    video = folder / "rgb.mp4"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    with pytest.raises(RecordingError, match=r"rgb\.mp4: it cannot be decoded as a video"):
        open_recording(folder)


def test_depth_without_its_scale_is_told_wherever_one_is_needed(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_nice_slam(tmp_path / "scenes" / "room0", seen)
    camera = folder.parent / "cam_params.json"
    told = json.loads(camera.read_text())
    del told["camera"]["scale"]
    camera.write_text(json.dumps(told))
    with pytest.raises(RecordingError, match=r"camera\.scale"):
        open_recording(folder)
    camera.unlink()
    with pytest.raises(RecordingError, match="16-bit depth means nothing"):
        open_recording(folder)


def test_of_a_hundred_thousand_lines_of_a_plain_folder_no_picture_is_read(seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "own", seen)
    rows = (folder / "frames.csv").read_text().splitlines()
    numbers = rows[1].split(",")[2:]
    lines = [",".join([str(n % COUNT), f"{n / 10:.1f}", *numbers]) for n in range(100_000)]
    (folder / "frames.csv").write_text("\n".join([rows[0], *lines]) + "\n")
    for name in ("rgb", "depth"):  # only the first picture is whole: it tells the size of all
        for file in sorted((folder / name).iterdir())[1:]:
            file.write_bytes(b"")
    recording = open_recording(folder)
    assert len(recording) == 100_000
    assert recording.depth(99_999 // COUNT * COUNT) is not None


def test_a_list_cannot_lead_out_of_its_folder(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_tum(tmp_path / "tum", seen)
    _replace(folder / "rgb.txt", 2, "1305031102.0 ../../secret.png")
    with pytest.raises(RecordingError, match="outside"):
        open_recording(folder)


def test_of_a_hundred_thousand_frames_only_those_asked_for_are_read(
    seen: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = recorded.write_nice_slam(tmp_path / "room0", seen)
    pose = " ".join(f"{value:.6f}" for value in seen.matrices(True, True)[0].ravel())
    (folder / "traj.txt").write_text((pose + "\n") * 100_000)
    there = {n: folder / f"results/frame{n % COUNT:06d}.jpg" for n in range(100_000)}
    deep = {n: folder / f"results/depth{n % COUNT:06d}.png" for n in range(100_000)}
    monkeypatch.setattr(nice_slam, "numbered", lambda *_, prefix: there if prefix == "frame" else deep)
    opened: list[Path] = []
    monkeypatch.setattr(files, "picture", lambda file, picture=files.picture: opened.append(file) or picture(file))
    recording = open_recording(folder)
    assert len(recording) == 100_000
    assert len(opened) == 1  # one picture tells the size of all
    assert recording.depth(99_999) is not None
    assert len(opened) == 2


@pytest.mark.parametrize("change", [
    {"dw": -24}, {"dh": 10**9}, {"fps": 0}, {"fps": float("nan")}, {"K": "x"}, {"poses": [[float("inf")] * 8]},
])  # fmt: skip
def test_sizes_in_a_record3d_header_are_checked(seen: Truth, tmp_path: Path, change: dict[str, object]) -> None:
    with zipfile.ZipFile(recorded.write_record3d(tmp_path / "room.r3d", seen)) as archive:
        header = json.loads(archive.read("metadata"))
    with zipfile.ZipFile(tmp_path / "bad.r3d", "w") as archive:
        archive.writestr("metadata", json.dumps(header | change))
    with pytest.raises(RecordingError, match=r"bad\.r3d: metadata"):
        open_recording(tmp_path / "bad.r3d")


def test_an_encrypted_record3d_file_is_one_line(seen: Truth, tmp_path: Path) -> None:
    file = recorded.write_record3d(tmp_path / "room.r3d", seen)
    data = bytearray(file.read_bytes())
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1  # the flag of encryption
    file.write_bytes(data)
    with pytest.raises(RecordingError, match="encrypted"):
        open_recording(file)


def test_a_pose_far_away_sizes_no_map(seen: Truth, tmp_path: Path) -> None:
    folder = write_plain(tmp_path / "a", seen)
    lines = (folder / "frames.csv").read_text().splitlines()
    words = lines[2].split(",")
    lines[2] = ",".join([*words[:2], "90000", *words[3:]])
    (folder / "frames.csv").write_text("\n".join(lines))
    recording = open_recording(folder)
    assert any("100 m or more from the others" in line for line in recording.messages())
    assert np.ptp(recording.poses[:, :3, 3], axis=0).max() < 20


def test_stray_scanner_with_intrinsics_of_each_frame(seen: Truth, tmp_path: Path) -> None:
    folder = recorded.write_stray(tmp_path / "a", seen)
    lines = (folder / "odometry.csv").read_text().splitlines()
    start = int(not lines[0][:1].isdigit())
    rows = [f"{line.rstrip()}, {50 + n}, {51 + n}, 31.5, 23.5, ," for n, line in enumerate(lines[start:])]
    head = "timestamp, frame, x, y, z, qx, qy, qz, qw, fx, fy, cx, cy, distortion_center_x, distortion_center_y"
    (folder / "odometry.csv").write_text("\n".join([head, *rows]))
    recording = open_recording(folder)
    np.testing.assert_allclose(recording.intrinsics[:2], [[50, 51, 31.5, 23.5], [51, 52, 31.5, 23.5]])


def test_a_recording_in_a_folder_of_its_own_is_found(seen: Truth, tmp_path: Path) -> None:
    write_plain(tmp_path / "outer" / "inner", seen)
    assert open_recording(tmp_path / "outer").source.endswith("inner")


@pytest.mark.parametrize(("name", "words"), [("a.mcap.zstd", "zstd -d"), ("a.bag.active", "rosbag reindex")])
def test_bags_that_cannot_be_read_as_they_are_are_refused_with_what_mends_them(
    name: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "bag").mkdir()
    (tmp_path / "bag" / name).write_bytes(b"")
    for path in (tmp_path / "bag", tmp_path / "bag" / name):
        with pytest.raises(RecordingError, match=words):
            open_recording(path)


@pytest.mark.parametrize(
    ("layout", "name"), [("tum", "groundtruth.txt"), ("arkitscenes", "lowres_wide.traj"), ("stray", "odometry.csv")]
)
def test_a_list_of_poses_without_any_is_named(layout: str, name: str, tmp_path: Path, seen: Truth) -> None:
    folder = getattr(recorded, f"write_{layout}")(tmp_path / "room", seen)
    (folder / name).write_text("# nothing\n")
    with pytest.raises(RecordingError, match=f"{name}: it has 0 rows"):
        open_recording(folder)
