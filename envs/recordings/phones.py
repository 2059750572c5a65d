"""Recordings by phones with a depth sensor: ScanNet++ (its iPhone part), ARKitScenes, Stray Scanner.

Depth maps are smaller than rgb, of the same view, 16 bits in millimetres. Values of the lowest confidence (0) are
dropped.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import from_axis_angles, from_quaternions, invert
from .recording import Reader, Recording, RecordingError, Track, make_recording
from .recording_files import Video, depth_reader, matrix, numbered, read_json, read_text, rgb_reader, table

MATCH_SECONDS = 0.005
"""Largest time in seconds between a picture and its pose in ARKitScenes; pictures without a pose are dropped."""


def is_scannetpp(folder: Path) -> bool:
    """Whether a folder is a ScanNet++ scene, or its iphone folder."""
    return (_iphone(folder) / "pose_intrinsic_imu.json").is_file()


def read_scannetpp(folder: Path) -> Recording:
    """ScanNet++: iphone/rgb/frame_000000.jpg (or rgb.mkv, rgb.mp4), iphone/depth/frame_000000.png, and
    iphone/pose_intrinsic_imu.json: {frame: {timestamp, aligned_pose, intrinsic, imu}}.

    `aligned_pose` is used: camera to world of the laser scan, OpenCV axes, z up.
    """
    folder = _iphone(folder)
    file = folder / "pose_intrinsic_imu.json"
    entries = read_json(file)
    if not isinstance(entries, dict) or not entries:
        raise RecordingError(file, "expected an object with one member a frame")
    names = [(int(digits[0]), name) for name in entries if (digits := re.findall(r"\d+$", name))]
    names.sort()
    poses, intrinsics = np.full((len(names), 4, 4), np.nan), np.full((len(names), 4), np.nan)
    times = np.full(len(names), np.nan)
    for row, (_, name) in enumerate(names):
        try:
            entry = entries[name]
            poses[row] = np.array(entry["aligned_pose"], np.float64).reshape(4, 4)
            k = np.array(entry["intrinsic"], np.float64).reshape(3, 3)
            times[row] = float(entry["timestamp"])
        except (KeyError, TypeError, ValueError):
            continue  # stays NaN: dropped and counted
        intrinsics[row] = k[[0, 1, 0, 1], [0, 1, 2, 2]]
    numbers = [number for number, _ in names]
    depth = numbered(folder / "depth", ".png")
    read_rgb, pictured = _pictures(folder)
    there = np.array([(pictured is None or n in pictured) and (not depth or n in depth) for n in numbers], np.bool_)
    more: dict[str, Any] = {"read_depth": depth_reader(depth, 1000.0)} if depth else {}
    return make_recording(folder, Track(times, poses, "opencv", "z", intrinsics, numbers), there, read_rgb, **more)


def is_arkitscenes(folder: Path) -> bool:
    """Whether a folder is a scene of ARKitScenes."""
    return (folder / "lowres_wide").is_dir() and (folder / "lowres_wide.traj").is_file()


def read_arkitscenes(folder: Path) -> Recording:
    """ARKitScenes (Baruch et al. 2021): lowres_wide/ID_TIME.png, lowres_depth/, confidence/ by the same names,
    lowres_wide_intrinsics/ID_TIME.pincam (width height fx fy cx cy), and lowres_wide.traj: time, rotation vector and
    translation of world to camera, OpenCV axes, z up.
    """
    track = table(folder / "lowres_wide.traj", 7, 7, least=1)
    poses = invert(from_axis_angles(track[:, 4:7], track[:, 1:4]))
    rgb, depth, trust, cameras = (
        _by_time(folder / name, ending)
        for name, ending in (
            ("lowres_wide", ".png"), ("lowres_depth", ".png"), ("confidence", ".png"),
            ("lowres_wide_intrinsics", ".pincam"),
        )
    )  # fmt: skip
    numbers = sorted(rgb)
    times = np.array(numbers) / 1000.0
    rows, posed = nearest_rows(times, track[:, 0], MATCH_SECONDS)
    matrices = poses[rows].copy() if len(poses) else np.zeros((len(numbers), 4, 4))
    matrices[~posed] = np.nan
    # The time in a camera file's name may differ from its picture's by one or two milliseconds.
    camera_times = np.array(sorted(cameras))
    nearest, near = nearest_rows(np.array(numbers, np.float64), camera_times.astype(np.float64), 5.0)
    intrinsics = np.full((len(numbers), 4), np.nan)
    for row in np.flatnonzero(near):
        intrinsics[row] = matrix(cameras[int(camera_times[nearest[row]])], 1, 6)[0, 2:]
    there = np.array([not depth or number in depth for number in numbers], np.bool_)
    more: dict[str, Any] = {"read_depth": depth_reader(depth, 1000.0, trust)} if depth else {}
    return make_recording(
        folder, Track(times, matrices, "opencv", "z", intrinsics, numbers), there, rgb_reader(rgb), **more
    )


def is_stray(folder: Path) -> bool:
    """Whether a folder is an export of Stray Scanner."""
    return (folder / "odometry.csv").is_file() and (folder / "camera_matrix.csv").is_file()


def read_stray(folder: Path) -> Recording:
    """Stray Scanner: rgb.mp4, depth/000000.png, confidence/000000.png, camera_matrix.csv (3 x 3), imu.csv, and
    odometry.csv: timestamp, frame, x, y, z, qx, qy, qz, qw of the camera in ARKit's world (y up), OpenCV axes;
    since 2026 with fx, fy, cx, cy of each frame, which then go before camera_matrix.csv, those of the last one.
    """
    rows = table(folder / "odometry.csv", 9, least=1)
    head = read_text(folder / "odometry.csv").split("\n", 1)[0].replace(",", " ").split()
    refocused = head[9:13] == ["fx", "fy", "cx", "cy"]
    k = matrix(folder / "camera_matrix.csv", 3, 3)
    depth, trust = numbered(folder / "depth", ".png"), numbered(folder / "confidence", ".png")
    read_rgb, pictured = _pictures(folder)
    numbers = rows[:, 1].astype(np.int64).tolist()
    there = np.array([(pictured is None or n in pictured) and (not depth or n in depth) for n in numbers], np.bool_)
    intrinsics = table(folder / "odometry.csv", 13)[:, 9:] if refocused else k[[0, 1, 0, 1], [0, 1, 2, 2]]
    poses = from_quaternions(rows[:, 2:5], rows[:, 5:9])
    track = Track(rows[:, 0], poses, "opencv", "y", intrinsics, numbers)
    more: dict[str, Any] = {"read_depth": depth_reader(depth, 1000.0, trust)} if depth else {}
    if (folder / "imu.csv").is_file():
        more["imu"] = table(folder / "imu.csv", 7)
    return make_recording(folder, track, there, read_rgb, **more)


def nearest_rows(
    times: NDArray[np.float64], others: NDArray[np.float64], apart: float
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The row of `others` (any order) nearest to each time, int64 (N,), and whether it is at most `apart` away."""
    if not len(others):
        return np.zeros(len(times), np.int64), np.zeros(len(times), np.bool_)
    order = np.argsort(others, kind="stable")
    ordered = others[order]
    after = np.clip(np.searchsorted(ordered, times), 0, len(ordered) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(ordered[before] - times) <= np.abs(ordered[after] - times), before, after)
    return order[nearest], np.abs(ordered[nearest] - times) <= apart


def _iphone(folder: Path) -> Path:
    return folder / "iphone" if (folder / "iphone").is_dir() else folder


def _pictures(folder: Path) -> tuple[Reader, dict[int, Path] | None]:
    """A reader of rgb from a folder of pictures (with their files by number), or from a video."""
    pictures = numbered(folder / "rgb", ".jpg", ".jpeg", ".png")
    if pictures:
        return rgb_reader(pictures), pictures
    for name in ("rgb.mp4", "rgb.mkv", "rgb.mov"):
        if (folder / name).is_file():
            return Video(folder / name), None
    raise RecordingError(folder, "it has neither a folder rgb/ nor a video rgb.mp4 or rgb.mkv")


def _by_time(folder: Path, ending: str) -> dict[int, Path]:
    """Files named ID_SECONDS by their time in whole milliseconds."""
    files: dict[int, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        part = file.stem.rsplit("_", 1)[-1]
        if file.suffix == ending and re.fullmatch(r"\d+(\.\d+)?", part):
            files[round(float(part) * 1000)] = file
    return files
