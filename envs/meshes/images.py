"""Pictures of a mesh file as textures of a Scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.pictures import picture_size
from ..scene import TEXTURE_SIZE
from .mesh_errors import MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, MeshError


def decode(data: bytes, source: Path, element: str) -> NDArray[np.uint8]:
    """A PNG or JPEG as uint8 (128, 128, 4), sRGB and alpha, row 0 on top; MeshError if it is damaged or too large."""
    import cv2

    size = picture_size(data)
    if size is None:
        raise MeshError(source, element, "the texture is neither PNG nor JPEG")
    if len(data) > MAX_IMAGE_BYTES or not 0 < min(size) <= max(size) <= MAX_IMAGE_SIDE:
        raise MeshError(source, element, f"the texture is too large ({size[0]} x {size[1]}, {len(data)} bytes)")
    if data[:2] == b"\xff\xd8" and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise MeshError(source, element, "the texture is cut off: a JPEG without its end")  # OpenCV would fill it up
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        raise MeshError(source, element, "the texture is damaged")
    small = np.full((TEXTURE_SIZE, TEXTURE_SIZE, 4), 255, np.uint8)
    if whole is not None and whole.ndim == 3 and whole.shape[2] == 4 and whole.shape[:2] == picture.shape[:2]:
        # means over solid texels only: the colours of holes are undefined
        weighed = _weighed(picture, whole[..., 3])
        weighed = np.asarray(
            cv2.resize(weighed, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_AREA), np.float32
        )
        small[..., :3] = np.rint(weighed[..., 2::-1] / np.maximum(weighed[..., 3:], 1e-6)).clip(0, 255)
        small[..., 3] = np.rint(255 * weighed[..., 3])
    else:
        small[..., :3] = cv2.resize(picture, small.shape[:2], interpolation=cv2.INTER_AREA)[..., ::-1]
    return small


def _weighed(picture: NDArray[Any], alpha: NDArray[Any]) -> NDArray[np.float32]:
    """Colours times alpha, and alpha, float32 (h, w, 4); large pictures are made smaller.

    Strip by strip, as the numbers of a whole large picture would take a gigabyte.
    """
    import cv2

    factor = max(1, min(alpha.shape) // 2048)
    height, width = (side // factor * factor for side in alpha.shape)
    strips = []
    for first in range(0, height, 64 * factor):
        rows = slice(first, min(first + 64 * factor, height)) if factor > 1 else slice(None)
        columns = slice(0, width if factor > 1 else None)
        solid = alpha[rows, columns].astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max)
        strip = np.concatenate([picture[rows, columns] * solid[..., None], solid[..., None]], axis=2)
        if factor == 1:
            return strip
        size = (strip.shape[1] // factor, strip.shape[0] // factor)
        strips.append(cv2.resize(strip, size, interpolation=cv2.INTER_AREA))
    return np.concatenate(strips)


def stacked(textures: list[NDArray[np.uint8]]) -> dict[str, NDArray[np.uint8] | None]:
    """Textures (128, 128, 3 or 4) as `textures` and `texture_alpha` of a Scene."""
    colour = np.array([t[..., :3] for t in textures], np.uint8).reshape(-1, TEXTURE_SIZE, TEXTURE_SIZE, 3)
    alpha = np.array([t[..., 3] if t.shape[2] == 4 else np.full(t.shape[:2], 255) for t in textures], np.uint8)
    return {"textures": colour, "texture_alpha": alpha if alpha.size and alpha.min() < 255 else None}


def encode(texture: NDArray[np.uint8]) -> bytes:
    """A texture, uint8 (H, W, 3) or with alpha (H, W, 4), as PNG."""
    import cv2

    order = [2, 1, 0, 3][: texture.shape[2]]
    return bytes(cv2.imencode(".png", np.ascontiguousarray(texture[..., order]))[1])
