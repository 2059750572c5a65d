"""The OBJ and MTL files of furniture libraries as triangles with materials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ..meshes.obj_format import Look, OBJSyntaxError, library_names, parse_mtl, parse_obj
from .library import Library, PackError

MAX_TRIANGLES = 666_666
"""Triangles of a model."""


@dataclass
class Triangles:
    """A model in its file's own units."""

    vertices: NDArray[np.float64]
    """(V, 3)."""
    normals: NDArray[np.float64]
    """(V, 3) unit."""
    uv: NDArray[np.float64]
    """(V, 2) in repeats of the texture, v growing downwards."""
    faces: NDArray[np.int64]
    """(F, 3)."""
    surface: NDArray[np.int64]
    """(F,) index into `surfaces`."""
    surfaces: list[Look]

    def crosses(self) -> NDArray[np.float64]:
        """(F, 3): along each triangle's own normal, as long as twice its area."""
        corner = self.vertices[self.faces]
        crosses: NDArray[np.float64] = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return crosses

    def area(self) -> float:
        """Total area of all triangles."""
        return float(np.linalg.norm(self.crosses(), axis=1).sum() / 2)


def read_model(library: Library, model: str) -> Triangles:
    """The triangles of an OBJ file of the library, except those without area. PackError if it cannot be read."""
    where = f"{library.path}: {model!r}"
    try:
        data = parse_obj(library.read(model), MAX_TRIANGLES)
    except OBJSyntaxError as error:
        raise PackError(f"{where}: {error}") from None
    folder = PurePosixPath(model).parent
    looks: dict[str, Look] = {}
    paths = [(folder / name).as_posix() for _, text in data.libraries for name in library_names(text)]
    for path in dict.fromkeys(path for path in paths if path in library):
        looks |= _materials(library, path)
    corners = data.corners.reshape(-1, 3)
    places = _finite(data.vertices, where)[corners[:, 0]].reshape(-1, 3, 3)
    cross = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    size = np.linalg.norm(cross, axis=1)
    extent = np.ptp(places.reshape(-1, 3), axis=0).max() if len(places) else 0.0
    keep = size > 1e-12 * extent**2
    if not keep.any():
        raise PackError(f"{where}: it has no triangles")
    kept_corners = np.repeat(keep, 3)
    flat = np.repeat(cross[keep] / size[keep, None], 3, axis=0)
    corners = corners[kept_corners]
    stored = np.vstack([_finite(data.normals, where), np.zeros((1, 3))])[corners[:, 2]]
    length = np.linalg.norm(stored, axis=1, keepdims=True)
    normals = np.where(length > 1e-6, stored / np.maximum(length, 1e-6), flat)
    uv = np.vstack([_finite(data.uv, where), np.zeros((1, 2))])[corners[:, 1]] * (1.0, -1.0)
    rows = np.concatenate([places[keep].reshape(-1, 3), normals, uv], axis=1)
    merged, number = np.unique(rows, axis=0, return_inverse=True)
    unnamed = int(len(data.names) == 1 or bool((data.material == 0).any()))  # whether faces precede every usemtl
    return Triangles(
        merged[:, :3], merged[:, 3:6], merged[:, 6:], number.reshape(-1, 3), data.material[keep] - (1 - unnamed),
        [looks.get(name, Look()) for name in data.names[1 - unnamed :]],
    )  # fmt: skip


def _finite(rows: NDArray[np.float64], where: str) -> NDArray[np.float64]:
    if not np.isfinite(rows).all():
        raise PackError(f"{where}: vertex {int(np.argmin(np.isfinite(rows).all(1))) + 1} is not finite")
    return rows


def _materials(library: Library, path: str) -> dict[str, Look]:
    """The materials of an MTL file, whose textures are those of the library; invalid lines have no effect."""
    looks, _ = parse_mtl(library.read(path))
    for look in looks.values():
        if look.texture is not None:
            file = (PurePosixPath(path).parent / look.texture.split("\\")[-1]).as_posix()
            look.texture = file if file in library else None
    return looks
