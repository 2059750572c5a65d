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

LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Recording]]] = {
    "plain folder": (is_plain, read_plain),
    "TUM RGB-D": (is_tum, read_tum),
    "ScanNet": (is_scannet, read_scannet),
    "ScanNet++ (iPhone)": (is_scannetpp, read_scannetpp),
    "ARKitScenes": (is_arkitscenes, read_arkitscenes),
    "Stray Scanner": (is_stray, read_stray),
    "Record3D": (is_record3d, read_record3d),
    "Replica as NICE-SLAM": (is_nice_slam, read_nice_slam),
    "rosbag2 (.mcap)": (is_rosbag, read_rosbag),
}
"""Name of each layout: whether a path has it, and its reader."""


def open_recording(path: str | Path) -> Recording:
    """The recording in a folder or file, in any of LAYOUTS; RecordingError if it is in none of them, or broken."""
    path = Path(path)
    if not path.exists():
        raise RecordingError(path, "there is no such file or folder")
    for known, read in LAYOUTS.values():
        if known(path):
            return read(path)
    raise RecordingError(path, f"not a recording of a layout that is read: {', '.join(LAYOUTS)}")
