"""ScanNet (Dai et al. 2017): folders exported by its SensReader, scenes of scannet_frames_25k, and .sens files.

    color/0.jpg  depth/0.png (16 bits, millimetres)  pose/0.txt (4 x 4, camera to world, OpenCV axes, z up; -inf: lost)
    intrinsic/intrinsic_color.txt  intrinsic/intrinsic_depth.txt  (4 x 4)
    label-filt/0.png (16 bits, raw ids of scannetv2-labels.combined.tsv, here or in a folder above; optional)

scannet_frames_25k differs in its last two lines:

    intrinsics_color.txt  intrinsics_depth.txt  (4 x 4)
    label/000000.png (8 bits, ids of NYU40; optional)

Exported frames have no time: 30 a second are assumed, the data set's rate.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..house.classes import CLASS_ID
from .recording import FrameError, Recording, RecordingError, Track, make_recording
from .recording_files import (
    MAX_PICTURE_BYTES,
    MAX_SIDE,
    as_rgb,
    decode,
    depth_reader,
    label_reader,
    matrix,
    numbered,
    read_text,
    rgb_reader,
)

RATE = 30.0
NYU40: dict[str, str] = {
    "wall": "Wall", "floor": "Floor", "bed": "Bed", "chair": "Chair", "sofa": "Sofa", "door": "Door",
    "window": "Window", "bookshelf": "ShelvingUnit", "picture": "Painting", "counter": "CounterTop",
    "blinds": "Blinds", "desk": "Desk", "shelves": "ShelvingUnit", "dresser": "Dresser", "pillow": "Pillow",
    "ceiling": "Ceiling", "books": "Book", "refridgerator": "Fridge", "television": "Television", "towel": "Towel",
    "shower curtain": "ShowerCurtain", "box": "Box", "night stand": "SideTable", "toilet": "Toilet", "sink": "Sink",
}  # fmt: skip
"""Our class by NYU40 class name; the others (table, cabinet ...) are void."""
NYU40_IDS = {
    1: "wall", 2: "floor", 4: "bed", 5: "chair", 6: "sofa", 8: "door", 9: "window", 10: "bookshelf", 11: "picture",
    12: "counter", 13: "blinds", 14: "desk", 15: "shelves", 17: "dresser", 18: "pillow", 22: "ceiling", 23: "books",
    24: "refridgerator", 25: "television", 27: "towel", 28: "shower curtain", 29: "box", 32: "night stand",
    33: "toilet", 34: "sink",
}  # fmt: skip
"""Names of the NYU40 classes that have one of ours, by id."""
LABELS = "scannetv2-labels.combined.tsv"


def is_scannet(path: Path) -> bool:
    """Whether a path is an exported ScanNet folder or a .sens file."""
    return path.suffix == ".sens" or ((path / "color").is_dir() and (path / "pose").is_dir())


def read_scannet(path: Path) -> Recording:
    """The recording of an exported folder or a .sens file."""
    return _read_sens(path) if path.suffix == ".sens" else _read_folder(path)


def _read_folder(folder: Path) -> Recording:
    rgb, depth = numbered(folder / "color", ".jpg", ".png"), numbered(folder / "depth", ".png")
    thinned = (folder / "intrinsics_color.txt").is_file()  # scannet_frames_25k
    poses, labels = numbered(folder / "pose", ".txt"), numbered(folder / ("label" if thinned else "label-filt"), ".png")
    cameras = [folder / "intrinsic" / "intrinsic_color.txt", folder / "intrinsic" / "intrinsic_depth.txt"]
    if thinned:
        cameras = [folder / "intrinsics_color.txt", folder / "intrinsics_depth.txt"]
    numbers = sorted(rgb)
    stacked = np.full((len(numbers), 4, 4), np.nan)
    for row, number in enumerate(numbers):
        if number in poses:
            stacked[row] = matrix(poses[number], 4, 4)
    more: dict[str, Any] = {}
    if depth:
        more["read_depth"] = depth_reader(depth, 1000.0)
        more["depth_intrinsics"] = _pinhole(matrix(cameras[1], 4, 4))
    if labels:
        lookup = _nyu40_ids() if thinned else _raw_ids(folder)
        more["read_semantic"] = label_reader(labels, lambda image: lookup[image.astype(np.int64)])
    there = np.array([not depth or number in depth for number in numbers], np.bool_)
    intrinsics = _pinhole(matrix(cameras[0], 4, 4))
    track = Track(np.array(numbers) / RATE, stacked, "opencv", "z", intrinsics, numbers)
    return make_recording(folder, track, there, rgb_reader(rgb), **more)


def _pinhole(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[[0, 1, 0, 1], [0, 1, 2, 2]]


def _nyu40_ids() -> NDArray[np.int16]:
    lookup = np.zeros(65536, np.int16)
    for key, name in NYU40_IDS.items():
        lookup[key] = CLASS_ID[NYU40[name]]
    return lookup


def _raw_ids(folder: Path) -> NDArray[np.int16]:
    """Class ids by ScanNet's raw ids, from its table."""
    file = next((parent / LABELS for parent in (folder, *folder.resolve().parents[:3]) if (parent / LABELS).is_file()),
                None)  # fmt: skip
    if file is None:
        raise RecordingError(folder / "label-filt", f"its ids are named in {LABELS}; put that file into {folder}")
    lines = [line.split("\t") for line in read_text(file, 2**26).splitlines()]
    lookup = np.zeros(65536, np.int16)
    try:
        key, name = lines[0].index("id"), lines[0].index("nyu40class")
        for line in lines[1:]:
            lookup[int(line[key])] = CLASS_ID[NYU40.get(line[name], "void")]
    except (ValueError, IndexError):
        raise RecordingError(file, "it is not ScanNet's table: columns id and nyu40class are needed") from None
    return lookup


class _Sens:
    """Index of the frames of a .sens file (version 4); only the index is in memory."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with file.open("rb") as data:
                self._read_header(data)
                self._read_index(data, file.stat().st_size)
        except FileNotFoundError:
            raise RecordingError(file, "there is no such file") from None

    def _read_header(self, data: BinaryIO) -> None:
        version, length = self._unpack(data, "<IQ")
        if version != 4 or length > 1000:
            raise RecordingError(self.file, f"not a .sens file of version 4 (found {version})")
        data.seek(length, 1)
        matrices = np.array(self._unpack(data, "<64f")).reshape(4, 4, 4)  # colour, its extrinsics, depth, its
        colour, depth, *sizes, self.shift, self.count = self._unpack(data, "<iiIIIIfQ")
        if colour not in (1, 2) or depth not in (0, 1):
            raise RecordingError(self.file, f"compression {colour} of colour or {depth} of depth is not read")
        if not (all(0 < side <= MAX_SIDE for side in sizes) and self.shift > 0):
            raise RecordingError(self.file, f"sizes {sizes} or depth shift {self.shift} are invalid")
        self.colour, self.depth = _pinhole(matrices[0]), _pinhole(matrices[2])
        self.depth_size, self.packed = (sizes[3], sizes[2]), depth == 1

    def _read_index(self, data: BinaryIO, size: int) -> None:
        poses, times, places = [], [], []
        for _ in range(min(self.count, size // 96)):
            try:
                *pose, time, _, rgb_bytes, depth_bytes = self._unpack(data, "<16fQQQQ")
            except RecordingError:
                break  # cut short: the frames so far can be used
            at = data.tell()
            if at + rgb_bytes + depth_bytes > size:
                break
            poses.append(pose)
            times.append(time / 1e6)
            places.append((at, rgb_bytes, depth_bytes))
            data.seek(rgb_bytes + depth_bytes, 1)
        self.poses, self.times = np.array(poses, np.float64).reshape(-1, 4, 4), np.array(times)
        self.places = np.array(places, np.int64).reshape(-1, 3)

    def _unpack(self, data: BinaryIO, form: str) -> tuple[Any, ...]:
        chunk = data.read(struct.calcsize(form))
        if len(chunk) < struct.calcsize(form):
            raise RecordingError(self.file, "it ends in the middle of its header")
        return struct.unpack(form, chunk)

    def _bytes(self, number: int, part: int) -> bytes:
        at, rgb_bytes, depth_bytes = self.places[number].tolist()
        count = (rgb_bytes, depth_bytes)[part]
        if count > MAX_PICTURE_BYTES:
            raise FrameError(self.file, f"frame {number}: a picture of {count} bytes is not read")
        with self.file.open("rb") as data:
            data.seek(at + part * rgb_bytes)
            return data.read(count)

    def rgb(self, number: int) -> NDArray[np.uint8]:
        source = f"{self.file}: frame {number}"
        return as_rgb(decode(self._bytes(number, 0), source), source)

    def metres(self, number: int) -> NDArray[np.float32]:
        data, expected_bytes = self._bytes(number, 1), 2 * self.depth_size[0] * self.depth_size[1]
        try:
            raw = zlib.decompressobj().decompress(data, expected_bytes) if self.packed else data
        except zlib.error:
            raw = b""
        if len(raw) != expected_bytes:
            raise FrameError(self.file, f"frame {number}: the depth map is damaged")
        return np.frombuffer(raw, "<u2").reshape(self.depth_size).astype(np.float32) / np.float32(self.shift)


def _read_sens(file: Path) -> Recording:
    sens = _Sens(file)
    count = len(sens.times)
    track = Track(sens.times, sens.poses, "opencv", "z", sens.colour, np.arange(count))
    made = make_recording(
        file, track, np.ones(count, np.bool_), sens.rgb, read_depth=sens.metres, depth_intrinsics=sens.depth
    )
    if count < sens.count:
        made.faults["frame that the file ends before (dropped)"] = sens.count - count
    return made
