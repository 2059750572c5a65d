"""`testspace segment`: what the generalist sees in pictures, as label PNGs and as overlays with a legend.

OUT/labels/NAME.png      class ids, 8 bits a pixel
OUT/overlays/NAME.png    the picture under the classes' colours
OUT/legend.png           colours and names of the classes that occur, the most frequent first
OUT/classes.json         names of all class ids, and each class's share of the pixels
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.progress import Progress
from ...core.storage import write_json
from ...envs.house.classes import CLASSES, class_colours
from ...envs.recordings.recording_files import as_metres, as_rgb, picture
from ...learners.generalist.inference import folded
from ...learners.generalist.pictures import PictureError, Viewpoint, segment
from ...learners.generalist.weights import load_generalist, load_weights
from ..report.drawings import Image
from .render import save

ENDINGS = (".png", ".jpg", ".jpeg")
MAX_PIXELS = 1 << 26
"""Of a picture."""
_COLOUR = 0.55
"""Share of the class's colour in an overlay."""
_LINE = 24
"""Pixels of a legend's line."""


@dataclass(frozen=True)
class SegmentConfig:
    """What to segment, by what, and where to write it."""

    pictures: Path
    """A picture, or a folder of pictures."""
    out: Path
    """New or empty folder."""
    depth: Path | None = None
    """Folder of 16-bit PNG files in millimetres, named as the pictures."""
    weights: Path | None = None
    """File of weights; None for those that come with the package."""
    vertical_fov: float = 90.0
    """Of the camera, in degrees; counts with depth only, as what follows."""
    camera_height: float = 1.5
    """Above the floor, in metres."""
    pitch: float = 0.0
    """Of the camera, in degrees, positive upwards."""


def segment_pictures(config: SegmentConfig) -> str:
    """Write labels, overlays, legend and classes; returns a line that says what was done and how fast.

    Raises UserError or another error of one line on pictures, depth, weights or a folder that cannot be used.
    """
    _check(config)
    files = _pictures(config.pictures)
    depths = _depths(config.depth, files) if config.depth else [None] * len(files)
    if config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
        raise UserError(f"{config.out} is not empty; name a new folder with --out")
    network = folded(load_weights(config.weights, CLASSES) if config.weights else load_generalist(CLASSES)[0])
    view = Viewpoint(config.vertical_fov, config.camera_height, config.pitch)
    counts, seconds = np.zeros(len(CLASSES), np.int64), []
    with Progress() as progress, progress.stage("pictures") as advance:
        for number, (file, measured) in enumerate(zip(files, depths, strict=True)):
            rgb = as_rgb(picture(file), file)
            if rgb.shape[0] * rgb.shape[1] > MAX_PIXELS:
                raise UserError(f"{file}: {rgb.shape[1]} x {rgb.shape[0]} pixels are too many; make it smaller")
            depth = as_metres(picture(measured), 1000, measured) if measured else None
            begun = time.perf_counter()
            try:
                labels = segment(network, rgb, depth, view)
            except PictureError as error:
                raise UserError(f"{file}: {error}") from None
            seconds.append(time.perf_counter() - begun)
            _save_labels(config.out / "labels" / f"{file.stem}.png", labels)
            save(config.out / "overlays" / f"{file.stem}.png", overlay(rgb, labels))
            counts += np.bincount(labels.ravel(), minlength=len(CLASSES))
            advance(number + 1, len(files))
    save(config.out / "legend.png", legend(counts))
    shares = {CLASSES[i]: round(float(counts[i] / counts.sum()), 6) for i in np.argsort(-counts) if counts[i]}
    write_json(config.out / "classes.json", {"classes": dict(enumerate(CLASSES)), "shares": shares})
    what = "picture" if len(files) == 1 else "pictures"
    return (
        f"{config.out}: {len(files)} {what}, {'rgb-d' if config.depth else 'rgb'}, {len(shares)} classes, "
        f"{1000 * float(np.median(seconds)):.0f} ms a frame"
    )


def overlay(rgb: Image, labels: NDArray[np.int16]) -> Image:
    """The picture under the colours of its classes, with a dark line where two classes meet."""
    mixed = (1 - _COLOUR) * rgb.astype(np.float32) + _COLOUR * class_colours()[labels]
    edge = np.zeros(labels.shape, bool)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    mixed[edge] *= 0.4
    return np.round(mixed).astype(np.uint8)


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


def _check(config: SegmentConfig) -> None:
    for name, value, least, most in (
        ("--vertical-fov", config.vertical_fov, 1.0, 170.0),
        ("--camera-height", config.camera_height, 0.0, 100.0),
        ("--pitch", config.pitch, -90.0, 90.0),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise UserError(f"{name} must be between {least:g} and {most:g}, got {value:g}")


def _pictures(place: Path) -> list[Path]:
    """The picture, or those of a folder in the order of their names."""
    if not place.is_dir():
        if not place.exists():
            raise UserError(f"{place}: there is no such file or folder")
        return [place]
    files = [f for f in sorted(place.iterdir()) if f.suffix.lower() in ENDINGS and not f.name.startswith(".")]
    if not files:
        raise UserError(f"{place}: no .png or .jpg pictures there")
    names: dict[str, Path] = {}
    for file in files:
        if file.stem in names:
            raise UserError(f"{file}: {names[file.stem].name} has the same name; keep one of them")
        names[file.stem] = file
    return files


def _depths(folder: Path, files: list[Path]) -> list[Path]:
    found = [folder / f"{file.stem}.png" for file in files]
    missing = [file for file in found if not file.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: there is no such file, and {len(missing)} of {len(found)} are missing")
    return found
