"""What `testspace segment` takes: pictures, a video, a recording, or a camera, all as a stream of shots."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...envs.recordings import LAYOUTS, FrameError, Recording, RecordingError, open_recording
from ...envs.recordings.recording_files import as_metres, as_rgb, picture
from ...envs.recordings.upright import UprightFrames
from ...learners.generalist.perception import Viewpoint
from ..report.drawings import Image
from .camera_stream import ADDRESS, CameraStream
from .video_files import ENDINGS as VIDEOS
from .video_files import RATE, VideoFile, check_size

PICTURES = (".png", ".jpg", ".jpeg")

Labels = NDArray[np.int16]


@dataclass(frozen=True)
class Shot:
    """One picture to segment."""

    name: str
    """Of the files that are written for it, without an ending."""
    rgb: Image
    depth: NDArray[np.float32] | None = None
    """Metres, (H, W) as rgb, 0 = no return."""
    viewpoint: Viewpoint | None = None
    """Of the depth."""
    on_its_pixels: Callable[[Labels], Labels] | None = None
    """Carries labels of rgb to the pixels of the picture as it was recorded; None where they are the same."""
    origin: str = ""
    """For messages."""


@dataclass
class Source:
    """Shots, and what is known of them beforehand."""

    kind: Literal["picture", "video", "recording", "camera"]
    shots: Generator[Shot, None, None]
    total: int | None = None
    """How many shots there will be, as far as is known."""
    rate: float = RATE
    """Shots a second, for a video of them."""
    with_depth: bool = False
    notes: list[str] = field(default_factory=list)
    """What went wrong with some of them: complete when `shots` ends."""
    release: Callable[[], None] = lambda: None
    """Lets go of a file or device."""

    def close(self) -> None:
        """End it, whether or not it has begun."""
        self.shots.close()
        self.release()


def open_source(
    address: str, depth: Path | None, viewpoint: Viewpoint, every: int = 1, most: int | None = None
) -> Source:
    """The source at a path, address or device number. UserError or RecordingError where it cannot be used.

    depth: folder of depth maps for pictures, and `viewpoint` of their camera. every: take every so manieth picture.
    most: end after so many.
    """
    path = Path(address)
    if not ADDRESS.match(address) and not path.exists() and not address.isdecimal():
        raise UserError(f"{address}: there is no such file or folder")
    if depth is not None and not _is_pictures(address, path):
        raise UserError("--depth goes with pictures; a recording brings its own, a video or camera has none")
    if ADDRESS.match(address) or not path.exists() or path.is_char_device():
        source = _camera(address)
    elif path.is_file() and path.suffix.lower() in VIDEOS:
        source = _video(path, every)
    elif _is_recording(path):
        source = _recording(open_recording(path), every)
    else:
        source = _pictures(path, depth, viewpoint, every)
    if most is not None:
        source.total = most if source.total is None else min(most, source.total)
        source.shots = _first(source.shots, most)
    return source


def _first(shots: Generator[Shot, None, None], count: int) -> Generator[Shot, None, None]:
    yield from islice(shots, count)


def _is_recording(path: Path) -> bool:
    return any(known(path) for known, _ in LAYOUTS.values())


def _is_pictures(address: str, path: Path) -> bool:
    if ADDRESS.match(address) or not (path.is_file() or path.is_dir()):
        return False
    return path.suffix.lower() not in VIDEOS and not _is_recording(path)


def _pictures(place: Path, depth: Path | None, viewpoint: Viewpoint, every: int) -> Source:
    files = _files(place)[::every]
    depths = _depths(depth, files) if depth else [None] * len(files)

    def shots() -> Generator[Shot, None, None]:
        for file, measured in zip(files, depths, strict=True):
            rgb = as_rgb(picture(file), file)
            check_size(f"{file}", rgb.shape[1], rgb.shape[0])
            metres = as_metres(picture(measured), 1000, measured) if measured else None
            yield Shot(file.stem, rgb, metres, viewpoint if measured else None, origin=str(file))

    return Source("picture", shots(), len(files), with_depth=depth is not None)


def _video(file: Path, every: int) -> Source:
    video, notes = VideoFile(file), list[str]()
    total = None if video.count is None else -(-video.count // every)

    def shots() -> Generator[Shot, None, None]:
        for number, rgb in video.frames(every):
            yield Shot(f"{number:06d}", rgb, origin=f"{file}: frame {number}")
        if not video.read:
            raise UserError(f"{file}: no frame of it can be decoded; it is damaged or empty")
        if video.count is not None and video.read < video.count:
            notes.append(f"{file}: it says {video.count} frames, {video.read} could be decoded")

    return Source("video", shots(), total, video.rate / every, notes=notes, release=video.close)


def _recording(recording: Recording, every: int) -> Source:
    frames, notes = UprightFrames(recording), recording.messages()
    numbers = range(0, len(recording), every)

    def shots() -> Generator[Shot, None, None]:
        failed: list[str] = []
        for index in numbers:
            try:
                rgb, depth = frames.rgb(index), frames.depth(index)
            except FrameError as error:
                failed.append(str(error))
                continue
            view = None
            if depth is not None and frames.poses is not None:
                _, height, _, _, pitch, roll = frames.poses[index].tolist()
                view = Viewpoint(frames.camera.vertical_fov, height, pitch, roll)
            number = int(recording.number[index])
            back = partial(frames.on_recorded_pixels, index)
            yield Shot(f"{number:06d}", rgb, depth, view, back, f"{recording.source}: frame {number}")
        if len(failed) == len(numbers):
            raise RecordingError(recording.source, f"no frame can be read; the last: {failed[-1]}")
        if failed:
            notes.append(f"{len(failed)} frames could not be read and were left out; the last: {failed[-1]}")

    step = float(np.median(np.diff(recording.time))) if len(recording) > 1 else 0.0
    rate = 1 / (step * every) if step > 0 else RATE
    return Source("recording", shots(), len(numbers), rate, recording.read_depth is not None, notes)


def _camera(address: str) -> Source:
    stream, notes = CameraStream(address), list[str]()

    def shots() -> Generator[Shot, None, None]:
        for number, rgb in enumerate(stream.pictures()):
            yield Shot(f"{number:06d}", rgb, origin=stream.name)
        notes.append(f"{stream.name}: {'no picture came any more' if stream.late else 'the stream ended'}")

    return Source("camera", shots(), notes=notes, release=stream.close)


def _files(place: Path) -> list[Path]:
    """The picture, or those of a folder in the order of their names."""
    if not place.is_dir():
        return [place]
    files = [f for f in sorted(place.iterdir()) if f.suffix.lower() in PICTURES and not f.name.startswith(".")]
    if not files:
        raise UserError(f"{place}: no .png or .jpg pictures there, and no recording ({', '.join(LAYOUTS)})")
    names: dict[str, Path] = {}
    for file in files:
        if file.stem in names:
            raise UserError(f"{file}: {names[file.stem].name} has the same name; keep one of them")
        names[file.stem] = file
    return files


def _depths(folder: Path, files: list[Path]) -> list[Path]:
    depths = [folder / f"{file.stem}.png" for file in files]
    missing = [file for file in depths if not file.is_file()]
    if missing:
        raise UserError(f"{missing[0]}: there is no such file, and {len(missing)} of {len(depths)} are missing")
    return depths
