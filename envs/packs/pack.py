"""An installed furniture pack: the model for each asset, fitted to the asset's box."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.cache import cache_folder
from ..furniture.rests import RESTS, rest_height
from ..house.assets import Asset
from ..meshes.images import decode
from ..meshes.mesh_errors import MeshError
from .decimate import decimated
from .library import Entry, Library, PackError
from .obj import Triangles, read_model
from .types import TYPES

NAMES = ("sweethome3d",)
"""Names of the known packs."""
MAX_TRIANGLES = 6_000
"""Models with more are decimated: a fork of 14,000 triangles costs time and shows nothing more."""
LEAST_AREA = 0.75
"""Share of its area that a decimated model must keep; plants with loose leaves may fail."""
MAX_STRETCH = 1.8
"""Largest ratio of the stretch factors along two sides of a model's box."""
SEATS = ("ArmChair", "Bed", "Chair", "Sofa")
"""Types on which objects rest below the top."""
_CHOICE = 4
"""Number of best-proportioned models from which one is drawn, seeded by the asset's name."""


@dataclass(frozen=True)
class Fitted:
    """A model in an asset's axes: centred, its front at +z, filling its box."""

    entry: Entry
    triangles: Triangles
    textures: dict[str, NDArray[np.uint8]]
    """Pictures (128, 128, 4) by their files; damaged ones are left out."""


class FurniturePack:
    """The libraries of one folder. PackError if one cannot be used or there is none."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.sh3f"))
        if not files:
            raise PackError(f"{folder}: holds no furniture library (*.sh3f)")
        self.libraries = {library.path.stem: library for library in map(Library, files)}
        self._entries = {
            kind: [
                entry
                for library in self.libraries.values()
                for entry in library.entries
                if re.fullmatch(pattern, entry.key) and min(entry.size) > 0
            ]
            for kind, pattern in TYPES.items()
        }
        self._model = lru_cache(maxsize=512)(self._read)
        self._fit = lru_cache(maxsize=2048)(self._fitted)

    def model(self, asset: Asset) -> Fitted | None:
        """The model for an asset, always the same one; None if none is of its type and near its proportions."""
        return self._fit(asset)

    def _fitted(self, asset: Asset) -> Fitted | None:
        size = np.maximum(np.array(asset.size, float), 1e-3)
        suited = []
        for entry in self._entries.get(asset.type, ()):
            factors = size / np.array(entry.size)
            stretch = float(factors.max() / factors.min())
            if stretch <= MAX_STRETCH:
                suited.append((stretch, entry.key, entry))
        suited.sort(key=lambda each: each[:2])
        first = zlib.crc32(asset.asset_id.encode()) % max(1, min(_CHOICE, len(suited)))
        # The drawn one first, then the others in the order of their proportions, until one is light enough.
        for _, _, entry in suited[first : first + 1] + suited[:first] + suited[first + 1 :]:
            triangles = self._model(entry)
            if triangles is None:
                continue
            turned = triangles.vertices @ entry.turn.T
            low, high = turned.min(0), turned.max(0)
            factors = size / np.maximum(high - low, 1e-9)
            normals = triangles.normals @ entry.turn.T / factors
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
            vertices = (turned - (low + high) / 2) * factors
            vertices[:, 1] = _with_rest(vertices[:, 1], size[1], entry.rest, _rest(asset))
            moved = Triangles(vertices, normals, triangles.uv, triangles.faces, triangles.surface, triangles.surfaces)
            return Fitted(entry, moved, self._textures(entry, triangles))
        return None

    def _read(self, entry: Entry) -> Triangles | None:
        """None for a model that is broken, or cannot be made light enough: another one takes its place."""
        try:
            triangles = read_model(self.libraries[entry.library], entry.model)
        except PackError:
            return None
        light = decimated(triangles, MAX_TRIANGLES)
        kept = light.area() >= LEAST_AREA * triangles.area()
        return light if kept and len(light.faces) <= MAX_TRIANGLES else None

    def _textures(self, entry: Entry, triangles: Triangles) -> dict[str, NDArray[np.uint8]]:
        library = self.libraries[entry.library]
        pictures = {}
        for file in sorted({surface.texture for surface in triangles.surfaces if surface.texture}):
            try:
                pictures[file] = decode(library.read(file), library.path, file)
            except (MeshError, PackError):
                continue  # a few are broken as shipped: the plain colour replaces them
        return pictures


def _rest(asset: Asset) -> float | None:
    """Metres above an asset's foot at which things rest on it; None if that is on top of it."""
    if asset.type in SEATS:
        return rest_height(asset.asset_id, asset.type, asset.size[1])
    return RESTS.get(asset.asset_id)


def _with_rest(y: NDArray[np.float64], height: float, share: float | None, rest: float | None) -> NDArray[np.float64]:
    """Heights about the middle, what lies below and above the seat or mattress stretched each by its own factor, so
    that it comes where the houses put pillows. share: where the model has it; rest: metres, where the asset has it."""
    if share is None or rest is None or not 0.05 * height < rest < 0.98 * height:
        return y
    knots, heights = [0.0, share * height, height], [0.0, rest, height]
    return np.interp(y + height / 2, knots, heights) - height / 2


def pack_folder(name: str) -> Path:
    """Where a pack is installed."""
    if name not in NAMES:
        raise PackError(f"no furniture pack {name!r}; there is: {', '.join(NAMES)}")
    return cache_folder() / "assets" / name


def open_pack(name: str) -> FurniturePack:
    """An installed pack. PackError, saying how to install it, where it is not."""
    folder = pack_folder(name)
    if not folder.is_dir():
        raise PackError(f"the furniture pack {name!r} is not installed: run `testspace assets install`")
    return FurniturePack(folder)
