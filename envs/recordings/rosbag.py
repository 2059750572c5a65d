"""Bags of ROS 1 (.bag) and ROS 2 (.mcap, .db3): a file, or the folder of one in several parts. Needs the extra
`rosbags`.

    sensor_msgs/Image, CompressedImage     colour (rgb8, bgr8, rgba8, bgra8, mono8; JPEG, PNG): the topic of most frames
    sensor_msgs/Image, CompressedImage     depth: 16UC1 millimetres, 32FC1 metres, compressedDepth (PNG)
    sensor_msgs/CameraInfo                 intrinsics of each frame, of the topic whose name is most like the picture's
    tf2_msgs/TFMessage, nav_msgs/Odometry  where the frame of the colour was: transforms up to the frame that has no
    geometry_msgs/PoseStamped              parent; a PoseStamped counts as the camera's pose if there is no other

Depth of another frame than the colour's is reprojected by the transforms between the two, where none of them moves.
Worlds are z-up and optical frames look along z, as ROS has them (REP 103). Times are those of the headers. Lens
distortion is not undone: record rectified pictures.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.pictures import picture_size
from .bag_files import ENDINGS, BagFile
from .phones import nearest_rows
from .recording import FrameError, Reader, Recording, RecordingError, Track, make_recording
from .recording_files import MAX_SIDE, as_rgb, decode
from .registration import registered
from .resample import scaled
from .transforms import Transforms, check

MATCH_SECONDS = 0.02
"""Largest time in seconds between matching colour and depth frames."""
MAX_PARTS = 1000
"""Files of one bag."""
_COLOURS = {
    "rgb8": (3, False), "bgr8": (3, True), "8UC3": (3, True), "rgba8": (4, False), "bgra8": (4, True),
    "8UC4": (4, True), "mono8": (1, False), "8UC1": (1, False),
}  # fmt: skip
"""Channels by encoding, and whether blue comes first."""
_GREY = ("mono8", "8UC1")
_DEPTHS: dict[str, np.dtype[Any]] = {
    "16UC1": np.dtype(np.uint16), "mono16": np.dtype(np.uint16), "32FC1": np.dtype(np.float32),
}  # fmt: skip
_PACKED = "sensor_msgs/msg/CompressedImage"
_HEADER = 12
"""Bytes of compressedDepth's own header: its kind, and two numbers by which 32-bit depth was quantised."""


@dataclass
class _Topic:
    """Index of the frames of one camera."""

    name: str
    encoding: str
    """Of raw pictures, or the format of compressed ones."""
    frame: str
    size: tuple[int, int]
    """Rows and columns; 0 where they are not known."""
    times: list[float] = field(default_factory=list)
    places: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each frame: the part of the bag, when it was recorded (ns), and which of those recorded then."""

    @property
    def is_depth(self) -> bool:
        return self.encoding.split(";")[0].strip() in _DEPTHS or "compressedDepth" in self.encoding

    @property
    def rank(self) -> tuple[int, int]:
        """Colour goes before grey, and grey before what is not read; then the number of frames counts."""
        kind = self.encoding.split(";")[0].strip()
        readable = kind in _COLOURS or "compressed" in self.encoding or kind in ("jpeg", "png")
        return 2 * readable - (kind in _GREY), len(self.times)


def is_rosbag(path: Path) -> bool:
    """Whether a path is a bag's file, or a folder with the parts of one."""
    return path.suffix in ENDINGS if path.is_file() else path.is_dir() and bool(_parts(path))


def read_rosbag(path: Path) -> Recording:
    """The recording of a bag; RecordingError says what is missing."""
    bag = _Bag(_parts(path) if path.is_dir() else [path])
    topics = bag.topics.values()
    colour = max((topic for topic in topics if not topic.is_depth), key=lambda one: one.rank, default=None)
    if colour is None:
        raise RecordingError(path, "it has no topic of colour pictures (sensor_msgs/Image or CompressedImage)")
    times = np.array(colour.times)
    intrinsics = bag.intrinsics(colour, times)
    if intrinsics is None:
        raise RecordingError(path, "it has no sensor_msgs/CameraInfo, so the intrinsics are unknown")
    poses = bag.transforms.poses(colour.frame, times)
    if poses is None:
        raise RecordingError(path, f"no transform, odometry or pose says where {colour.frame!r} was")
    there, more = np.ones(len(times), np.bool_), {}
    read_rgb = bag.reader(colour, _rgb)
    depth, relative = _best_depth(bag, colour)
    if depth is not None:
        rows, there = nearest_rows(times, np.array(depth.times), MATCH_SECONDS)
        more["read_depth"] = bag.reader(depth, _metres, rows)
        if relative is not None:
            own = bag.intrinsics(depth, times)
            assert own is not None
            more["read_depth"] = _Registered(more["read_depth"], read_rgb, own, relative, intrinsics)
    track = Track(times, poses, "opencv", "z", intrinsics, np.arange(len(times)))
    made = make_recording(path, track, there, read_rgb, **more)
    if depth is None and any(topic.is_depth for topic in topics):
        what = f"of another frame than the colour's, {colour.frame!r}, and no transform joins the two"
        made.faults[f"depth map that is left out ({what})"] = len(made)
    if bag.damaged:
        made.faults["message that could not be read (dropped)"] = bag.damaged
    return made


def _best_depth(bag: _Bag, colour: _Topic) -> tuple[_Topic | None, NDArray[np.float64] | None]:
    """The topic of depth of the colour's frame with most frames, else one with the transform between the two."""
    depths = sorted((one for one in bag.topics.values() if one.is_depth), key=lambda one: -len(one.times))
    for one in depths:
        if one.frame == colour.frame:
            return one, None
    for one in depths:
        relative = bag.transforms.between(colour.frame, one.frame)
        if relative is not None and bag.intrinsics(one, np.zeros(1)) is not None:
            return one, relative
    return None, None


class _Registered:
    """Reads depth of another camera as the colour's sees it."""

    def __init__(
        self, read: Reader, read_rgb: Reader, own: NDArray[np.float64], relative: NDArray[np.float64],
        colour: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self._read, self._rgb, self._own, self._relative, self._colour = read, read_rgb, own, relative, colour
        self._size: tuple[int, int] | None = None

    def __call__(self, number: int) -> NDArray[np.float32]:
        """Depth of a frame, float32 (h, w), metres."""
        if self._size is None:
            rows, columns, _ = self._rgb(number).shape
            self._size = (rows, columns)
        return registered(self._read(number), self._own[number], self._relative, self._colour[number], self._size)


class _Bag:
    """One pass over a bag: the index of its pictures, and all small messages."""

    def __init__(self, files: list[Path]) -> None:
        self.parts, self.damaged = [BagFile(file) for file in files], 0
        self.topics: dict[str, _Topic] = {}
        self.transforms = Transforms()
        self._infos: dict[str, list[tuple[float, NDArray[np.float64], tuple[int, int]]]] = defaultdict(list)
        self._poses: dict[str, list[tuple[float, NDArray[np.float64]]]] = defaultdict(list)
        again: Counter[tuple[str, int, int]] = Counter()
        for number, part in enumerate(self.parts):
            for topic, kind, when, content in part.messages():
                key = (topic, number, when)
                try:
                    self._take(kind, topic, content, when, (number, when, again[key]))
                except (ValueError, TypeError, AttributeError):
                    self.damaged += 1
                again[key] += 1
        if self._poses:  # of the camera itself, if no transform leads to it
            self.transforms.fallback = max(self._poses.values(), key=len)

    def _take(self, kind: str, topic: str, content: Any, when: int, place: tuple[int, int, int]) -> None:
        if "fMessage" in kind or "TFMessage" in kind:
            for one in content.transforms:
                value = _seven(one.transform.translation, one.transform.rotation)
                static = topic.endswith("tf_static")
                self.transforms.add(one.header.frame_id, one.child_frame_id, _time(one, when), value, static)
            return
        time, frame = _time(content, when), str(content.header.frame_id)
        if "Image" in kind:
            encoding = content.format if kind == _PACKED else content.encoding
            if topic not in self.topics:
                self.topics[topic] = _Topic(topic, str(encoding), frame, _size(content))
            known = self.topics[topic]
            known.times.append(time)
            known.places.append(place)
        elif "CameraInfo" in kind:
            k = np.asarray(content.k if hasattr(content, "k") else content.K, np.float64)
            self._infos[topic].append((time, k[[0, 4, 2, 5]], (int(content.height), int(content.width))))
        else:
            pose = content.pose.pose if "Odometry" in kind else content.pose
            value = _seven(pose.position, pose.orientation)
            if "Odometry" in kind:
                self.transforms.add(frame, str(content.child_frame_id), time, value, False)
            else:
                check(value)
                self._poses[topic].append((time, value))

    def intrinsics(self, topic: _Topic, times: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """fx, fy, cx, cy (N, 4) of the camera of a topic, the one nearest to each time; None if there are none.

        Pictures that were made smaller on their way, as drivers do, have those of their own size.
        """
        if not self._infos:
            return None
        infos = self._infos[max(self._infos, key=lambda other: _alike(other, topic.name))]
        rows, _ = nearest_rows(times, np.array([time for time, *_ in infos]), np.inf)
        fitting = [scaled(k, size, topic.size) if all((*size, *topic.size)) else k for _, k, size in infos]
        return np.array(fitting)[rows]

    def reader(self, topic: _Topic, picture: Any, rows: NDArray[np.int64] | None = None) -> Reader:
        """A reader of a topic's frames by number, or by their place in `rows`; one of them is in memory."""

        def read(number: int) -> NDArray[Any]:
            part, when, nth = topic.places[number if rows is None else int(rows[number])]
            source = f"{self.parts[part].file}: {topic.name}: frame {number}"
            found = [content for *_, content in self.parts[part].messages(topic.name, when)]
            if nth >= len(found) or found[nth] is None:
                raise FrameError(source, "it is missing or damaged now")
            image: NDArray[Any] = picture(found[nth], source)
            return image

        return read


def _size(message: Any) -> tuple[int, int]:
    if hasattr(message, "encoding"):
        return int(message.height), int(message.width)
    data = message.data.tobytes()
    columns, rows = picture_size(data) or picture_size(data[_HEADER:]) or (0, 0)
    return rows, columns


def _rgb(message: Any, source: str) -> NDArray[np.uint8]:
    if not hasattr(message, "encoding"):
        return as_rgb(decode(message.data.tobytes(), source), source)
    if message.encoding not in _COLOURS:
        raise FrameError(source, f"pictures of encoding {message.encoding!r} are not read")
    channels, reverse = _COLOURS[message.encoding]
    image = _rows(message, np.dtype(np.uint8), channels, source).reshape(message.height, message.width, channels)
    image = np.repeat(image, 3, axis=2) if channels == 1 else image[..., :3]
    return np.ascontiguousarray(image[..., ::-1] if reverse else image)


def _metres(message: Any, source: str) -> NDArray[np.float32]:
    if hasattr(message, "encoding"):
        if message.encoding not in _DEPTHS:
            raise FrameError(source, f"depth of encoding {message.encoding!r} is not read")
        kind = _DEPTHS[message.encoding].newbyteorder(">" if message.is_bigendian else "<")
        image = _rows(message, kind, 1, source)
        scale = np.float32(1 if kind.kind == "f" else 1000)
        return image.astype(np.float32) / scale
    data, packed = message.data.tobytes(), "compressedDepth" in message.format
    image = decode(data[_HEADER:] if packed else data, source)
    if image.dtype != np.uint16 or image.ndim != 2:
        raise FrameError(source, f"expected depth of 16 bits, found {image.dtype} {image.shape}")
    if packed and message.format.startswith("32FC1"):  # the inverse of depth was stored, by two numbers
        a, b = np.frombuffer(data[4:_HEADER], "<f4")
        with np.errstate(all="ignore"):
            metres = np.float32(a) / (image.astype(np.float32) - np.float32(b))
        return np.where((image > 0) & np.isfinite(metres), metres, np.float32(0))
    return image.astype(np.float32) / np.float32(1000)


def _rows(message: Any, kind: np.dtype[Any], channels: int, source: str) -> NDArray[Any]:
    """The values (height, width * channels) of a sensor_msgs/Image."""
    height, width, step = int(message.height), int(message.width), int(message.step)
    least = width * channels * kind.itemsize
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE) or step < least or message.data.size < height * step:
        raise FrameError(source, f"{message.data.size} bytes are no picture of {width} x {height} pixels of"
                         f" {message.encoding!r}")  # fmt: skip
    rows = np.asarray(message.data, np.uint8)[: height * step].reshape(height, step)[:, :least]
    return np.ascontiguousarray(rows).view(kind)


def _seven(place: Any, turn: Any) -> NDArray[np.float64]:
    return np.array([place.x, place.y, place.z, turn.x, turn.y, turn.z, turn.w], np.float64)


def _time(message: Any, when: int) -> float:
    """Seconds of a header's stamp; of the recording, where a driver left it empty."""
    stamp = message.header.stamp
    return float(stamp.sec + stamp.nanosec * 1e-9) or when * 1e-9


def _alike(one: str, other: str) -> int:
    """Parts that two topics' names have in common from the start."""
    parts = list(zip(one.split("/"), other.split("/"), strict=False))
    return next((n for n, (a, b) in enumerate(parts) if a != b), len(parts))


def _parts(folder: Path) -> list[Path]:
    """Files of the bag in a folder, in their order: NAME_0, NAME_1, ..."""
    files = [file for file in sorted(folder.iterdir())[:MAX_PARTS] if file.suffix in ENDINGS]
    if files and len({file.suffix for file in files}) > 1:
        return []
    return sorted(files, key=lambda file: (len(file.stem), file.stem))
