"""Videos that browsers play, and animated pictures, written with OpenCV."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import UserError

CODEC = "vp09"
"""VP9 in mp4: browsers, LeRobot and Rerun read it, and OpenCV's wheel writes it. One core takes 0.1 s for a picture of
640 x 480."""


class VideoWriter:
    """Writes pictures of one size as an mp4, which is there, whole, after `close`.

    A context manager: it is closed at its exit, and after an error it leaves nothing.
    """

    def __init__(self, file: Path, rate: float, max_side: int | None = None) -> None:
        """rate: pictures a second, from 1 to 60. max_side: pixels of the longer side, to which larger ones are
        reduced."""
        self.file, self.rate, self.max_side = file, min(max(rate, 1.0), 60.0), max_side
        self._unfinished = file.with_name(f"{file.stem}.{os.getpid()}.tmp{file.suffix}")
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)

    def add(self, image: NDArray[np.uint8]) -> None:
        """Write rgb uint8 (H, W, 3). UserError where no such video can be written."""
        if self._writer is None:
            height, width = image.shape[:2]
            self._size = (width, height)
            if self.max_side is not None:
                scale = min(1.0, self.max_side / max(height, width))
                self._size = (_even(width * scale), _even(height * scale))
            self._writer = self._opened()
        bgr = np.ascontiguousarray(image[..., ::-1])
        if self._size != (image.shape[1], image.shape[0]):
            bgr = np.asarray(cv2.resize(bgr, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        self._writer.write(bgr)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()
            self._writer = None
            self._unfinished.replace(self.file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._writer is not None:
            self._writer.release()
            self._unfinished.unlink(missing_ok=True)

    def _opened(self) -> cv2.VideoWriter:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with quiet():
            code = cv2.VideoWriter.fourcc(*CODEC)
            writer = cv2.VideoWriter(str(self._unfinished), cv2.CAP_FFMPEG, code, self.rate, self._size)
        if not writer.isOpened():
            raise UserError(f"{self.file}: OpenCV cannot write VP9 here; install opencv-python-headless from its wheel")
        return writer


def write_animation(file: Path, images: Sequence[NDArray[np.uint8]], rate: float, width: int) -> None:
    """Write rgb pictures uint8 (H, W, 3) as an animated WebP of this width, which pages show where they play no
    videos."""
    animation = cv2.Animation()
    height = _even(width * images[0].shape[0] / images[0].shape[1])
    animation.frames = [
        cv2.resize(np.ascontiguousarray(image[..., ::-1]), (width, height), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    animation.durations = [round(1000 / rate)] * len(images)
    if not cv2.imwriteanimation(str(file), animation, [cv2.IMWRITE_WEBP_QUALITY, 70]):
        raise UserError(f"{file} cannot be written")


@contextmanager
def quiet() -> Iterator[None]:
    """OpenCV and its codecs write nothing on stderr: what fails is an error of ours, in one line."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    logging = cv2.utils.logging
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _even(pixels: float) -> int:
    """The nearest even number, 16 at least: colours are stored at half the size."""
    return max(16, 2 * round(pixels / 2))
