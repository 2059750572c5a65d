"""Frames at the resolution that a policy was trained at: the same ray hits, fewer or repeated pixels."""

from __future__ import annotations

import numpy as np

from ...core.frame import FRAME_SPEC, Camera, Frame
from .protocol import PolicyError


def resampled(frame: Frame, height: int, width: int) -> Frame:
    """The frame with images of this size: each pixel is the ray hit that is nearest to its middle."""
    high, wide = frame["depth"].shape
    if (high, wide) == (height, width):
        return frame
    rows = ((np.arange(height) + 0.5) * high / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * wide / width).astype(np.int64)
    return {key: value[np.ix_(rows, columns)] if key in FRAME_SPEC else value for key, value in frame.items()}


def check_shape(name: str, height: int, width: int, camera: Camera) -> None:
    """PolicyError where pictures of this size cannot show what the camera sees: it has another shape."""
    if abs(width * camera.height / (height * camera.width) - 1) > 0.02:
        raise PolicyError(
            f"{name}: it takes pictures of {width} x {height} pixels, this camera gives {camera.width} x "
            f"{camera.height}, another shape; train it on that shape, or run it with a camera of its own"
        )
