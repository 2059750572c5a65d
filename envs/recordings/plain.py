"""The plain folder: our own layout, for recordings by your own robot or phone. Written by `testspace record`.

    recording.json   {"format": "testspace-recording", "version": 1,
                      "camera": {"fx": 320.0, "fy": 320.0, "cx": 319.5, "cy": 239.5},
                      "camera_axes": "opencv", "up": "z", "depth_scale": 1000.0, "classes": {"1": "Wall"}}
    frames.csv       frame,time,x,y,z,qx,qy,qz,qw[,fx,fy,cx,cy]: the camera in the world, one line a frame
    rgb/000000.png   8-bit colours (PNG or JPEG), named by `frame`
    depth/000000.png 16 bits, depth_scale units a metre along the optical axis, 0 = none; the folder may be missing
    semantic/...png  16 bits, ids of `classes`, whose names are those of `envs.house.classes`; for evaluation only
    imu.csv          time,ax,ay,az,gx,gy,gz: m/s2 and rad/s; may be missing

Pixels are counted from the middle of the first one. camera_axes: "opencv" (x right, y down, z into the picture) or
"opengl" (x right, y up, z to the viewer; ARKit). up: "y" or "z". Units: metres and seconds.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame, Labels
from ..conventions import from_quaternions, pose_matrices, to_quaternions
from ..house.classes import CLASS_ID, CLASSES
from .recording import Recording, RecordingError, Track, make_recording
from .recording_files import depth_reader, label_reader, numbered, read_json, rgb_reader, table

FORMAT = "testspace-recording"
DEPTH_SCALE = 2000.0
"""Units a metre in written depth maps: half a millimetre, up to 32 m."""
_HEADER = "frame,time,x,y,z,qx,qy,qz,qw\n"


def is_plain(folder: Path) -> bool:
    """Whether a folder holds a recording in this layout."""
    return (folder / "recording.json").is_file()


def read_plain(folder: Path) -> Recording:
    """The recording of a plain folder; RecordingError names the file and the invalid field."""
    file = folder / "recording.json"
    header = read_json(file)
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise RecordingError(file, f'format: expected "{FORMAT}"')
    if header.get("version") != 1:
        raise RecordingError(file, f"version: {header.get('version')!r} is not supported; this version reads 1")
    axes, up = header.get("camera_axes"), header.get("up")
    if axes not in ("opencv", "opengl"):
        raise RecordingError(file, f'camera_axes: expected "opencv" or "opengl", found {axes!r}')
    if up not in ("y", "z"):
        raise RecordingError(file, f'up: expected "y" or "z", found {up!r}')
    rows, per_frame = _rows(folder / "frames.csv")
    camera = header.get("camera")
    if not per_frame:
        intrinsics = np.array([number(file, camera, name, "camera") for name in ("fx", "fy", "cx", "cy")])
    rgb, depth = numbered(folder / "rgb", ".png", ".jpg", ".jpeg"), numbered(folder / "depth", ".png")
    semantic = numbered(folder / "semantic", ".png")
    more: dict[str, Any] = {}
    if depth:
        if "depth_scale" not in header:
            raise RecordingError(file, "depth_scale is missing: how many units of the 16-bit depth are a metre?"
                                 " (1000 for millimetres)")  # fmt: skip
        more["read_depth"] = depth_reader(depth, number(file, header, "depth_scale"))
    if semantic:
        more["read_semantic"] = label_reader(semantic, _class_ids(file, header.get("classes")))
    if (folder / "imu.csv").is_file():
        more["imu"] = table(folder / "imu.csv", 7)
    names = rows[:, 0].astype(np.int64)
    there = np.array([name in rgb and (not depth or name in depth) for name in names.tolist()], np.bool_)
    track = Track(
        time=rows[:, 1], poses=from_quaternions(rows[:, 2:5], rows[:, 5:9]), axes=axes, up=up,
        intrinsics=rows[:, 9:13] if per_frame else intrinsics, number=names,
    )  # fmt: skip
    return make_recording(folder, track, there, rgb_reader(rgb), **more)


def number(file: Path, members: Any, name: str, path: str = "") -> float:
    """A finite number above 0 of a JSON object; RecordingError names the field."""
    field = f"{path}.{name}" if path else name
    value = members.get(name) if isinstance(members, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value) or value <= 0:
        raise RecordingError(file, f"{field}: expected a number above 0, found {value!r}")
    return float(value)


class PlainWriter:
    """Writes frames of the contract into a new or empty folder, one by one, in the contract's axes."""

    def __init__(self, folder: Path, camera: Camera, labels: bool = False) -> None:
        """labels: whether `add` receives labels. RecordingError if the folder is not empty."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RecordingError(folder, "it exists and is not empty; name a new folder")
        for name in ("rgb", "depth", *(["semantic"] if labels else [])):
            (folder / name).mkdir(parents=True)
        self.folder, self.count, self._labels = folder, 0, labels
        header: dict[str, Any] = {
            "format": FORMAT,
            "version": 1,
            "camera": {
                "fx": camera.focal, "fy": camera.focal, "cx": camera.width / 2 - 0.5, "cy": camera.height / 2 - 0.5,
            },
            "camera_axes": "opengl",
            "up": "y",
            "depth_scale": DEPTH_SCALE,
        }  # fmt: skip
        if labels:
            header["classes"] = {str(index): name for index, name in enumerate(CLASSES) if index}
        (folder / "recording.json").write_text(json.dumps(header, indent=2) + "\n")
        (folder / "frames.csv").write_text(_HEADER)

    def add(self, frame: Frame, time: float, labels: Labels | None = None) -> None:
        """Write one frame, seen `time` seconds after the start."""
        name = f"{self.count:06d}.png"
        write_png(self.folder / "rgb" / name, frame["rgb"][..., ::-1])
        depth = np.round(frame["depth"].astype(np.float64) * DEPTH_SCALE)
        write_png(self.folder / "depth" / name, np.where(depth < 65535, depth, 0).astype(np.uint16))
        if self._labels and labels is not None:
            write_png(self.folder / "semantic" / name, labels.semantic.astype(np.uint16))
        matrix = pose_matrices(frame["pose"][None])
        numbers = [time, *matrix[0, :3, 3], *to_quaternions(matrix[:, :3, :3])[0]]
        with (self.folder / "frames.csv").open("a") as out:
            out.write(",".join([str(self.count), *(f"{value:.9g}" for value in numbers)]) + "\n")
        self.count += 1


def write_png(file: Path, image: NDArray[Any]) -> None:
    """A PNG of uint8 (H, W, 3) in the order blue, green, red, or of uint8 or uint16 (H, W)."""
    import cv2

    file.write_bytes(bytes(cv2.imencode(".png", np.ascontiguousarray(image))[1]))


def _rows(file: Path) -> tuple[NDArray[np.float64], bool]:
    """frames.csv as (N, 9) or (N, 13), and whether it has intrinsics for each frame."""
    rows = table(file, 9)
    try:
        return table(file, 13), bool(len(rows))
    except RecordingError:
        return rows, False


def _class_ids(file: Path, classes: Any) -> Any:
    """A function from stored ids to ids of envs.classes."""
    if not isinstance(classes, dict):
        raise RecordingError(file, "classes: there is a folder semantic/, so names of its ids are needed: "
                             '{"1": "Wall", ...}')  # fmt: skip
    lookup = np.zeros(65536, np.int16)
    for key, name in classes.items():
        if not key.isdecimal() or not 0 < len(key) < 6 or int(key) > 65535 or CLASS_ID.get(str(name)) is None:
            raise RecordingError(file, f"classes: {key[:20]!r}: {str(name)[:40]!r} is not an id from 0 to 65535"
                                 " with the name of a class of testspace.envs.house.classes")  # fmt: skip
        lookup[int(key)] = CLASS_ID[str(name)]
    return lambda image: lookup[image.astype(np.int64)]
