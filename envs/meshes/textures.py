"""The textures of one mesh file: each picture is decoded once, and all together are bounded."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.pictures import picture_size
from .images import decode
from .mesh_errors import MAX_IMAGE_BYTES, MeshError, read_bytes

MAX_PIXELS = 2**29
"""Pixels of all textures of a mesh: 128 pictures of 2048 x 2048."""


class Textures:
    """Decoded pictures of a mesh, equal ones once."""

    def __init__(self) -> None:
        self.pictures: list[NDArray[np.uint8]] = []
        """uint8 (128, 128, 4), sRGB and alpha."""
        self._numbers: dict[bytes, int] = {}
        self._files: dict[Path, int] = {}
        self._pixels = 0

    def file(self, path: Path) -> int:
        """Index of the picture in a file; MeshError if it is missing, damaged or too large."""
        if path not in self._files:
            self._files[path] = self.add(read_bytes(path, MAX_IMAGE_BYTES), path, "")
        return self._files[path]

    def add(self, data: bytes, source: Path, element: str) -> int:
        """Index of the picture that the bytes of a PNG or JPEG hold.

        MeshError if it is damaged or too large, or if all pictures together exceed MAX_PIXELS.
        """
        digest = blake2b(data, digest_size=16).digest()
        if digest not in self._numbers:
            width, height = picture_size(data) or (0, 0)
            if self._pixels + width * height > MAX_PIXELS:
                raise MeshError(
                    source, element,
                    f"the textures have more than {MAX_PIXELS >> 20} million pixels together; make them smaller",
                )  # fmt: skip
            self.pictures.append(decode(data, source, element))
            self._pixels += width * height
            self._numbers[digest] = len(self.pictures) - 1
        return self._numbers[digest]
