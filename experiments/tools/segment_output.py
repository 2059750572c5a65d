"""What `testspace segment` writes.

OUT/labels/NAME.png      class ids, 8 bits a pixel
OUT/overlays/NAME.png    the picture under the classes' colours; of pictures
OUT/overlay.mp4          the same as a video; of videos and recordings
OUT/latest.png           the same of the newest picture; of cameras
OUT/legend.png           colours and names of the classes that occur, the most frequent first
OUT/classes.json         names of all class ids, and each class's share of the pixels
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.storage import replacing, write_json
from ...core.video import VideoWriter
from ...envs.house.classes import CLASSES, class_colours
from ..report.drawings import Image, overlay
from .render import save
from .segment_sources import Shot, Source

VIDEO_SIDE = 640
"""Pixels of the overlay video's longer side, at most."""
_LINE = 24
"""Pixels of a legend's line."""


class SegmentOutput:
    """Writes labels and overlays as they come. A context manager: legend, classes and video are complete at its exit,
    however that comes about."""

    def __init__(self, out: Path, source: Source) -> None:
        self.out = out
        self.counts = np.zeros(len(CLASSES), np.int64)
        """Pixels of each class so far."""
        self._kind = source.kind
        self._video = VideoWriter(out / "overlay.mp4", source.rate, VIDEO_SIDE)

    def add(self, shot: Shot, labels: NDArray[np.int16]) -> None:
        """Write the labels (H, W) of a shot. UserError where a file cannot be written."""
        drawn = overlay(shot.rgb, labels)
        own = labels if shot.on_its_pixels is None else shot.on_its_pixels(labels)
        _save_labels(self.out / "labels" / f"{shot.name}.png", own)
        if self._kind == "picture":
            save(self.out / "overlays" / f"{shot.name}.png", drawn)
        elif self._kind == "camera":
            with replacing(self.out / "latest.png") as unfinished:  # a viewer never sees half a picture
                unfinished.write_bytes(bytes(cv2.imencode(".png", drawn[..., ::-1])[1]))
        else:
            self._video.add(drawn)
        self.counts += np.bincount(own.ravel(), minlength=len(CLASSES))

    @property
    def classes(self) -> int:
        """How many classes occur."""
        return int((self.counts > 0).sum())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.close()
        if self.counts.any():
            save(self.out / "legend.png", legend(self.counts))
            total = self.counts.sum()
            order = [int(i) for i in np.argsort(-self.counts, kind="stable") if self.counts[i]]
            shares = {CLASSES[i]: round(float(self.counts[i] / total), 6) for i in order}
            write_json(self.out / "classes.json", {"classes": dict(enumerate(CLASSES)), "shares": shares})


def legend(counts: NDArray[np.int64]) -> Image:
    """Colours, names and shares of the classes that have pixels, the most frequent first."""
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    drawn = np.full((_LINE * len(order) + 8, 300, 3), 255, np.uint8)
    for row, number in enumerate(order):
        top = _LINE * row + 4
        drawn[top + 3 : top + _LINE - 3, 8:40] = class_colours()[number]
        text = f"{CLASSES[number]}  {counts[number] / counts.sum():.1%}"
        cv2.putText(drawn, text, (50, top + _LINE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return drawn


def _save_labels(file: Path, labels: NDArray[np.int16]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(file), labels.astype(np.uint8)):
        raise UserError(f"{file} cannot be written")
