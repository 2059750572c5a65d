"""Reader of rosbag2 recordings in MCAP: a .mcap file, or the folder of one. ROS 2 messages in CDR; needs `mcap` (extra
`mcap`).

    sensor_msgs/Image, CompressedImage     colour (rgb8, bgr8, rgba8, bgra8, mono8; JPEG, PNG): the topic of most frames
    sensor_msgs/Image, CompressedImage     depth registered to it, of its frame: 16UC1 millimetres, 32FC1 metres
    sensor_msgs/CameraInfo                 intrinsics, of the topic whose name is most like the colour's
    tf2_msgs/TFMessage, nav_msgs/Odometry  where the frame of the colour was: transforms up to the frame that has no
    geometry_msgs/PoseStamped              parent; a PoseStamped counts as the camera's pose if there is no other

Worlds are z-up and optical frames look along z, as ROS has them (REP 103). Times are those of the headers.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .cdr import Cdr, CdrError
from .phones import nearest_rows
from .recording import FrameError, Reader, Recording, RecordingError, Track, make_recording
from .recording_files import as_rgb, decode
from .transforms import Transforms, check

MATCH_SECONDS = 0.02
"""Largest time in seconds between matching colour and depth frames."""
_COLOURS = {"rgb8": (3, False), "bgr8": (3, True), "rgba8": (4, False), "bgra8": (4, True), "mono8": (1, False)}
_PICTURES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
_READ = (*_PICTURES, "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage", "nav_msgs/msg/Odometry",
         "geometry_msgs/msg/PoseStamped")  # fmt: skip


@dataclass
class _Topic:
    """Index of the frames of one camera."""

    kind: str
    times: list[float] = field(default_factory=list)
    logged: list[int] = field(default_factory=list)
    """When each was recorded, in nanoseconds, by which it is read again."""
    frame: str = ""
    encoding: str = ""

    @property
    def is_depth(self) -> bool:
        return self.encoding in ("16UC1", "mono16", "32FC1") or "compressedDepth" in self.encoding


def is_rosbag(path: Path) -> bool:
    """Whether a path is a .mcap file, or a folder with one."""
    return path.suffix == ".mcap" or (path.is_dir() and (path / "metadata.yaml").is_file() and bool(_files(path)))


def read_rosbag(path: Path) -> Recording:
    """The recording of a bag; RecordingError says what is missing."""
    files = _files(path) if path.is_dir() else [path]
    if len(files) > 1:
        raise RecordingError(path, f"it has {len(files)} .mcap files; name one of them")
    bag = _Bag(files[0])
    colour = max((t for t in bag.topics.values() if not t.is_depth), key=lambda t: len(t.times), default=None)
    if colour is None:
        raise RecordingError(path, "it has no topic of colour pictures (sensor_msgs/Image or CompressedImage)")
    name = next(name for name, topic in bag.topics.items() if topic is colour)
    if not bag.infos:
        raise RecordingError(path, "it has no sensor_msgs/CameraInfo, so the intrinsics are unknown")
    intrinsics = bag.infos[max(bag.infos, key=lambda other: _alike(other, name))]
    times = np.array(colour.times)
    poses = bag.transforms.poses(colour.frame, times)
    if poses is None:
        raise RecordingError(path, f"no transform, odometry or pose says where {colour.frame!r} was")
    depths = [t for t in bag.topics.values() if t.is_depth and t.frame == colour.frame]
    there, more = np.ones(len(times), np.bool_), {}
    if depths:
        depth = max(depths, key=lambda t: len(t.times))
        rows, there = nearest_rows(times, np.array(depth.times), MATCH_SECONDS)
        topic = next(name for name, other in bag.topics.items() if other is depth)
        more["read_depth"] = bag.reader(topic, [depth.logged[row] for row in rows.tolist()], _metres)
    track = Track(times, poses, "opencv", "z", intrinsics, np.arange(len(times)))
    made = make_recording(path, track, there, bag.reader(name, colour.logged, _rgb), **more)
    if not depths and any(topic.is_depth for topic in bag.topics.values()):
        made.faults[f"depth map that is left out (of another frame than the colour's, {colour.frame!r})"] = len(made)
    if bag.damaged:
        made.faults["message that could not be read (dropped)"] = bag.damaged
    if bag.cut:
        made.faults["place where the file is damaged or cut short (read up to there)"] = 1
    return made


class _Bag:
    """One pass over a file: the index of its pictures, and all small messages."""

    def __init__(self, file: Path) -> None:
        self.file, self.topics, self.damaged, self.cut = file, dict[str, _Topic](), 0, False
        self.infos: dict[str, NDArray[np.float64]] = {}
        self.transforms = Transforms()
        poses: dict[str, list[tuple[float, NDArray[np.float64]]]] = defaultdict(list)
        with self._open() as data:
            for schema, channel, message in self._messages(data):
                try:
                    self._take(schema.name, channel.topic, message, poses)
                except (CdrError, ValueError):
                    self.damaged += 1
        if poses:  # of the camera itself, if no transform leads to it
            most = max(poses.values(), key=len)
            self.transforms.fallback = most

    def _open(self) -> BinaryIO:
        try:
            return self.file.open("rb")
        except OSError as error:
            raise RecordingError(self.file, f"it cannot be read ({error.strerror})") from None

    def _messages(self, data: BinaryIO, **only: Any) -> Any:
        """Messages of the supported types; also those of a file that was cut short and has no index."""
        seeking, linear = _mcap()
        try:
            reader = (linear if self.cut else seeking)(data)
            for schema, channel, message in reader.iter_messages(log_time_order=False, **only):
                if schema is None or schema.name not in _READ:
                    continue
                if channel.message_encoding != "cdr":
                    raise RecordingError(self.file, f"messages in {channel.message_encoding!r} are not read, only ROS"
                                         " 2's (cdr)")  # fmt: skip
                yield schema, channel, message
        except RecordingError:
            raise
        except Exception as error:  # for a damaged file the library raises whatever its parsers raise
            again, self.cut = not self.cut and not self.topics, True
            if again:
                data.seek(0)
                yield from self._messages(data, **only)
            elif not self.topics:
                raise RecordingError(self.file, f"it is not an MCAP file, or damaged ({error})") from None

    def _take(self, kind: str, topic: str, message: Any, poses: dict[str, Any]) -> None:
        cdr = Cdr(message.data)
        if kind == "tf2_msgs/msg/TFMessage":
            for _ in range(cdr.length()):
                time, parent = cdr.header()
                self.transforms.add(parent, cdr.text(), time, cdr.numbers("d", 7), topic.endswith("tf_static"))
            return
        time, frame = cdr.header()
        if kind in _PICTURES:
            known = self.topics.setdefault(topic, _Topic(kind))
            if not known.times:
                known.frame = frame
                if kind == _PICTURES[0]:
                    cdr.numbers("I", 2)
                known.encoding = cdr.text()
            known.times.append(time)
            known.logged.append(message.log_time)
        elif kind == "sensor_msgs/msg/CameraInfo" and topic not in self.infos:
            cdr.numbers("I", 2), cdr.text(), cdr.sequence("d")
            self.infos[topic] = cdr.numbers("d", 9)[[0, 4, 2, 5]]
        elif kind == "nav_msgs/msg/Odometry":
            self.transforms.add(frame, cdr.text(), time, cdr.numbers("d", 7), False)
        elif kind == "geometry_msgs/msg/PoseStamped":
            value = cdr.numbers("d", 7)
            check(value)
            poses[topic].append((time, value))

    def reader(self, topic: str, logged: list[int], picture: Any) -> Reader:
        """A reader of a topic's frames by number; one of them is in memory."""

        def read(number: int) -> NDArray[Any]:
            when = logged[number]
            with self._open() as data:
                for schema, _, message in self._messages(data, topics=[topic], starting_at=when, ending_at=when):
                    try:
                        image: NDArray[Any] = picture(schema.name, Cdr(message.data), f"{self.file}: {topic} {number}")
                        return image
                    except CdrError as error:
                        raise FrameError(self.file, f"{topic}: frame {number}: {error}") from None
            raise FrameError(self.file, f"{topic}: frame {number} is missing now")

        return read


def _rgb(kind: str, cdr: Cdr, source: str) -> NDArray[np.uint8]:
    cdr.header()
    if kind == _PICTURES[1]:
        cdr.text()
        return as_rgb(decode(bytes(cdr.bytes()), source), source)
    height, width, encoding, rows = _raw(cdr)
    if encoding not in _COLOURS:
        raise FrameError(source, f"pictures of encoding {encoding!r} are not read")
    channels, reverse = _COLOURS[encoding]
    image = rows[:, : width * channels].reshape(height, width, channels)
    image = np.repeat(image, 3, axis=2) if channels == 1 else image[..., :3]
    return np.ascontiguousarray(image[..., ::-1] if reverse else image)


def _metres(kind: str, cdr: Cdr, source: str) -> NDArray[np.float32]:
    cdr.header()
    if kind == _PICTURES[1]:
        form, data = cdr.text(), bytes(cdr.bytes())
        image = decode(data[12:] if "compressedDepth" in form else data, source)  # after compressedDepth's own header
        if image.dtype != np.uint16 or image.ndim != 2:
            raise FrameError(source, f"expected depth of 16 bits, found {image.dtype} {image.shape}")
        return image.astype(np.float32) / np.float32(1000)
    height, width, encoding, rows = _raw(cdr)
    if encoding == "32FC1":
        return np.ascontiguousarray(rows[:, : width * 4]).view(np.float32).reshape(height, width).copy()
    millimetres = np.ascontiguousarray(rows[:, : width * 2]).view(np.uint16).reshape(height, width)
    return millimetres.astype(np.float32) / np.float32(1000)


def _raw(cdr: Cdr) -> tuple[int, int, str, NDArray[np.uint8]]:
    """Height, width, encoding and rows of bytes of a sensor_msgs/Image, after its header."""
    height, width = (int(value) for value in cdr.numbers("I", 2))
    encoding, big, step = cdr.text(), cdr.number("B"), int(cdr.number("I"))
    data = np.frombuffer(cdr.bytes(), np.uint8)
    size = {"16UC1": 2, "mono16": 2, "32FC1": 4}.get(encoding, _COLOURS.get(encoding, (1, False))[0])
    if big and size > 1 and encoding not in _COLOURS:
        raise CdrError("depth in big-endian order is not read")
    if not (0 < height <= 8192 and 0 < width <= 8192) or step < width * size or len(data) < height * step:
        raise CdrError(f"{len(data)} bytes are no picture of {width} x {height} pixels of {encoding!r}")
    return height, width, encoding, data[: height * step].reshape(height, step)


def _alike(one: str, other: str) -> int:
    """Parts that two topics' names have in common from the start."""
    parts = list(zip(one.split("/"), other.split("/"), strict=False))
    return next((n for n, (a, b) in enumerate(parts) if a != b), len(parts))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mcap"))


def _mcap() -> tuple[Any, Any]:
    try:
        from mcap.reader import NonSeekingReader, SeekingReader
    except ImportError:
        raise RecordingError("rosbag", "reading .mcap files needs mcap: pip install 'testspace[mcap]'") from None
    return SeekingReader, NonSeekingReader
