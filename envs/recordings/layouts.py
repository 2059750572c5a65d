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


INNER = ("rgb", "depth", "color", "pose", "results", "rgbd", "iphone", "lowres_wide", "lowres_depth", "confidence")
"""Folders within a recording that are taken for it when they are named."""


def open_recording(path: str | Path) -> Recording:
    """The recording in a file or folder, in the only folder within it that has one, or around it, in any of LAYOUTS.

    RecordingError if there is none or several, or it is broken.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(path, "there is no such file or folder")
    if read := _reader(path):
        return read(path)
    entries = sorted(path.iterdir())[:MAX_INNER] if path.is_dir() else []
    inner = [(folder, read) for folder in entries if folder.is_dir() and (read := _reader(folder))]
    if len(inner) > 1:
        names = ", ".join(folder.name for folder, _ in inner[:5])
        raise RecordingError(path, f"it holds {len(inner)} recordings ({names}{', ...' * (len(inner) > 5)}); name one")
    if inner:  # unpacked into a folder of its own
        folder, read = inner[0]
        return read(folder)
    around = path.absolute().parent
    if (path.is_file() or path.name in INNER) and (read := _reader(around)):
        return read(around)
    for file in [path, *entries]:
        if file.suffix in PACKED:
            raise RecordingError(path, PACKED[file.suffix])
    raise RecordingError(path, f"not a recording of a layout that is read: {', '.join(LAYOUTS)}")


def _reader(path: Path) -> Callable[[Path], Recording] | None:
    return next((read for known, read in LAYOUTS.values() if known(path)), None)
