"""The supported layouts of recordings, and how each is recognised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .nice_slam import is_nice_slam, read_nice_slam
from .phones import is_arkitscenes, is_scannetpp, is_stray, read_arkitscenes, read_scannetpp, read_stray
from .plain import is_plain, read_plain
from .record3d import is_record3d, read_record3d
from .recording import Recording, RecordingError
from .rosbag import is_rosbag, read_rosbag
from .scannet import is_scannet, read_scannet
from .tum import is_tum, read_tum

MAX_INNER = 1000
"""Entries of a folder among which a recording is looked for."""
LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Recording]]] = {
    "plain folder": (is_plain, read_plain),
    "TUM RGB-D": (is_tum, read_tum),
    "ScanNet": (is_scannet, read_scannet),
    "ScanNet++ (iPhone)": (is_scannetpp, read_scannetpp),
    "ARKitScenes": (is_arkitscenes, read_arkitscenes),
    "Stray Scanner": (is_stray, read_stray),
    "Record3D": (is_record3d, read_record3d),
    "Replica as NICE-SLAM": (is_nice_slam, read_nice_slam),
    "ROS bag (.bag, .mcap, .db3)": (is_rosbag, read_rosbag),
}
"""Name of each layout: whether a path has it, and its reader."""

PACKED = {
    ".zstd": "a bag that is compressed as a whole; unpack it with `zstd -d`",
    ".active": "a bag that was not closed; mend it with `rosbag reindex`",
}
"""What to do with bags that cannot be read as they are, by the ending of their files."""


def open_recording(path: str | Path) -> Recording:
    """The recording in a file or folder, or in the first folder within it, in any of LAYOUTS.

    RecordingError if there is none, or it is broken.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(path, "there is no such file or folder")
    for known, read in LAYOUTS.values():
        if known(path):
            return read(path)
    for inner in sorted(path.iterdir())[:MAX_INNER] if path.is_dir() else []:  # unpacked into a folder of its own
        if inner.is_dir():
            for known, read in LAYOUTS.values():
                if known(inner):
                    return read(inner)
    for file in [path, *(sorted(path.iterdir())[:MAX_INNER] if path.is_dir() else [])]:
        if file.suffix in PACKED:
            raise RecordingError(path, PACKED[file.suffix])
    raise RecordingError(path, f"not a recording of a layout that is read: {', '.join(LAYOUTS)}")
