"""The catalogue: the mesh of each asset, in the asset's axes, centred, front at +z, filling its box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..house.assets import Asset, asset
from ..house.classes import FOLDED, OBJECT_TYPES
from ..materials.materials import kind_of, named
from ..scene import Material
from . import appliances, bathroom, beds, decor, food, lamps, seating, storage, tables, things, tools, vessels
from .palette import Palette
from .shapes import Floats, Mesh, box, join, unit

Builder = Callable[[float, float, float, Palette], Mesh]
"""(width x, height y, depth z, looks) -> a mesh of about that size; the catalogue fits it to the box."""


@dataclass(frozen=True)
class Model:
    """An asset's mesh, ready to place."""

    vertices: Floats
    """(V, 3) about the centre of the box."""
    normals: Floats
    """(V, 3)."""
    uv: Floats
    """(V, 2) metres."""
    faces: NDArray[np.int64]
    """(F, 3)."""
    face_material: NDArray[np.int64]
    """(F,) index into `materials`."""
    materials: tuple[Material, ...]
    main: int
    """Index of the material with the largest area."""


def _block(w: float, h: float, d: float, palette: Palette) -> Mesh:
    """A plain box, in the asset's first material."""
    names = palette.asset.materials
    look = named(names[0]) if names and kind_of(names[0]) else palette.of("plastic")
    return Mesh().add(look, box(-w / 2, w / 2, 0, h, -d / 2, d / 2))


BUILDERS: dict[str, Builder] = {
    name: build
    for family in (seating, tables, beds, storage, appliances, bathroom, lamps, decor, vessels, food, things, tools)
    for name, build in family.BUILDERS.items()
}
"""The builder of each type's mesh."""

BOX_TYPES: tuple[str, ...] = tuple(sorted(name for name in (*OBJECT_TYPES, *FOLDED) if name not in BUILDERS))
"""Asset types that are drawn as boxes."""


@lru_cache(maxsize=2048)
def model(asset_id: str, variant: int = 0) -> Model:
    """The mesh of an asset of the database, the same in every house and process. KeyError for an unknown id.

    variant: another number is another shape and look of the same type and size.
    """
    return fitted(asset(asset_id), variant)


def fitted(entry: Asset, variant: int = 0) -> Model:
    """The mesh of an asset, fitted to its box to the last digit."""
    size = np.maximum(np.array(entry.size, float), 1e-3)
    width, height, depth = (float(s) for s in size)
    mesh = BUILDERS.get(entry.type, _block)(width, height, depth, Palette(entry, variant))
    low, high = mesh.bounds()
    factors = size / np.maximum(high - low, 1e-9)
    looks: dict[Material, int] = {}
    numbers = [looks.setdefault(material, len(looks)) for _, material in mesh.parts]
    whole = join([part for part, _ in mesh.parts])
    vertices = (whole.vertices - (low + high) / 2) * factors
    owner = np.repeat(numbers, [len(part.faces) for part, _ in mesh.parts])
    corner = vertices[whole.faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2
    keep = area > 1e-12
    main = int(np.argmax(np.bincount(owner, area, len(looks))))
    return Model(vertices, unit(whole.normals / factors), whole.uv, whole.faces[keep], owner[keep], tuple(looks), main)
