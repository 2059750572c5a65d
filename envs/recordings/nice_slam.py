"""Renders of Replica in the layout of NICE-SLAM (Zhu et al. 2022; first by iMAP, Sucar et al. 2021).

SCENE/results/frame000000.jpg, SCENE/results/depth000000.png (16 bits), SCENE/traj.txt (16 numbers a line: camera to
world, OpenCV axes, z up), and cam_params.json next to the scenes or in the scene:
{"camera": {"w", "h", "fx", "fy", "cx", "cy", "scale"}}
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .plain import number
from .recording import Recording, RecordingError, Track, make_recording
from .recording_files import depth_reader, numbered, read_json, rgb_reader, table

RATE = 30.0
"""Assumed frames a second: the layout stores none."""


def is_nice_slam(folder: Path) -> bool:
    """Whether a folder is a scene in this layout."""
    return (folder / "results").is_dir() and (folder / "traj.txt").is_file()


def read_nice_slam(folder: Path) -> Recording:
    """The recording of a scene's folder."""
    places = (folder / "cam_params.json", folder.resolve().parent / "cam_params.json")
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        raise RecordingError(folder, "cam_params.json is missing, here and in the folder above: without its scale,"
                             " 16-bit depth means nothing")  # fmt: skip
    settings = read_json(file)
    camera = settings.get("camera") if isinstance(settings, dict) else None
    intrinsics = np.array([number(file, camera, name, "camera") for name in ("fx", "fy", "cx", "cy")])
    scale = number(file, camera, "scale", "camera")
    poses = table(folder / "traj.txt", 16, 16).reshape(-1, 4, 4)
    rgb = numbered(folder / "results", ".jpg", ".png", prefix="frame")
    depth = numbered(folder / "results", ".png", prefix="depth")
    numbers = np.arange(len(poses))
    there = np.array([n in depth and n in rgb for n in numbers.tolist()], np.bool_)
    return make_recording(
        folder, Track(numbers / RATE, poses, "opencv", "z", intrinsics, numbers), there, rgb_reader(rgb),
        read_depth=depth_reader(depth, scale),
    )  # fmt: skip
