"""Depth maps in OpenEXR files, by the library OpenEXR (extra `exr`)."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .recording import FrameError, RecordingError
from .recording_files import MAX_PICTURE_BYTES, MAX_SIDE

CHANNELS = ("R", "Z", "Y", "A")
"""Names of the channel that holds depth, the first that is there: Record3D writes R."""
MAX_CHANNELS = 8


def read_exr(file: Path) -> NDArray[np.float32]:
    """Depth, float32 (h, w), of the first of CHANNELS; FrameError if the file is damaged, too large or without one.

    RecordingError without the library.
    """
    library = _openexr(file)
    try:
        with file.open("rb") as data:  # the library does not tell why it cannot open a file
            if os.fstat(data.fileno()).st_size > MAX_PICTURE_BYTES:
                raise FrameError(file, "it is too large")
        with library.File(str(file), separate_channels=True, header_only=True, num_threads=1) as opened:
            header = opened.header()
            (left, top), (right, bottom) = (corner.tolist() for corner in header["dataWindow"])
            channels = [channel.name for channel in header["channels"]]
            flat = header["type"] in (library.scanlineimage, library.tiledimage)
            one = len(opened.parts) == 1
        sides = (right - left + 1, bottom - top + 1)
        if not (one and flat and len(channels) <= MAX_CHANNELS and all(0 < side <= MAX_SIDE for side in sides)):
            raise FrameError(file, f"{sides[0]} x {sides[1]} pixels of {len(channels)} channels are not read")
        name = next((name for name in CHANNELS if name in channels), None)
        if name is None:
            raise FrameError(file, f"it has none of the channels {', '.join(CHANNELS)}")
        with library.File(str(file), separate_channels=True, num_threads=1) as opened:
            return np.array(opened.channels()[name].pixels, np.float32)
    except FrameError:
        raise
    except OSError as error:
        raise FrameError(file, f"it cannot be read ({error.strerror})") from None
    except Exception as error:  # of several kinds, by version
        raise FrameError(file, f"it is no OpenEXR file, or damaged ({str(error)[:100]})") from None


def has_openexr() -> bool:
    """Whether the library is installed."""
    with contextlib.suppress(RecordingError):
        _openexr(Path("OpenEXR"))
        return True
    return False


def _openexr(file: Path) -> Any:
    try:
        import OpenEXR
    except ImportError:
        raise RecordingError(file, "reading OpenEXR needs OpenEXR: pip install 'testspace[exr]'") from None
    return OpenEXR
