"""Videos by OpenCV: files that are read frame by frame, whatever state they are in, and an overlay video that is
written.

Nothing of a file is decoded before its first bytes say that it is a video, so a playlist under a video's name, which
would make the decoder open other files or addresses, is refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...core.errors import UserError
from ..report.drawings import Image

ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
"""Of videos."""
MAX_PIXELS = 1 << 26
"""Of a picture."""
RATE = 10.0
"""Frames a second where a file does not say."""
CODECS = ("vp09", "mp4v")
"""What an overlay video is written in, the first that works: browsers play VP9 in mp4, and OpenCV's wheel has it."""
MAX_SIDE = 640
"""Pixels of an overlay video's longer side, at most: VP9 takes 0.1 s for a frame of 640 x 480 on one core."""
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")


class VideoFile:
    """Frames of a video file. UserError where it is missing, empty, damaged, or larger than any camera's."""

    def __init__(self, file: Path) -> None:
        if not _is_video(file):
            raise UserError(f"{file}: it is empty, damaged or no video; can read {', '.join(ENDINGS)}")
        self.file = file
        with quiet():
            self._capture = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG)
        width, height = (self._number(what) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if not self._capture.isOpened() or width * height < 1:
            raise UserError(f"{file}: it cannot be decoded as a video; it may be cut off: try to play it")
        check_size(f"{file}", int(width), int(height))
        rate, count = self._number(cv2.CAP_PROP_FPS), self._number(cv2.CAP_PROP_FRAME_COUNT)
        self.rate = rate if 0 < rate <= 1000 else RATE
        """Frames a second."""
        self.count = int(count) if 0 < count < 1 << 31 else None
        """Frames, as the file says; None where it does not."""
        self.read = 0
        """Frames that have been read or skipped."""

    def frames(self, every: int = 1) -> Iterator[tuple[int, Image]]:
        """Number and rgb, uint8 (H, W, 3), of every `every`-th frame, upright, until the video ends or is damaged."""
        while self._skip(-self.read % every):
            with quiet():
                fine, image = self._capture.read()
            if not fine:
                return
            self.read += 1
            yield self.read - 1, as_colour(image)

    def close(self) -> None:
        """Let go of the file."""
        self._capture.release()

    def _skip(self, count: int) -> bool:
        for _ in range(count):
            if not self._capture.grab():
                return False
            self.read += 1
        return True

    def _number(self, what: int) -> float:
        value = float(self._capture.get(what))
        return value if np.isfinite(value) else 0.0


class OverlayVideo:
    """Writes pictures of one size as an mp4 that browsers play; complete after `close`."""

    def __init__(self, file: Path, rate: float) -> None:
        """rate: frames a second."""
        self.file, self.rate = file, min(max(rate, 1.0), 60.0)
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def add(self, image: Image) -> None:
        """Write rgb uint8 (H, W, 3). UserError where no codec works."""
        if self._writer is None:
            scale = min(1.0, MAX_SIDE / max(image.shape[:2]))
            height, width = (max(16, 2 * round(n * scale / 2)) for n in image.shape[:2])  # even: colours are halved
            self._size = (width, height)
            self._writer = self._opened()
        self._writer.write(cv2.resize(image[..., ::-1], self._size, interpolation=cv2.INTER_AREA))

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()

    def _opened(self) -> cv2.VideoWriter:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        for codec in CODECS:
            with quiet():
                writer = cv2.VideoWriter(
                    str(self.file), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), self.rate, self._size
                )
            if writer.isOpened():
                return writer
        raise UserError(f"{self.file}: no video can be written here")


def check_size(name: str, width: int, height: int) -> None:
    """UserError for a picture of too many pixels."""
    if width * height > MAX_PIXELS:
        raise UserError(f"{name}: {width} x {height} pixels are too many; make it smaller")


def as_colour(image: Any) -> Image:
    """rgb uint8 (H, W, 3) of what a capture returns."""
    if image.ndim == 2:
        image = image[..., None].repeat(3, 2)
    return np.ascontiguousarray(image[..., 2::-1])


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV and its decoders write nothing on stderr: what fails is an error of ours, in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _is_video(file: Path) -> bool:
    """Whether a file begins as MP4, QuickTime, AVI, Matroska or WebM does."""
    with file.open("rb") as handle:
        start: bytes = handle.read(16)
    return start[4:8] in _BOXES or (start[:4] == b"RIFF" and start[8:12] == b"AVI ") or start[:4] == b"\x1aE\xdf\xa3"
