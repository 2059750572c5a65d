"""rosbag2 in MCAP, written by ROS's own definitions: known poses through a robot's transforms, depths and colours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import recorded
from recorded import CAMERA, COUNT, Truth
from scipy.spatial.transform import Rotation

from testspace.core.frame import rotation
from testspace.envs import conventions
from testspace.envs.recordings import RecordingError, open_recording
from testspace.envs.recordings.cdr import Cdr, CdrError
from testspace.envs.recordings.transforms import Transforms

mcap_ros2 = pytest.importorskip("mcap_ros2.writer", reason="pip install mcap-ros2-support")
HEADER = "std_msgs/Header header\n"
LINE = "=" * 80 + "\n"
STAMP = f"{LINE}MSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\nstring frame_id\n"
STAMP += f"{LINE}MSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n"
POSE = f"{LINE}MSG: geometry_msgs/Point\nfloat64 x\nfloat64 y\nfloat64 z\n"
POSE += f"{LINE}MSG: geometry_msgs/Quaternion\nfloat64 x\nfloat64 y\nfloat64 z\nfloat64 w\n"
POSE += f"{LINE}MSG: geometry_msgs/Pose\ngeometry_msgs/Point position\ngeometry_msgs/Quaternion orientation\n"
DEFINITIONS = {
    "sensor_msgs/msg/Image": HEADER + "uint32 height\nuint32 width\nstring encoding\nuint8 is_bigendian\nuint32 step\n"
    "uint8[] data\n" + STAMP,
    "sensor_msgs/msg/CompressedImage": HEADER + "string format\nuint8[] data\n" + STAMP,
    "sensor_msgs/msg/CameraInfo": HEADER + "uint32 height\nuint32 width\nstring distortion_model\nfloat64[] d\n"
    "float64[9] k\nfloat64[9] r\nfloat64[12] p\nuint32 binning_x\nuint32 binning_y\n" + STAMP,
    "tf2_msgs/msg/TFMessage": "geometry_msgs/TransformStamped[] transforms\n"
    f"{LINE}MSG: geometry_msgs/TransformStamped\n{HEADER}string child_frame_id\ngeometry_msgs/Transform transform\n"
    f"{LINE}MSG: geometry_msgs/Transform\ngeometry_msgs/Vector3 translation\ngeometry_msgs/Quaternion rotation\n"
    f"{LINE}MSG: geometry_msgs/Vector3\nfloat64 x\nfloat64 y\nfloat64 z\n" + POSE + STAMP,
    "nav_msgs/msg/Odometry": HEADER + "string child_frame_id\ngeometry_msgs/PoseWithCovariance pose\n"
    f"{LINE}MSG: geometry_msgs/PoseWithCovariance\ngeometry_msgs/Pose pose\nfloat64[36] covariance\n" + POSE + STAMP,
    "geometry_msgs/msg/PoseStamped": HEADER + "geometry_msgs/Pose pose\n" + POSE + STAMP,
    "std_msgs/msg/String": "string data\n",
}  # fmt: skip
MOUNT = np.eye(4)
MOUNT[:3, :3] = Rotation.from_euler("zyx", [90, 20, -90], degrees=True).as_matrix()
MOUNT[:3, 3] = (0.1, -0.02, 1.1)
"""The camera's optical frame on the robot."""


class Bag:
    """Writes messages of the definitions above."""

    def __init__(self, file: Path) -> None:
        self._out = file.open("wb")
        self._writer = mcap_ros2.Writer(self._out, chunk_size=20_000)
        self._schemas = {name: self._writer.register_msgdef(name, text) for name, text in DEFINITIONS.items()}

    def add(self, topic: str, kind: str, time: float, message: dict[str, Any]) -> None:
        self._writer.write_message(topic, self._schemas[kind], message, log_time=round((time + 0.003) * 1e9))

    def close(self) -> None:
        self._writer.finish()
        self._out.close()


def header(time: float, frame: str) -> dict[str, Any]:
    return {"stamp": {"sec": int(time), "nanosec": round((time - int(time)) * 1e9)}, "frame_id": frame}


def parts(matrix: np.ndarray[Any, Any], place: str, turn: str) -> dict[str, Any]:
    q = Rotation.from_matrix(matrix[:3, :3]).as_quat()
    return {
        place: dict(zip("xyz", matrix[:3, 3].tolist(), strict=True)),
        turn: dict(zip("xyzw", q.tolist(), strict=True)),
    }


def transform(time: float, parent: str, child: str, matrix: np.ndarray[Any, Any]) -> dict[str, Any]:
    moved = {"header": header(time, parent), "child_frame_id": child}
    return {"transforms": [{**moved, "transform": parts(matrix, "translation", "rotation")}]}


def raw(time: float, frame: str, image: np.ndarray[Any, Any], encoding: str, pad: int = 0) -> dict[str, Any]:
    rows = np.ascontiguousarray(image).view(np.uint8).reshape(len(image), -1)
    rows = np.pad(rows, ((0, 0), (0, pad)))
    return {"header": header(time, frame), "height": image.shape[0], "width": image.shape[1], "encoding": encoding,
            "is_bigendian": 0, "step": rows.shape[1], "data": rows.tobytes()}  # fmt: skip


def write(file: Path, seen: Truth, way: str = "tf", packed: bool = False, depth: str = "16UC1") -> Path:
    """A robot that carries the camera along `seen`, z up, and says where it is by `way`."""
    poses = seen.matrices(z_up=True, opencv=True)
    bag = Bag(file)
    if way != "pose":
        bag.add("/tf_static", "tf2_msgs/msg/TFMessage", 100.0, transform(0.0, "base_link", "camera_optical", MOUNT))
    for n in range(COUNT):
        time, frame = 100 + n / 10, "camera_optical"
        base = poses[n] @ np.linalg.inv(MOUNT)
        bag.add("/chatter", "std_msgs/msg/String", time, {"data": "hello"})
        if way == "tf":
            bag.add("/tf", "tf2_msgs/msg/TFMessage", time, transform(time, "odom", "base_link", base))
        elif way == "odometry":
            pose = {"pose": parts(base, "position", "orientation"), "covariance": [0.0] * 36}
            bag.add("/odom", "nav_msgs/msg/Odometry", time,
                    {"header": header(time, "odom"), "child_frame_id": "base_link", "pose": pose})  # fmt: skip
        else:
            message = {"header": header(time, "map"), "pose": parts(poses[n], "position", "orientation")}
            bag.add("/vrpn/pose", "geometry_msgs/msg/PoseStamped", time, message)
        info = {"header": header(time, frame), "height": CAMERA.height, "width": CAMERA.width,
                "distortion_model": "plumb_bob", "d": [0.0] * 5, "k": recorded.k(CAMERA).ravel().tolist(),
                "r": [0.0] * 9, "p": [0.0] * 12, "binning_x": 0, "binning_y": 0}  # fmt: skip
        bag.add("/camera/color/camera_info", "sensor_msgs/msg/CameraInfo", time, info)
        bag.add("/other/camera_info", "sensor_msgs/msg/CameraInfo", time, {**info, "k": [1.0] * 9})
        rgb, metres = seen.frame["rgb"][n], seen.frame["depth"][n]
        millimetres = recorded.units(metres, 1000)
        if packed:
            jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
            bag.add("/camera/color/image_raw/compressed", "sensor_msgs/msg/CompressedImage", time,
                    {"header": header(time, frame), "format": "rgb8; jpeg compressed bgr8", "data": jpeg})  # fmt: skip
            png = bytes(12) + cv2.imencode(".png", millimetres)[1].tobytes()
            message = {"header": header(time + 0.004, frame), "format": "16UC1; compressedDepth png", "data": png}
            bag.add("/camera/aligned_depth/compressedDepth", "sensor_msgs/msg/CompressedImage", time + 0.004, message)
        else:
            bag.add("/camera/color/image_raw", "sensor_msgs/msg/Image", time,
                    raw(time, frame, rgb[..., ::-1], "bgr8", pad=8))  # fmt: skip
            image = millimetres if depth == "16UC1" else metres
            bag.add("/camera/aligned_depth", "sensor_msgs/msg/Image", time + 0.004,
                    raw(time + 0.004, frame, image, depth))  # fmt: skip
    bag.close()
    return file


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.mark.parametrize(
    ("way", "packed", "depth"),
    [("tf", False, "16UC1"), ("odometry", True, "16UC1"), ("pose", False, "32FC1")],
)
def test_known_poses_depths_and_colours_come_back(
    way: str, packed: bool, depth: str, seen: Truth, tmp_path: Path
) -> None:
    recording = open_recording(write(tmp_path / "walk.mcap", seen, way, packed, depth))
    assert len(recording) == COUNT
    assert not recording.faults
    poses = conventions.pose_vectors(recording.poses)
    assert poses[:, :3] == pytest.approx(seen.poses[:, :3], abs=1e-5)
    assert rotation(poses) == pytest.approx(rotation(seen.poses), abs=1e-5)
    assert recording.intrinsics[0] == pytest.approx(recorded.numbers(CAMERA))
    assert recording.time == pytest.approx(100 + np.arange(COUNT) / 10)
    for n in (COUNT - 1, 0, 3):
        found = recording.depth(n)
        assert found is not None
        assert np.abs(found - seen.frame["depth"][n]).max() <= (0.00051 if depth == "16UC1" else 1e-6)
        away = np.abs(recording.rgb(n).astype(float) - seen.frame["rgb"][n])
        assert away.mean() < 3 if packed else away.max() == 0


def test_a_folder_and_a_bag_cut_short_are_read(seen: Truth, tmp_path: Path) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    (folder / "metadata.yaml").touch()
    whole = write(folder / "bag_0.mcap", seen)
    assert len(open_recording(folder)) == COUNT
    short = tmp_path / "short.mcap"
    short.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.6)])
    recording = open_recording(short)
    assert 1 <= len(recording) < COUNT
    assert any("cut short" in line for line in recording.messages())
    np.testing.assert_array_equal(recording.rgb(0), seen.frame["rgb"][0])
    (folder / "bag_1.mcap").write_bytes(whole.read_bytes())
    with pytest.raises(RecordingError, match=r"2 \.mcap files"):
        open_recording(folder)


def test_whatever_byte_is_wrong_it_is_told_or_does_not_matter(seen: Truth, tmp_path: Path) -> None:
    whole = write(tmp_path / "walk.mcap", seen).read_bytes()
    told = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = bytearray(whole)
        for at in rng.integers(len(data), size=4):
            data[at] = rng.integers(256)
        (tmp_path / "damaged.mcap").write_bytes(data[: rng.integers(len(data)) if seed % 4 == 0 else len(data)])
        try:
            recording = open_recording(tmp_path / "damaged.mcap")
            told += bool(recording.faults)
            for n in range(len(recording)):
                recording.rgb(n)
                recording.depth(n)
        except RecordingError:
            told += 1
    assert told > 10


def test_depth_of_another_frame_is_left_out(seen: Truth, tmp_path: Path) -> None:
    bag = Bag(tmp_path / "two.mcap")
    k = {"height": 36, "width": 48, "distortion_model": "", "d": [], "k": [50.0, 0, 24, 0, 50, 18, 0, 0, 1],
         "r": [0.0] * 9, "p": [0.0] * 12, "binning_x": 0, "binning_y": 0}  # fmt: skip
    for n in range(3):
        bag.add("/info", "sensor_msgs/msg/CameraInfo", n, {"header": header(n, "eye"), **k})
        bag.add("/image", "sensor_msgs/msg/Image", n, raw(n, "eye", seen.frame["rgb"][n], "rgb8"))
        bag.add("/depth", "sensor_msgs/msg/Image", n, raw(n, "ir", seen.frame["depth"][n], "32FC1"))
        bag.add("/tf", "tf2_msgs/msg/TFMessage", n, transform(n, "map", "eye", np.eye(4)))
    bag.close()
    recording = open_recording(tmp_path / "two.mcap")
    assert recording.depth(0) is None
    assert any("another frame" in line for line in recording.messages())


def test_what_a_bag_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Truth) -> None:
    picture = raw(1.0, "eye", seen.frame["rgb"][0], "rgb8")
    info = {"header": header(1.0, "eye"), "height": 36, "width": 48, "distortion_model": "", "d": [], "k": [50.0] * 9,
            "r": [0.0] * 9, "p": [0.0] * 12, "binning_x": 0, "binning_y": 0}  # fmt: skip
    messages = [("/image", "sensor_msgs/msg/Image", picture), ("/info", "sensor_msgs/msg/CameraInfo", info)]
    for count, words in ((0, "no topic of colour"), (1, "CameraInfo"), (2, "where 'eye' was")):
        bag = Bag(tmp_path / f"{count}.mcap")
        for topic, kind, message in messages[:count]:
            bag.add(topic, kind, 1.0, message)
        bag.close()
        with pytest.raises(RecordingError, match=words):
            open_recording(tmp_path / f"{count}.mcap")
    (tmp_path / "none.mcap").write_bytes(b"not a bag")
    with pytest.raises(RecordingError, match="not an MCAP file"):
        open_recording(tmp_path / "none.mcap")
    monkeypatch.setitem(sys.modules, "mcap.reader", None)
    with pytest.raises(RecordingError, match=r"testspace\[mcap\]"):
        open_recording(tmp_path / "0.mcap")


def test_between_two_transforms_is_between_two_places() -> None:
    turns = Rotation.from_euler("z", [[0], [10]], degrees=True).as_quat()
    tree = Transforms()
    for n in range(2):
        tree.add("map", "base", n / 10, np.array([n * 1.0, 0, 0, *(turns[n] * (1 - 2 * n))]), False)
    tree.add("base", "eye", 0.0, np.array([0, 0, 1.0, 0, 0, 0, 1]), True)
    found = tree.poses("eye", np.array([0.05, 0.1, 0.15, 0.3]))
    assert found is not None
    assert found[0, :3, 3] == pytest.approx([0.5, 0, 1])
    assert Rotation.from_matrix(found[0, :3, :3]).as_euler("zyx", degrees=True)[0] == pytest.approx(5, abs=0.01)
    assert found[2, :3, 3] == pytest.approx([1, 0, 1])  # a little after the last: where it was last
    assert np.isnan(found[3]).any()
    assert tree.poses("elsewhere", np.zeros(1)) is None


def test_a_message_cannot_claim_more_than_it_holds() -> None:
    head = b"\0\1\0\0"
    assert Cdr(head + b"\4\0\0\0abc\0").text() == "abc"
    assert Cdr(b"\0\0\0\0\0\0\0\5").number("I") == 5  # big-endian
    for data in (b"", b"\0\7\0\0", head + b"\xff\xff\xff\xff", head + b"\2"):
        with pytest.raises(CdrError):
            Cdr(data).text()
