"""TUM RGB-D (Sturm et al. 2012): a Kinect's rgb and depth, and poses by motion capture, each with its own times.

    rgb.txt, depth.txt    time file
    groundtruth.txt       time tx ty tz qx qy qz qw: camera in the world, OpenCV axes, z up
    accelerometer.txt     time ax ay az
    depth/*.png           16 bits, 5000 units a metre, registered to rgb
    associations.txt      time file time file: rgb and depth in the place of the first two (also associated.txt,
                          associate.txt); data sets in the same layout have it (ICL-NUIM, ETH3D SLAM)
    calibration.txt       fx fy cx cy (ETH3D SLAM); optional

Times are matched as in the data set's tools: to the nearest one, at most 0.02 s away. Intrinsics are those of
calibration.txt, those published for freiburg1, 2 and 3 (by the folder's name), or ROS's default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import from_quaternions
from .phones import nearest_rows
from .recording import Recording, RecordingError, Track, make_recording
from .recording_files import depth_reader, read_text, rgb_reader, table

MATCH_SECONDS = 0.02
"""Largest time in seconds between matching samples."""
SCALE = 5000.0
INTRINSICS = {
    "freiburg1": (517.3, 516.5, 318.6, 255.3),
    "freiburg2": (520.9, 521.0, 325.1, 249.7),
    "freiburg3": (535.4, 539.2, 320.1, 247.6),
}
DEFAULT = (525.0, 525.0, 319.5, 239.5)
PAIRS = ("associations.txt", "associated.txt", "associate.txt")


def is_tum(folder: Path) -> bool:
    """Whether a folder holds a sequence in this layout."""
    listed = any((folder / name).is_file() for name in ("rgb.txt", *PAIRS))
    return listed and (folder / "groundtruth.txt").is_file()


def read_tum(folder: Path) -> Recording:
    """The recording of a TUM RGB-D folder; frames without depth or pose of their time are dropped and counted."""
    times, files, depth_times, depth_files = _pictures(folder)
    truth = table(folder / "groundtruth.txt", 8, 8, least=1)
    rows, posed = nearest_rows(times, truth[:, 0], MATCH_SECONDS)
    poses = from_quaternions(truth[rows, 1:4], truth[rows, 4:8])
    poses[~posed] = np.nan
    there = np.array([file.is_file() for file in files], np.bool_)
    more: dict[str, Any] = {}
    if depth_files:
        rows, deep = nearest_rows(times, depth_times, MATCH_SECONDS)
        there &= deep & np.array([depth_files[row].is_file() for row in rows], np.bool_)
        more["read_depth"] = depth_reader({n: depth_files[row] for n, row in enumerate(rows)}, SCALE)
    if (folder / "accelerometer.txt").is_file():
        felt = table(folder / "accelerometer.txt", 4)
        more["imu"] = np.concatenate([felt, np.full((len(felt), 3), np.nan)], axis=1)
    name = next((name for name in INTRINSICS if name in folder.resolve().name), "")
    own = (folder / "calibration.txt").is_file()
    intrinsics = table(folder / "calibration.txt", 4, least=1)[0] if own else np.array(INTRINSICS.get(name, DEFAULT))
    track = Track(times, poses, "opencv", "z", intrinsics, np.arange(len(times)))
    made = make_recording(folder, track, there, rgb_reader(dict(enumerate(files))), **more)
    if not own and not name:
        made.faults["frame with a Kinect's usual intrinsics (put fx fy cx cy into calibration.txt)"] = len(made)
    return made


def _pictures(folder: Path) -> tuple[NDArray[np.float64], list[Path], NDArray[np.float64], list[Path]]:
    """Times and files of rgb, then of depth."""
    pairs = next((name for name in PAIRS if (folder / name).is_file()), None)
    if not (folder / "rgb.txt").is_file() and pairs:
        return *_listed(folder, pairs), *_listed(folder, pairs, 2)
    depth = _listed(folder, "depth.txt") if (folder / "depth.txt").is_file() else (np.zeros(0), [])
    return *_listed(folder, "rgb.txt"), *depth


def _listed(folder: Path, name: str, column: int = 0) -> tuple[NDArray[np.float64], list[Path]]:
    """Times and files of a list, from two of its columns on; files outside the folder are refused."""
    times: list[float] = []
    files: list[Path] = []
    for count, line in enumerate(read_text(folder / name).splitlines(), 1):
        words = line.split("#", 1)[0].replace(",", " ").split()[column : column + 2]
        if not words:
            continue
        try:
            time, file = float(words[0]), folder / words[1]
        except (ValueError, IndexError):
            if not times:
                continue  # a header without its #, as some copies have it
            raise RecordingError(folder / name, f"line {count}: expected a time and a file") from None
        if Path(words[1]).is_absolute() or ".." in file.relative_to(folder).parts:
            raise RecordingError(folder / name, f"line {count}: {words[1]} lies outside the folder")
        times.append(time)
        files.append(file)
    if not files:
        raise RecordingError(folder / name, "it lists no picture")
    return np.array(times), files
