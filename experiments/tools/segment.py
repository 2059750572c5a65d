"""`testspace segment`: what the generalist sees in pictures, a video, a recording or a camera's stream.

`segment_sources` reads them, `segment_output` says what is written.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import LINE_SECONDS, Advance, Progress
from ...envs.house.classes import CLASSES
from ...learners.generalist.perception import Perception, PictureError, Viewpoint
from .segment_output import SegmentOutput
from .segment_sources import Source, open_source


@dataclass(frozen=True)
class SegmentConfig:
    """What to segment, by what, and where to write it."""

    source: str
    """A picture, a folder of pictures, a video, a recording, a camera's number, or a stream's address."""
    out: Path
    """New or empty folder."""
    depth: Path | None = None
    """Folder of 16-bit PNG files in millimetres, named as the pictures."""
    weights: Path | None = None
    """File of weights; None for those that come with the package."""
    every: int = 1
    """Take each picture whose number is a multiple of this."""
    frames: int | None = None
    """End after so many pictures."""
    vertical_fov: float = 90.0
    """Of the camera, in degrees; counts with `depth` only, as what follows."""
    camera_height: float = 1.5
    """Above the floor, in metres."""
    pitch: float = 0.0
    """Of the camera, in degrees, positive upwards."""


@dataclass
class _Times:
    """How long it took."""

    seconds: list[float]
    """Of the network, for each picture."""
    whole: float = 0.0
    """Seconds of everything, reading and writing included."""
    interrupted: bool = False


def segment_source(config: SegmentConfig) -> str:
    """Write what `segment_output` lists; returns what was done and how fast, in a line, and notes below it.

    Ctrl-C ends a camera. Anything else that it interrupts is left with complete files too, and KeyboardInterrupt is
    raised after the line is printed. Raises UserError or another error of one line on input, weights or a folder that
    cannot be used.
    """
    _check(config)
    view = Viewpoint(config.vertical_fov, config.camera_height, config.pitch)
    with closing(open_source(config.source, config.depth, view, config.every, config.frames)) as source:
        if config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
            raise UserError(f"{config.out} is not empty; name a new folder with --out")
        perception = choose_perception(config)
        with SegmentOutput(config.out, source) as output:
            times = _segment(perception, source, output)
    summary = _summary(config.out, source, output.classes, times)
    if times.interrupted and source.kind != "camera":
        print(summary)
        raise KeyboardInterrupt
    return summary


def choose_perception(config: SegmentConfig) -> Perception:
    """The network that segments: of the file of weights, or the one that comes with the package."""
    return Perception.load(config.weights, CLASSES) if config.weights else Perception.shipped(CLASSES)


def _segment(perception: Perception, source: Source, output: SegmentOutput) -> _Times:
    times, begun = _Times([]), time.perf_counter()
    try:
        with _reporting(source) as advance:
            for shot in source.shots:
                start = time.perf_counter()
                try:
                    labels = perception(shot.rgb, shot.depth, shot.viewpoint)
                except PictureError as error:
                    raise UserError(f"{shot.origin}: {error}") from None
                seconds = time.perf_counter() - start
                output.add(shot, labels)
                times.seconds.append(seconds)
                times.whole = time.perf_counter() - begun
                advance(len(times.seconds), source.total or 0, f"{len(times.seconds) / times.whole:.1f} frames/s")
    except KeyboardInterrupt:
        if not times.seconds:
            raise
        times.interrupted = True
    return times


@contextmanager
def _reporting(source: Source) -> Iterator[Advance]:
    """A bar with an estimate; where the end is not known, a line now and then."""
    if source.total is not None:
        with Progress() as progress, progress.stage("pictures") as advance:
            yield advance
        return
    spoken = time.monotonic()

    def lines(done: int, total: int, note: str = "") -> None:
        nonlocal spoken
        if time.monotonic() - spoken >= LINE_SECONDS:
            spoken = time.monotonic()
            print(f"{source.kind}: {done} pictures, {note}", file=sys.stderr, flush=True)

    if source.kind == "camera":
        print("camera: Ctrl-C ends it", file=sys.stderr, flush=True)
    yield lines


def _summary(out: Path, source: Source, classes: int, times: _Times) -> str:
    count = len(times.seconds)
    what = "picture" if source.kind == "picture" else "frame"
    part = f" of {source.total}" if times.interrupted and source.total else ""
    modalities = "rgb-d" if source.with_depth else "rgb"
    line = (
        f"{out}: {count}{part} {what}{'s' * (count != 1)}, {modalities}, {classes} classes, "
        f"{1000 * float(np.median(times.seconds)):.0f} ms a frame, {count / times.whole:.1f} frames/s with all files"
    )
    return "\n".join([line, *source.notes])


def _check(config: SegmentConfig) -> None:
    for name, value, least, most in (
        ("--vertical-fov", config.vertical_fov, 1.0, 170.0),
        ("--camera-height", config.camera_height, 0.0, 100.0),
        ("--pitch", config.pitch, -90.0, 90.0),
    ):
        if not (math.isfinite(value) and least <= value <= most):
            raise UserError(f"{name} must be between {least:g} and {most:g}, got {value:g}")
    for name, count in (("--every", config.every), ("--frames", config.frames)):
        if count is not None and count < 1:
            raise UserError(f"{name} must be 1 or more, got {count}")
