"""Video files by OpenCV, read frame by frame, whatever state they are in.

Nothing of a file is decoded before its first bytes say that it is a video, so a playlist under a video's name, which
would make the decoder open other files or addresses, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...core.errors import UserError
from ...core.video import quiet
from ..report.drawings import Image

ENDINGS = (".mp4", ".avi", ".mov", ".mkv", ".webm")
"""Of videos."""
MAX_PIXELS = 1 << 26
"""Of a picture."""
RATE = 10.0
"""Frames a second where a file does not say."""
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


def check_size(name: str, width: int, height: int) -> None:
    """UserError for a picture of too many pixels."""
    if width * height > MAX_PIXELS:
        raise UserError(f"{name}: {width} x {height} pixels are too many; make it smaller")


def as_colour(image: Any) -> Image:
    """rgb uint8 (H, W, 3) of what a capture returns."""
    if image.ndim == 2:
        image = image[..., None].repeat(3, 2)
    return np.ascontiguousarray(image[..., 2::-1])


def _is_video(file: Path) -> bool:
    """Whether a file begins as MP4, QuickTime, AVI, Matroska or WebM does."""
    with file.open("rb") as handle:
        start: bytes = handle.read(16)
    return start[4:8] in _BOXES or (start[:4] == b"RIFF" and start[8:12] == b"AVI ") or start[:4] == b"\x1aE\xdf\xa3"
