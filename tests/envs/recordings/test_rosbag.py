"""ROS bags, written by the library's writers: known poses through a robot's transforms, depths and colours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import recorded
from recorded import CAMERA, COUNT, SMALL, Truth
from scipy.spatial.transform import Rotation

from testspace.core.frame import rotation
from testspace.envs import conventions
from testspace.envs.recordings import FrameError, RecordingError, bag_files, open_recording
from testspace.envs.recordings.registration import registered
from testspace.envs.recordings.transforms import Transforms

pytest.importorskip("rosbags", reason="pip install rosbags")
MOUNT = np.eye(4)
MOUNT[:3, :3] = Rotation.from_euler("zyx", [90, 20, -90], degrees=True).as_matrix()
MOUNT[:3, 3] = (0.1, -0.02, 1.1)
"""The camera's optical frame on the robot."""
BESIDE = np.eye(4)
BESIDE[:3, :3] = Rotation.from_euler("xyz", [1, -2, 0.5], degrees=True).as_matrix()
BESIDE[:3, 3] = (0.05, 0.01, -0.02)
"""The depth camera in the colour camera's frame."""


class Bag:
    """Writes messages from dictionaries; fields that are missing are zero."""

    def __init__(self, path: Path, kind: str = "mcap", packed: str = "") -> None:
        from rosbags import rosbag1, rosbag2
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.one = kind == "bag"
        self.store = get_typestore(Stores.ROS1_NOETIC if self.one else Stores.ROS2_HUMBLE)
        if self.one:
            text = "geometry_msgs/TransformStamped[] transforms\n"
            self.store.register(get_types_from_msg(text, "tf2_msgs/msg/TFMessage"))
            self.writer: Any = rosbag1.Writer(path)
            if packed:
                self.writer.set_compression(rosbag1.Writer.CompressionFormat[packed.upper()])
        else:
            plugin = rosbag2.StoragePlugin.MCAP if kind == "mcap" else rosbag2.StoragePlugin.SQLITE3
            self.writer = rosbag2.Writer(path, version=9, storage_plugin=plugin)
            if packed:
                mode = rosbag2.CompressionMode[packed.upper()]
                self.writer.set_compression(mode, rosbag2.CompressionFormat.ZSTD)
        self.writer.open()
        self._known: dict[str, Any] = {}

    def add(self, topic: str, kind: str, time: float, values: dict[str, Any]) -> None:
        if topic not in self._known:
            self._known[topic] = self.writer.add_connection(topic, kind, typestore=self.store)
        message = self._made(kind, values)
        data = self.store.serialize_ros1(message, kind) if self.one else self.store.serialize_cdr(message, kind)
        self.writer.write(self._known[topic], round((time + 0.003) * 1e9), data)

    def close(self) -> None:
        self.writer.close()

    def _made(self, kind: str, values: dict[str, Any]) -> Any:
        members = {}
        for name, entry in self.store.fielddefs[kind][1]:
            members[name] = self._value(entry, values.get(name, values.get(name.lower())))
        return self.store.types[kind](**members)

    def _value(self, entry: Any, value: Any) -> Any:
        node, more = int(entry[0]), entry[1]
        if node == 1:
            return value if value is not None else "" if more[0] == "string" else 0
        if node == 2:
            return self._made(more, value or {})
        if int(more[0][0]) == 2:
            return [self._made(more[0][1], one) for one in value or ()]
        dtype = np.dtype(more[0][1][0])
        return np.array(value if value is not None else [0] * (more[1] if node == 3 else 0), dtype)


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
            "step": rows.shape[1], "data": rows.ravel()}  # fmt: skip


def camera_info(time: float, frame: str, camera: Any, zoom: float = 1.0) -> dict[str, Any]:
    k = recorded.k(camera)
    k[[0, 1], [0, 1]] *= zoom
    return {"header": header(time, frame), "height": camera.height, "width": camera.width, "k": k.ravel()}


def packed_depth(metres: np.ndarray[Any, Any], form: str) -> bytes:
    """compressedDepth: its own header, and a PNG of millimetres or of quantised inverse depth."""
    if form == "16UC1":
        return bytes(12) + cv2.imencode(".png", recorded.units(metres, 1000))[1].tobytes()
    a, b = 20000.0, 1.0
    with np.errstate(divide="ignore"):
        inverse = np.where(metres > 0, np.round(a / metres + b), 0).astype(np.uint16)
    return bytes(4) + np.array([a, b], "<f4").tobytes() + cv2.imencode(".png", inverse)[1].tobytes()


def write(
    path: Path, seen: Truth, kind: str = "mcap", way: str = "tf", packed: bool = False, depth: str = "16UC1",
    compression: str = "",
) -> Path:  # fmt: skip
    """A robot that carries the camera along `seen`, z up, and says where it is by `way`; its camera zooms."""
    poses = seen.matrices(z_up=True, opencv=True)
    bag = Bag(path, kind, compression)
    if way != "pose":
        bag.add("/tf_static", "tf2_msgs/msg/TFMessage", 100.0, transform(0.0, "base_link", "camera_optical", MOUNT))
    for n in range(COUNT):
        time, frame = 100 + n / 10, "camera_optical"
        base = poses[n] @ np.linalg.inv(MOUNT)
        bag.add("/chatter", "std_msgs/msg/String", time, {"data": "hello"})
        if way == "tf":
            bag.add("/tf", "tf2_msgs/msg/TFMessage", time, transform(time, "odom", "base_link", base))
        elif way == "odometry":
            pose = {"pose": parts(base, "position", "orientation")}
            bag.add("/odom", "nav_msgs/msg/Odometry", time,
                    {"header": header(time, "odom"), "child_frame_id": "base_link", "pose": pose})  # fmt: skip
        else:
            message = {"header": header(time, "map"), "pose": parts(poses[n], "position", "orientation")}
            bag.add("/vrpn/pose", "geometry_msgs/msg/PoseStamped", time, message)
        info = "sensor_msgs/msg/CameraInfo"
        bag.add("/camera/color/camera_info", info, time, camera_info(time, frame, CAMERA, 1 + n / 100))
        bag.add("/other/camera_info", info, time, camera_info(time, frame, SMALL))
        rgb, metres = seen.frame["rgb"][n], seen.frame["depth"][n]
        grey = raw(time, frame, rgb[..., 0], "mono8")
        for _ in range(2):
            bag.add("/camera/infra/image_raw", "sensor_msgs/msg/Image", time, grey)
        if packed:
            jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].ravel()
            bag.add("/camera/color/image_raw/compressed", "sensor_msgs/msg/CompressedImage", time,
                    {"header": header(time, frame), "format": "rgb8; jpeg compressed bgr8", "data": jpeg})  # fmt: skip
            data = np.frombuffer(packed_depth(metres, depth), np.uint8)
            message = {"header": header(time + 0.004, frame), "format": f"{depth}; compressedDepth png", "data": data}
            bag.add("/camera/aligned_depth/compressedDepth", "sensor_msgs/msg/CompressedImage", time + 0.004, message)
        else:
            bag.add("/camera/color/image_raw", "sensor_msgs/msg/Image", time,
                    raw(time, frame, rgb[..., ::-1], "bgr8", pad=8))  # fmt: skip
            image = recorded.units(metres, 1000) if depth == "16UC1" else metres
            bag.add("/camera/aligned_depth", "sensor_msgs/msg/Image", time + 0.004,
                    raw(time + 0.004, frame, image, depth))  # fmt: skip
    bag.close()
    return path


@pytest.fixture(scope="module")
def seen() -> Truth:
    return recorded.truth()


@pytest.fixture(scope="module", params=["bag", "db3", "mcap"])
def whole(request: pytest.FixtureRequest, seen: Truth, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of each format."""
    kind = request.param
    path = write(tmp_path_factory.mktemp(kind) / f"walk{'.bag' if kind == 'bag' else ''}", seen, kind)
    return path if kind == "bag" else next(path.glob(f"*.{kind}"))


@pytest.mark.parametrize(
    ("kind", "way", "packed", "depth", "compression"),
    [
        ("mcap", "tf", False, "16UC1", ""),
        ("mcap", "odometry", True, "16UC1", "storage"),
        ("db3", "pose", False, "32FC1", ""),
        ("db3", "tf", True, "32FC1", "message"),
        ("mcap", "tf", False, "16UC1", "message"),
        ("bag", "tf", False, "16UC1", "lz4"),
        ("bag", "odometry", True, "16UC1", "bz2"),
    ],
)
def test_known_poses_depths_and_colours_come_back(
    kind: str, way: str, packed: bool, depth: str, compression: str, seen: Truth, tmp_path: Path
) -> None:
    path = tmp_path / ("walk.bag" if kind == "bag" else "walk")
    recording = open_recording(write(path, seen, kind, way, packed, depth, compression))
    assert len(recording) == COUNT
    assert not recording.faults
    poses = conventions.pose_vectors(recording.poses)
    assert poses[:, :3] == pytest.approx(seen.poses[:, :3], abs=1e-5)
    assert rotation(poses) == pytest.approx(rotation(seen.poses), abs=1e-5)
    for n in range(COUNT):  # of each frame, its own
        fx, fy, cx, cy = recorded.numbers(CAMERA)
        assert recording.intrinsics[n] == pytest.approx([fx * (1 + n / 100), fy * (1 + n / 100), cx, cy])
    assert recording.time == pytest.approx(100 + np.arange(COUNT) / 10)
    for n in (COUNT - 1, 0, 3):
        found = recording.depth(n)
        assert found is not None
        step = 0.00051 if depth == "16UC1" else 0.001 if packed else 1e-6
        assert np.abs(found - seen.frame["depth"][n]).max() <= step
        away = np.abs(recording.rgb(n).astype(float) - seen.frame["rgb"][n])
        assert away.mean() < 3 if packed else away.max() == 0


def test_the_parts_of_a_bag_are_one_recording_with_or_without_its_metadata(seen: Truth, tmp_path: Path) -> None:
    folder = write(tmp_path / "walk", seen)
    later = write(tmp_path / "later", seen)
    (folder / "metadata.yaml").unlink()
    (folder / "walk_10.mcap").write_bytes((later / "later.mcap").read_bytes())
    recording = open_recording(folder)
    assert len(recording) == 2 * COUNT
    np.testing.assert_array_equal(recording.rgb(2), seen.frame["rgb"][1])


def test_depth_of_another_camera_is_reprojected_by_the_files_transforms(seen: Truth, tmp_path: Path) -> None:
    """A wall across the view at 2 m, seen by both cameras."""
    bag = Bag(tmp_path / "two")
    bag.add("/tf_static", "tf2_msgs/msg/TFMessage", 0, transform(0, "eye", "depth_link", np.eye(4)))
    bag.add("/tf_static", "tf2_msgs/msg/TFMessage", 0, transform(0, "depth_link", "ir", BESIDE))
    rays = np.linalg.inv(recorded.k(SMALL)) @ np.stack(
        [*np.meshgrid(np.arange(SMALL.width), np.arange(SMALL.height)), np.ones((SMALL.height, SMALL.width))]
    ).reshape(3, -1)
    normal = BESIDE[2, :3]
    wall = ((2.0 - BESIDE[2, 3]) / (normal @ rays)).reshape(SMALL.height, SMALL.width).astype(np.float32)
    for n in range(3):
        bag.add("/color/camera_info", "sensor_msgs/msg/CameraInfo", n, camera_info(n, "eye", CAMERA))
        bag.add("/depth/camera_info", "sensor_msgs/msg/CameraInfo", n, camera_info(n, "ir", SMALL))
        bag.add("/color/image", "sensor_msgs/msg/Image", n, raw(n, "eye", seen.frame["rgb"][n], "rgb8"))
        bag.add("/depth/image", "sensor_msgs/msg/Image", n, raw(n, "ir", wall, "32FC1"))
        bag.add("/tf", "tf2_msgs/msg/TFMessage", n, transform(n, "map", "eye", np.eye(4)))
    bag.close()
    depth = open_recording(tmp_path / "two").depth(0)
    assert depth is not None
    assert depth.shape == (SMALL.height, SMALL.width)
    assert depth[3:-3, 3:-3] == pytest.approx(2.0, abs=1e-5)  # no hole, and no pixel of another depth


def test_registration_keeps_the_nearest_point_and_an_equal_camera_as_it_is(seen: Truth) -> None:
    own = np.array(recorded.numbers(CAMERA))
    depth = seen.frame["depth"][0]
    np.testing.assert_allclose(registered(depth, own, np.eye(4), own, depth.shape), depth, rtol=1e-6)
    two = np.full_like(depth, 3.0)
    two[18, 24] = 1.0
    aside = np.eye(4)
    aside[0, 3] = 0.3
    moved = registered(two, own, aside, own, depth.shape)
    column = 24 + round(0.3 * own[0])
    assert moved[18, column] == 1.0
    assert (moved == 1.0).sum() <= 4


def test_depth_that_no_transform_joins_is_left_out(seen: Truth, tmp_path: Path) -> None:
    bag = Bag(tmp_path / "two")
    for n in range(3):
        bag.add("/info", "sensor_msgs/msg/CameraInfo", n, camera_info(n, "eye", CAMERA))
        bag.add("/image", "sensor_msgs/msg/Image", n, raw(n, "eye", seen.frame["rgb"][n], "rgb8"))
        bag.add("/depth", "sensor_msgs/msg/Image", n, raw(n, "ir", seen.frame["depth"][n], "32FC1"))
        bag.add("/tf", "tf2_msgs/msg/TFMessage", n, transform(n, "map", "eye", np.eye(4)))
    bag.close()
    recording = open_recording(tmp_path / "two")
    assert recording.depth(0) is None
    assert any("another frame" in line for line in recording.messages())


def test_whatever_byte_is_wrong_it_is_told_or_does_not_matter(whole: Path, tmp_path: Path) -> None:
    data, told = whole.read_bytes(), 0
    file = tmp_path / f"damaged{whole.suffix}"
    for seed in range(20):
        rng = np.random.default_rng(seed)
        wrong = bytearray(data)
        for at in rng.integers(len(wrong), size=4):
            wrong[at] = rng.integers(256)
        file.write_bytes(wrong[: rng.integers(len(wrong)) if seed % 4 == 0 else len(wrong)])
        try:
            recording = open_recording(file)
            told += bool(recording.faults)
            for n in range(len(recording)):
                recording.rgb(n)
                recording.depth(n)
        except RecordingError:
            told += 1
    assert told > 3


def test_a_bag_that_is_cut_short_is_told_with_what_mends_it(whole: Path, tmp_path: Path) -> None:
    file = tmp_path / f"short{whole.suffix}"
    file.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    mend = {".bag": "rosbag reindex", ".mcap": "mcap recover", ".db3": "recover"}[whole.suffix]
    with pytest.raises(RecordingError, match=f"cut short.*{mend}"):
        open_recording(file)


@pytest.mark.parametrize(("kind", "compression"), [("mcap", "storage"), ("bag", "bz2"), ("bag", "lz4")])
def test_a_chunk_that_grows_beyond_bounds_is_refused(
    kind: str, compression: str, seen: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / ("walk.bag" if kind == "bag" else "walk"), seen, kind, compression=compression)
    monkeypatch.setattr(bag_files, "MAX_CHUNK", 2000)
    with pytest.raises(RecordingError, match="damaged"):
        open_recording(path)


def test_messages_that_grow_beyond_bounds_are_dropped(
    seen: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "walk", seen, "db3", compression="message")
    monkeypatch.setattr(bag_files, "MAX_CHUNK", 5000)  # colour is larger; grey is not
    assert open_recording(path).faults["message that could not be read (dropped)"] == COUNT


def test_what_a_bag_lacks_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: Truth) -> None:
    picture = raw(1.0, "eye", seen.frame["rgb"][0], "rgb8")
    info = camera_info(1.0, "eye", CAMERA)
    messages = [("/image", "sensor_msgs/msg/Image", picture), ("/info", "sensor_msgs/msg/CameraInfo", info)]
    for count, words in ((0, "no topic of colour"), (1, "CameraInfo"), (2, "where 'eye' was")):
        bag = Bag(tmp_path / str(count))
        bag.add("/chatter", "std_msgs/msg/String", 1.0, {"data": "hello"})
        for topic, kind, message in messages[:count]:
            bag.add(topic, kind, 1.0, message)
        bag.close()
        with pytest.raises(RecordingError, match=words):
            open_recording(tmp_path / str(count))
    for ending in ("bag", "mcap", "db3"):
        (tmp_path / f"none.{ending}").write_bytes(b"not a bag")
        with pytest.raises(RecordingError, match="no bag"):
            open_recording(tmp_path / f"none.{ending}")
    monkeypatch.setattr(bag_files, "_loaded", [])
    monkeypatch.setitem(sys.modules, "rosbags.rosbag1", None)
    with pytest.raises(RecordingError, match=r"testspace\[rosbags\]"):
        open_recording(tmp_path / "0")


def test_a_picture_that_is_not_of_its_size_is_a_frame_that_cannot_be_read(seen: Truth, tmp_path: Path) -> None:
    bag = Bag(tmp_path / "odd")
    for n in range(3):
        picture = raw(n, "eye", seen.frame["rgb"][n], "rgb8")
        if n == 2:
            picture["height"] = 2**31
        bag.add("/image", "sensor_msgs/msg/Image", n, picture)
        bag.add("/info", "sensor_msgs/msg/CameraInfo", n, camera_info(n, "eye", CAMERA))
        bag.add("/tf", "tf2_msgs/msg/TFMessage", n, transform(n, "map", "eye", np.eye(4)))
    bag.close()
    recording = open_recording(tmp_path / "odd")
    recording.rgb(1)
    with pytest.raises(FrameError, match="no picture of"):
        recording.rgb(2)


@pytest.mark.parametrize("packed", [False, True])
def test_pictures_that_were_made_smaller_have_intrinsics_of_their_size(
    packed: bool, seen: Truth, tmp_path: Path
) -> None:
    bag = Bag(tmp_path / "half")
    for n in range(2):
        bag.add("/info", "sensor_msgs/msg/CameraInfo", n, camera_info(n, "eye", CAMERA))
        half = np.ascontiguousarray(seen.frame["rgb"][n][::2, ::2])
        if packed:
            data = cv2.imencode(".png", half)[1].ravel()
            message = {"header": header(n, "eye"), "format": "png", "data": data}
            bag.add("/image", "sensor_msgs/msg/CompressedImage", n, message)
        else:
            bag.add("/image", "sensor_msgs/msg/Image", n, raw(n, "eye", half, "rgb8"))
        bag.add("/tf", "tf2_msgs/msg/TFMessage", n, transform(n, "map", "eye", np.eye(4)))
    bag.close()
    assert open_recording(tmp_path / "half").intrinsics[0] == pytest.approx(recorded.numbers(SMALL))


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


def test_what_never_moves_joins_two_frames() -> None:
    tree = Transforms()
    tree.add("base", "eye", 0.0, np.array([1.0, 0, 0, 0, 0, 0, 1]), True)
    tree.add("base", "ir", 0.0, np.array([0, 2.0, 0, 0, 0, 0, 1]), True)
    tree.add("map", "base", 0.0, np.array([5.0, 0, 0, 0, 0, 0, 1]), False)
    found = tree.between("eye", "ir")
    assert found is not None
    assert found[:3, 3] == pytest.approx([-1, 2, 0])
    assert tree.between("eye", "map") is None
