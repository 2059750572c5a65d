"""Files of ROS bags (.bag, .mcap, .db3), opened by the library `rosbags` (extra `rosbags`) within bounds.

A bag names and defines its own messages, and the library would compile those definitions. Here messages are read by
the library's own definitions of the few standard types that a recording needs, so that nothing of a file is compiled.
"""

from __future__ import annotations

import bz2
import contextlib
import importlib
import io
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path, PosixPath
from typing import Any

from .recording import RecordingError

KINDS = (
    "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo", "tf2_msgs/msg/TFMessage",
    "tf/msg/tfMessage", "nav_msgs/msg/Odometry", "geometry_msgs/msg/PoseStamped",
)  # fmt: skip
"""Types of message that are read, as ROS 2 names them."""
ENDINGS = (".bag", ".mcap", ".db3")
MAX_CHUNK = 2**28
"""Bytes of a chunk or message after decompression; recorders write chunks of 1 to 5 MB."""
MAX_GROWTH, ROOM = 100, 2**30
"""All chunks of a file have at most so many times its bytes after decompression, and this many besides."""
MAX_READ = 16
"""How often the bytes of a file may be read while it is opened and gone through once, and ROOM bytes besides."""
_ZSTD = b"\x28\xb5\x2f\xfd"  # begins a compressed message; a message of ROS 2 begins with a zero


class BagFile:
    """One file of a bag. RecordingError if it is damaged, or `rosbags` is missing."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open()

    def messages(self, topic: str | None = None, at: int | None = None) -> Iterator[tuple[str, str, int, Any]]:
        """Topic, type, time of recording (ns) and content of each message of KINDS, or None for one that is damaged.

        at: only those recorded at this time. RecordingError where the file itself is damaged.
        """
        if self._process != os.getpid():  # a forked process has its own place in the file
            self._open()
        connections = [c for c in self._reader.connections if c.msgtype in KINDS and topic in (None, c.topic)]
        stop = None if at is None else at + 1
        if at is not None:
            self._bytes.left = max(self._bytes.left, ROOM)
        try:
            for connection, when, data in self._reader.messages(connections, at, stop) if connections else ():
                try:
                    content = self._content(bytes(data), connection.msgtype)
                except Exception:  # of whatever kind the library's parsers raise
                    content = None
                yield connection.topic, connection.msgtype, when, content
        except Exception as error:
            raise self._damaged(error) from None

    def _open(self) -> None:
        library = _library()
        path = _Path(self.file)
        self._process = os.getpid()
        try:
            self.file.open("rb").close()
        except OSError as error:
            raise RecordingError(self.file, f"it cannot be read ({error.strerror})") from None
        try:
            self._bytes = path.budget
            with library.bounded():
                self._reader: Any = (library.Reader1 if self.file.suffix == ".bag" else library.Reader2)(path)
                self._reader.open()
            weakref.finalize(self, _close, self._reader)
            self._check_sizes()
        except RecordingError:
            raise
        except Exception as error:
            raise self._damaged(error) from None
        if self.file.suffix == ".bag":
            self._parse = library.ros1.deserialize_ros1
        else:
            self._parse = library.ros2.deserialize_cdr

    def _check_sizes(self) -> None:
        """Bound what decompression may take, and how often a part may be read."""
        if self.file.suffix == ".bag":
            known = self._reader.chunks
            self._reader.chunks = {at: one._replace(decompressor=_unpacked(one)) for at, one in known.items()}
        elif self.file.suffix == ".mcap":
            sizes = [int(chunk.uncompressed_size) for chunk in self._reader.storage.chunks]
            if sum(sizes) > MAX_GROWTH * self.file.stat().st_size + ROOM:
                raise RecordingError(self.file, f"it would have {sum(sizes)} bytes when decompressed")

    def _content(self, data: bytes, kind: str) -> Any:
        if data[:4] == _ZSTD:
            data = _library().unzstd(data, MAX_CHUNK)
        return self._parse(data, kind)

    def _damaged(self, error: Exception) -> RecordingError:
        mend = {".bag": "rosbag reindex", ".mcap": "mcap recover", ".db3": "sqlite3 .recover"}[self.file.suffix]
        what = str(error) or type(error).__name__
        return RecordingError(self.file, f"it is no bag, damaged or cut short ({what:.200}); if cut short, `{mend}` may"
                              " mend it")  # fmt: skip


class _Budget:
    """Bytes that may still be read."""

    def __init__(self, left: int) -> None:
        self.left = left


class _Limited(io.BufferedReader):
    """A file that allocates no more than it holds, and ends where its parts are read over and over again."""

    def __init__(self, file: str, budget: _Budget) -> None:
        super().__init__(io.FileIO(file))
        self._budget, self._size = budget, os.stat(file).st_size

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(min(size, self._size) if size is not None and size >= 0 else size)
        self._budget.left -= len(data)
        if self._budget.left < 0:
            raise ValueError("its index leads to the same bytes again and again")
        return data


class _Path(PosixPath):
    """A path whose `open` gives a _Limited file."""

    @property
    def budget(self) -> _Budget:
        """What is left of the budget of this path."""
        known: _Budget | None = getattr(self, "_budget", None)
        if known is None:
            known = self._budget = _Budget(MAX_READ * os.stat(self).st_size + ROOM)
        return known

    def open(self, *mode: Any, **more: Any) -> Any:  # a _Limited
        """The file, for reading."""
        return _Limited(str(self), self.budget)


def _unpacked(chunk: Any) -> Callable[[bytes], bytes]:
    """The decompressor of a chunk of ROS 1, within MAX_CHUNK."""
    name = getattr(chunk.decompressor, "__module__", "") or ""

    def bounded(data: bytes) -> bytes:
        if name.endswith("bz2"):
            return _whole(bz2.BZ2Decompressor(), data, MAX_CHUNK)
        return _library().unlz4(data, MAX_CHUNK) if "lz4" in name else data

    return bounded


def _whole(decompressor: Any, data: bytes, most: int) -> bytes:
    out: bytes = decompressor.decompress(data, max_length=most + 1)
    if len(out) > most:
        raise ValueError(f"a part of it has more than {most} bytes when decompressed")
    if not decompressor.eof:
        raise ValueError("a compressed part of it ends too soon")
    return out


def _close(reader: Any) -> None:
    with contextlib.suppress(Exception):
        reader.close()


class _Library:
    """What is used of `rosbags`, with bounds in its decompressors."""

    def __init__(self) -> None:
        import apsw
        from lz4.frame import LZ4FrameDecompressor
        from rosbags.rosbag1 import Reader as Reader1
        from rosbags.rosbag2 import Reader as Reader2
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.Reader1, self.Reader2, self._sqlite = Reader1, Reader2, apsw
        self.ros1, self.ros2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_HUMBLE)
        transforms = "geometry_msgs/TransformStamped[] transforms\n"
        for name in ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage"):  # ROS 1's are not in the library
            self.ros1.register(get_types_from_msg(transforms, name))
        storage_mcap: Any = importlib.import_module("rosbags.rosbag2.storage_mcap")
        self._lz4, self._zstd = LZ4FrameDecompressor, storage_mcap.zstd.ZstdDecompressor
        # The library checks the size of a chunk when it is decompressed; this way it ends there.
        storage_mcap.DECOMPRESSORS.update(
            {
                "lz4": lambda data, size: self.unlz4(data, min(size, MAX_CHUNK)),
                "zstd": lambda data, size: self.unzstd(data, min(size, MAX_CHUNK)),
            }
        )

    def unlz4(self, data: bytes, most: int) -> bytes:
        """Decompress LZ4's frames; ValueError beyond `most` bytes."""
        return _whole(self._lz4(), data, most)

    def unzstd(self, data: bytes, most: int) -> bytes:
        """Decompress Zstandard; ValueError beyond `most` bytes."""
        return _whole(self._zstd(), data, most)

    @contextlib.contextmanager
    def bounded(self) -> Iterator[None]:
        """Databases that are opened within have no value above MAX_CHUNK bytes."""

        def limit(connection: Any) -> None:
            connection.limit(self._sqlite.SQLITE_LIMIT_LENGTH, MAX_CHUNK)

        self._sqlite.connection_hooks.append(limit)
        try:
            yield
        finally:
            self._sqlite.connection_hooks.remove(limit)


_loaded: list[_Library] = []


def _library() -> _Library:
    if not _loaded:
        try:
            _loaded.append(_Library())
        except ImportError:
            raise RecordingError("bag", "reading ROS bags needs rosbags: pip install 'testspace[rosbags]'") from None
    return _loaded[0]
