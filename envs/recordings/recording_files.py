"""Readers of the files in recordings, which may be damaged, cut short or of another format."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.pictures import picture_size
from .recording import FrameError, Reader, RecordingError

MAX_PICTURE_BYTES = 64 * 2**20
"""Bytes of one picture."""
MAX_SIDE = 8192
"""Rows or columns of one picture."""
MAX_TABLE_BYTES = 2**30
"""Bytes of one table or JSON file: a hundred thousand frames of ScanNet++ have some 200 MB of poses."""


def numbered(folder: Path, *endings: str, prefix: str = "") -> dict[int, Path]:
    """Files of a folder by the last whole number in their name; {} if the folder is missing."""
    files: dict[int, Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        digits = re.findall(r"\d+", file.stem)
        if file.suffix.lower() in endings and file.name.startswith(prefix) and digits:
            files[int(digits[-1])] = file
    return files


def read_text(file: Path, most: int = MAX_TABLE_BYTES) -> str:
    """A text file, UTF-8; RecordingError if it is missing, too large or no text."""
    if not file.is_file():
        raise RecordingError(file, "there is no such file")
    if file.stat().st_size > most:
        raise RecordingError(file, f"it is larger than the {most} bytes that are read")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RecordingError(file, "it is not a text file") from None


def read_json(file: Path) -> Any:
    """A JSON file; RecordingError if it is none."""
    try:
        return json.loads(read_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise RecordingError(file, f"it is not JSON ({error})") from None


def table(file: Path, columns: int, most: int | None = None, least: int = 0) -> NDArray[np.float64]:
    """Numbers of a text file, (N, columns), separated by spaces or commas; `#` begins a comment.

    Lines without a number (headers) are skipped at the top only; "nan" and "inf" are numbers. A line may have more
    columns, up to `most`, which are ignored. RecordingError names an invalid line, or a file with too few rows.
    """
    rows: list[list[float]] = []
    for count, line in enumerate(read_text(file).splitlines(), 1):
        words = line.split("#", 1)[0].replace(",", " ").split()
        if not words:
            continue
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            if not rows:
                continue
            raise RecordingError(file, f"line {count}: expected numbers, found {line[:60]!r}") from None
        if len(numbers) < columns or (most is not None and len(numbers) > most):
            raise RecordingError(file, f"line {count}: expected {columns} numbers, found {len(numbers)}")
        rows.append(numbers[:columns])
    if len(rows) < least:
        raise RecordingError(file, f"it has {len(rows)} rows of numbers, and needs {least}")
    return np.array(rows, np.float64).reshape(-1, columns)


def matrix(file: Path, rows: int, columns: int) -> NDArray[np.float64]:
    """The matrix in a text file; RecordingError if it has another shape."""
    values = table(file, columns, columns)
    if values.shape != (rows, columns):
        raise RecordingError(file, f"expected {rows} x {columns} numbers, found {values.shape[0]} lines")
    return values


def picture(file: Path) -> NDArray[Any]:
    """A PNG or JPEG as it is stored: (H, W, 3) in the order blue, green, red, or (H, W); FrameError if damaged."""
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_PICTURE_BYTES else b""
    except OSError as error:
        raise FrameError(file, f"it cannot be read ({error.strerror})") from None
    return decode(data, file)


def decode(data: bytes, source: Path | str) -> NDArray[Any]:
    """The picture that PNG or JPEG data hold, as `picture` returns it."""
    import cv2

    size = picture_size(data)
    if size is None or not 0 < min(size) <= max(size) <= MAX_SIDE:
        raise FrameError(source, "it is not a PNG or JPEG of a size that is read")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        raise FrameError(source, "the picture is damaged")
    return np.asarray(image)


def as_rgb(image: NDArray[Any], source: Path | str) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) sRGB of a decoded picture; FrameError for one of other depth."""
    if image.dtype != np.uint8:
        raise FrameError(source, f"expected 8-bit colours, found {image.dtype}")
    if image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=-1)
    return np.ascontiguousarray(image[..., 2::-1])


def as_metres(image: NDArray[Any], scale: float, source: Path | str) -> NDArray[np.float32]:
    """float32 (H, W) metres of a decoded 16-bit depth map with `scale` units a metre; 65535 (no value) becomes 0."""
    if image.dtype != np.uint16 or image.ndim != 2:
        raise FrameError(source, f"expected a depth map of 16 bits and one channel, found {image.dtype} {image.shape}")
    return np.where(image == 65535, np.float32(0), image.astype(np.float32) / np.float32(scale))


def rgb_reader(files: dict[int, Path]) -> Reader:
    """Reads rgb from picture files by number."""

    def read(number: int) -> NDArray[np.uint8]:
        return as_rgb(picture(_of(files, number)), files[number])

    return read


def depth_reader(files: dict[int, Path], scale: float, confidence: dict[int, Path] | None = None) -> Reader:
    """Reads depth from 16-bit PNG files with `scale` units a metre; where `confidence` is at its lowest (0), none."""

    def read(number: int) -> NDArray[np.float32]:
        depth = as_metres(picture(_of(files, number)), scale, files[number])
        if confidence and number in confidence:
            trust = picture(confidence[number])
            if trust.shape == depth.shape:
                depth[trust == 0] = 0.0
        return depth

    return read


def label_reader(files: dict[int, Path], class_ids: Callable[[NDArray[Any]], NDArray[np.int16]]) -> Reader:
    """Reads label pictures by number; `class_ids` turns their values into ids of `envs.house.classes`."""

    def read(number: int) -> NDArray[np.int16]:
        if number not in files:
            raise FrameError(f"frame {number}", "it has no labels")
        image = picture(files[number])
        if image.ndim != 2:
            raise FrameError(files[number], f"expected labels of one channel, found {image.shape}")
        return class_ids(image)

    return read


class Video:
    """Frames of a video by number; forwards by decoding, backwards by starting again."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise RecordingError(file, "there is no such file")
        self.file, self._next = file, 0
        self._capture = self._open()
        self._last: NDArray[np.uint8] | None = None

    def _open(self) -> Any:
        import cv2

        capture = cv2.VideoCapture(str(self.file))
        if not capture.isOpened():
            raise RecordingError(self.file, "it cannot be decoded as a video")
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # poses and intrinsics are those of the sensor's own rows
        return capture

    def __call__(self, number: int) -> NDArray[np.uint8]:
        """Frame `number` as uint8 (H, W, 3) sRGB; FrameError if the video ends before it."""
        if self._last is not None and number == self._next - 1:
            return self._last
        if number < self._next:
            self._capture.release()
            self._capture, self._next = self._open(), 0
        while self._next < number:
            if not self._capture.grab():
                raise FrameError(self.file, f"the video ends before frame {number}")
            self._next += 1
        fine, image = self._capture.read()
        if not fine:
            raise FrameError(self.file, f"the video ends before frame {number}")
        self._next += 1
        self._last = as_rgb(image, self.file)
        return self._last


def _of(files: dict[int, Path], number: int) -> Path:
    if number not in files:
        raise FrameError(f"frame {number}", "it has no picture")
    return files[number]
