"""Frames from a folder of one's own: no simulator, no labels, no class folders.

    FOLDER/rgb/NAME.png or .jpg        sRGB
    FOLDER/depth/NAME.png or .npy      optional: 16-bit millimetres, or float metres; 0 = no return; planar z
    FOLDER/normals/NAME.npy            optional: float (H, W, 3), unit, camera frame (x right, y up, z to the viewer)
    FOLDER/poses.csv                   optional: a line for each NAME: name,x,y,z,yaw,pitch,roll (metres, degrees)

    folder = FrameFolder("my_frames", image_size=64, vertical_fov=60)
    learner = TSTLearner(TSTConfig(modalities=folder.modalities))
    for _ in range(1000):
        learner.step(folder.sample(64))

Normals that are missing come from depth, edges from rgb. Frames are read when they are drawn, so a folder may be larger
than memory. The middle square of every image is taken, scaled to `image_size`.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.edges import canny
from ...core.frame import Camera
from ...core.normals import normals_from_depth
from ...core.pictures import picture_size

IMAGES = (".png", ".jpg", ".jpeg")
MAX_PIXELS, MAX_BYTES = 1 << 26, 1 << 29
"""An image with more pixels, or a larger file, is refused: reading it may exhaust the memory."""


class FrameFolderError(ValueError):
    """A folder of frames that cannot be used; the message names the file and what to do."""


class FrameFolder:
    """The frames of a folder, drawn uniformly and by seed.

    `vertical_fov`: of the camera that took the images, in degrees; only normals need it. Raises FrameFolderError where
    the folder has no images, where depth, normals or poses are there for some of them only, and, when a frame is read,
    where a file is broken or does not fit its image.
    """

    def __init__(self, folder: str | Path, image_size: int = 64, vertical_fov: float = 90.0, seed: int = 0) -> None:
        self.folder, self.image_size, self.vertical_fov = Path(folder), image_size, vertical_fov
        images = self._files("rgb", IMAGES)
        if not images:
            raise FrameFolderError(f"{self.folder / 'rgb'}: no .png or .jpg images there; put the frames into it")
        self.names = sorted(images)
        """Names of the frames, without endings."""
        self._rgb, self._depth = images, self._complete("depth", (".png", ".npy"))
        self._normals, self._poses = self._complete("normals", (".npy",)), self._read_poses()
        self.modalities: tuple[str, ...] = ("rgb", *(("depth", "normals") if self._depth else ()), "edges")
        """What the frames have, for `TSTConfig.modalities`."""
        if self._normals and not self._depth:
            self.modalities = ("rgb", "normals", "edges")
        self._generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.names)

    def sample(self, n: int) -> dict[str, Tensor]:
        """n frames, uniformly and with replacement, as `get` gives them."""
        return self.get(torch.randint(len(self), (n,), generator=self._generator).tolist())

    def get(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """These frames (B, H, W, ...) by `modalities`, as the contract has them; `pose` (B, 6) if there are any."""
        frames = [self._read(self.names[index]) for index in indices]
        return {key: torch.from_numpy(np.stack([frame[key] for frame in frames])) for key in frames[0]}

    def rgb(self, indices: Sequence[int]) -> Tensor:
        """The rgb alone of these frames, uint8 (B, image_size, image_size, 3)."""
        images = (_read_rgb(self._rgb[self.names[index]]) for index in indices)
        return torch.from_numpy(np.stack([_Square(rgb.shape, self.image_size).area(rgb) for rgb in images]))

    def _read(self, name: str) -> dict[str, NDArray[Any]]:
        rgb = _read_rgb(self._rgb[name])
        square = _Square(rgb.shape, self.image_size)
        frame: dict[str, NDArray[Any]] = {"rgb": square.area(rgb)}
        height, width = rgb.shape[:2]
        if self._depth:
            depth = _fits(self._depth[name], _read_depth(self._depth[name]), (height, width))
            frame["depth"] = square.nearest(depth)
        if self._normals:
            normals = _fits(self._normals[name], _read_npy(self._normals[name]), (height, width, 3))
            frame["normals"] = square.nearest(normals)
        elif self._depth:
            frame["normals"] = square.nearest(
                normals_from_depth(depth[None], Camera(width, height, self.vertical_fov))[0]
            )
        frame["edges"] = canny(square.area(rgb))
        if self._poses:
            frame["pose"] = self._poses[name]
        return frame

    def _files(self, kind: str, endings: Sequence[str]) -> dict[str, Path]:
        if not (self.folder / kind).is_dir():
            return {}
        found: dict[str, Path] = {}
        for file in sorted((self.folder / kind).iterdir()):
            if file.suffix.lower() in endings and not file.name.startswith("."):
                if file.stem in found:
                    raise FrameFolderError(f"{file}: {found[file.stem].name} has the same name; keep one of them")
                found[file.stem] = file
        return found

    def _complete(self, kind: str, endings: Sequence[str]) -> dict[str, Path]:
        found = self._files(kind, endings)
        missing = [name for name in self.names if name not in found]
        if found and missing:
            raise FrameFolderError(
                f"{self.folder / kind}: {len(missing)} of {len(self)} frames have none, the first is '{missing[0]}'; "
                "add them, or take the folder away"
            )
        return found

    def _read_poses(self) -> dict[str, NDArray[np.float32]]:
        file = self.folder / "poses.csv"
        if not file.is_file():
            return {}
        poses: dict[str, NDArray[np.float32]] = {}
        with file.open(newline="") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                try:
                    pose = np.array([float(value) for value in row[1:]], np.float32)
                except ValueError:
                    pose = np.zeros(0, np.float32)
                if number == 1 and row[:1] == ["name"]:
                    continue
                if pose.shape != (6,) or not np.isfinite(pose).all():
                    raise FrameFolderError(f"{file}, line {number}: expected name,x,y,z,yaw,pitch,roll")
                poses[row[0]] = pose
        missing = [name for name in self.names if name not in poses]
        if missing:
            raise FrameFolderError(f"{file}: no pose of '{missing[0]}', nor of {len(missing) - 1} others")
        return poses


class _Square:
    """The middle square of an image, scaled."""

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        """`shape`: (H, W, ...)."""
        side = min(shape[:2])
        self.rows, self.columns = ((slice((n - side) // 2, (n - side) // 2 + side)) for n in shape[:2])
        self.size = (size, size)

    def area(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        cut = np.ascontiguousarray(image[self.rows, self.columns])
        return np.asarray(cv2.resize(cut, self.size, interpolation=cv2.INTER_AREA), np.uint8)

    def nearest(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        cut = np.ascontiguousarray(image[self.rows, self.columns])  # no mean of two surfaces
        return np.asarray(cv2.resize(cut, self.size, interpolation=cv2.INTER_NEAREST_EXACT), np.float32)


def _decode(file: Path, flags: int) -> NDArray[Any]:
    image, size = None, None
    if file.stat().st_size <= MAX_BYTES:
        data = file.read_bytes()
        size = picture_size(data)
        if size is not None and size[0] * size[1] > MAX_PIXELS:
            raise FrameFolderError(f"{file}: {size[0]} x {size[1]} pixels are too many; make it smaller")
    if size is not None:
        with contextlib.suppress(cv2.error):
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise FrameFolderError(f"{file}: not an image that can be read; replace it or take it away")
    return np.asarray(image)


def _read_rgb(file: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(_decode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _read_depth(file: Path) -> NDArray[np.float32]:
    if file.suffix.lower() == ".npy":
        depth = _read_npy(file)
    else:
        image = _decode(file, cv2.IMREAD_UNCHANGED)
        if image.dtype != np.uint16 or image.ndim != 2:
            raise FrameFolderError(f"{file}: depth must be a 16-bit image of one channel, in millimetres")
        depth = np.asarray(image / 1000, np.float32)
    if not np.isfinite(depth).all() or (depth < 0).any():
        raise FrameFolderError(f"{file}: depth must be finite and 0 or more; write 0 where there is no return")
    return depth


def _read_npy(file: Path) -> NDArray[np.float32]:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise FrameFolderError(f"{file}: not a .npy array of numbers ({error})") from None
    if array.dtype.kind != "f" or array.ndim not in (2, 3) or array.shape[0] * array.shape[1] > MAX_PIXELS:
        raise FrameFolderError(f"{file}: expected floats (H, W) or (H, W, 3), got {array.dtype} {array.shape}")
    return np.asarray(array, np.float32)


def _fits(file: Path, array: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    if array.shape != shape:
        raise FrameFolderError(f"{file}: its size is {array.shape}, its image's is {shape}; make them equal")
    return array
