"""Record3D (an app for iPhones): its .r3d files, folders unpacked from them, and its export "EXR + JPG".

    metadata            JSON: w, h, K (9 numbers, column by column), fps, dw, dh, poses [[qx, qy, qz, qw, tx, ty, tz]],
                        and since 2022 perFrameIntrinsicCoeffs [[fx, fy, cx, cy]], frameTimestamps (seconds)
    rgbd/0.jpg          colours
    rgbd/0.depth        float32 metres, dh rows of dw, compressed by LZFSE
    rgbd/0.conf         uint8 confidence, 0 to 2, compressed alike; optional

    metadata.json       the same, of the export
    rgb/0.jpg           colours
    depth/0.exr         metres, in channel R

Poses are ARKit's: camera to world, y up, camera axes as OpenGL's. LZFSE needs `pip install pyliblzfse`, OpenEXR the
extra `exr`; without them a recording has colours and no depth.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import from_quaternions
from .exr import has_openexr, read_exr
from .lzfse import check_size, decompressor
from .recording import FrameError, Recording, RecordingError, Track, make_recording
from .recording_files import MAX_PICTURE_BYTES, MAX_SIDE, as_rgb, decode, numbered, read_text, rgb_reader


@dataclass(frozen=True)
class _Metadata:
    poses: NDArray[np.float64]
    """(N, 7)."""
    intrinsics: NDArray[np.float64]
    """(N, 4) or (4,)."""
    times: NDArray[np.float64]
    """(N,) seconds."""
    depth_size: tuple[int, int] | None
    """Rows and columns."""


def is_record3d(path: Path) -> bool:
    """Whether a path is a .r3d file, a folder unpacked from one, or an export of EXR + JPG."""
    unpacked = (path / "metadata").is_file() and (path / "rgbd").is_dir()
    return path.suffix == ".r3d" or unpacked or _is_export(path)


def read_record3d(path: Path) -> Recording:
    """The recording of a .r3d file, of its folder, or of an export."""
    if _is_export(path):
        return _read_export(path)
    archive = _Folder(path) if path.is_dir() else _Zip(path)
    metadata = _metadata(path, archive.text("metadata"))
    unpack, names, size = decompressor(), archive.names(), metadata.depth_size
    numbers = np.arange(len(metadata.poses))
    there = np.array([f"rgbd/{n}.jpg" in names for n in numbers], np.bool_)

    def rgb(number: int) -> NDArray[np.uint8]:
        return as_rgb(decode(archive.data(f"rgbd/{number}.jpg"), f"{path}: rgbd/{number}.jpg"), path)

    def metres(number: int) -> NDArray[np.float32]:
        assert unpack is not None
        assert size is not None
        depth = _array(unpack, archive.data(f"rgbd/{number}.depth"), np.float32, size, path).copy()
        if f"rgbd/{number}.conf" in names:
            trust = _array(unpack, archive.data(f"rgbd/{number}.conf"), np.uint8, size, path)
            depth[trust == 0] = 0.0
        return depth

    stored = any(name.endswith(".depth") for name in names)
    more: dict[str, Any] = {}
    if stored and unpack is not None and size is not None:
        there &= np.array([f"rgbd/{n}.depth" in names for n in numbers], np.bool_)
        more["read_depth"] = metres
    made = make_recording(path, _track(metadata), there, rgb, **more)
    if stored and "read_depth" not in more:
        made.faults["depth map that is left out (pip install pyliblzfse to read Record3D's)"] = len(made)
    return made


def _is_export(path: Path) -> bool:
    return (path / "metadata.json").is_file() and (path / "rgb").is_dir() and (path / "depth").is_dir()


def _read_export(path: Path) -> Recording:
    metadata = _metadata(path, read_text(path / "metadata.json"))
    rgb, depth = numbered(path / "rgb", ".jpg", ".jpeg", ".png"), numbered(path / "depth", ".exr")
    read = bool(depth) and has_openexr()
    more: dict[str, Any] = {"read_depth": lambda number: read_exr(depth[number])} if read else {}
    there = np.array([n in rgb and (not read or n in depth) for n in range(len(metadata.poses))], np.bool_)
    made = make_recording(path, _track(metadata), there, rgb_reader(rgb), **more)
    if depth and not read:
        made.faults["depth map that is left out (pip install 'testspace[exr]' to read Record3D's)"] = len(made)
    return made


def _metadata(path: Path, text: str) -> _Metadata:
    try:
        header = json.loads(text)
        k = np.array(header["K"], np.float64).reshape(3, 3).T
        poses = np.array(header["poses"], np.float64).reshape(-1, 7)
        size = (int(header["dh"]), int(header["dw"])) if "dh" in header else None
        rate = float(header.get("fps", 60))
        if (size and not all(0 < side <= MAX_SIDE for side in size)) or not 0 < rate < 1e6:
            raise ValueError(f"dw, dh or fps is out of range: {size}, {rate}")
        own = np.array(header.get("perFrameIntrinsicCoeffs") or [], np.float64)
        times = np.array(header.get("frameTimestamps") or [], np.float64)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, AttributeError) as error:
        raise RecordingError(path, f"metadata: K, poses, dw and dh are needed as Record3D writes them ({error!r:.100})"
                             ) from None  # fmt: skip
    count = len(poses)
    return _Metadata(
        poses,
        own if own.shape == (count, 4) else k[[0, 1, 0, 1], [0, 1, 2, 2]],
        times if times.shape == (count,) else np.arange(count) / rate,
        size,
    )


def _track(metadata: _Metadata) -> Track:
    poses = from_quaternions(metadata.poses[:, 4:7], metadata.poses[:, :4])
    return Track(metadata.times, poses, "opengl", "y", metadata.intrinsics, np.arange(len(poses)))


class _Zip:
    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except PermissionError as error:
            raise RecordingError(path, f"it cannot be read ({error.strerror})") from None
        except (zipfile.BadZipFile, OSError, RuntimeError):
            raise RecordingError(path, "it is not a .r3d file, or it was cut short") from None
        self._path = path

    def names(self) -> set[str]:
        return set(self._zip.namelist())

    def data(self, name: str) -> bytes:
        try:
            if self._zip.getinfo(name).file_size > MAX_PICTURE_BYTES:
                raise FrameError(f"{self._path}: {name}", "it is too large")
            return self._zip.read(name)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError):
            # RuntimeError: encrypted, or an unknown compression
            raise FrameError(f"{self._path}: {name}", "it is missing, damaged, encrypted or packed in an unknown way"
                             ) from None  # fmt: skip

    def text(self, name: str) -> str:
        try:
            return self.data(name).decode("utf-8")
        except UnicodeDecodeError:
            raise RecordingError(f"{self._path}: {name}", "it is not a text file") from None


class _Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        return {f"rgbd/{file.name}" for file in (self._path / "rgbd").iterdir()}

    def data(self, name: str) -> bytes:
        file = self._path / name
        if not file.is_file() or file.stat().st_size > MAX_PICTURE_BYTES:
            raise FrameError(file, "it is missing or too large")
        return file.read_bytes()

    def text(self, name: str) -> str:
        return read_text(self._path / name)


def _array(
    unpack: Callable[[bytes], bytes], data: bytes, dtype: type, size: tuple[int, int], source: Path
) -> NDArray[Any]:
    expected = np.dtype(dtype).itemsize * size[0] * size[1]
    try:
        check_size(data, expected)
        raw = unpack(data)
    except Exception:  # the module's own error type, which is a subclass of Exception only in some versions
        raw = b""
    if len(raw) != expected:
        raise FrameError(source, f"a depth or confidence map is damaged, or not of {size[1]} x {size[0]} pixels")
    return np.frombuffer(raw, dtype).reshape(size)
