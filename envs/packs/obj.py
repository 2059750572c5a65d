"""OBJ and MTL files as triangles with materials: the subset of the formats that furniture libraries use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from .library import Library, PackError

MAX_CORNERS = 2_000_000
"""Corners of all faces of a model."""


@dataclass
class Surface:
    """The look of a material: sRGB 0 to 1, the texture's file in the library or None, and the opacity."""

    rgb: tuple[float, float, float] = (0.8, 0.8, 0.8)
    texture: str | None = None
    opacity: float = 1.0


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
    surfaces: list[Surface]

    def crosses(self) -> NDArray[np.float64]:
        """(F, 3): along each triangle's own normal, as long as twice its area."""
        corner = self.vertices[self.faces]
        crosses: NDArray[np.float64] = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        return crosses

    def area(self) -> float:
        """Total area of all triangles."""
        return float(np.linalg.norm(self.crosses(), axis=1).sum() / 2)


@dataclass
class _Reader:
    where: str
    v: list[list[float]] = field(default_factory=list)
    vt: list[list[float]] = field(default_factory=list)
    vn: list[list[float]] = field(default_factory=list)
    corners: list[tuple[int, int, int]] = field(default_factory=list)
    surface: list[int] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)

    def read(self, text: str) -> None:
        current = 0
        for number, line in enumerate(text.splitlines(), 1):
            word, _, rest = line.strip().partition(" ")
            try:
                if word in ("v", "vn"):
                    getattr(self, word).append([float(x) for x in rest.split()[:3]])
                elif word == "vt":
                    self.vt.append([float(x) for x in rest.split()[:2]])
                elif word == "usemtl":
                    current = self.names.setdefault(rest.strip(), len(self.names))
                elif word == "mtllib":
                    self.libraries.append(rest.strip())
                elif word == "f":
                    corners = [self._corner(part) for part in rest.split()]
                    for i in range(1, len(corners) - 1):
                        self.corners += (corners[0], corners[i], corners[i + 1])
                        self.surface.append(current)
            except (ValueError, IndexError):
                raise PackError(f"{self.where}: line {number}: {line.strip()[:60]!r} cannot be read") from None
            if len(self.corners) > MAX_CORNERS:
                raise PackError(f"{self.where}: line {number}: more than {MAX_CORNERS // 3} triangles")

    def _corner(self, part: str) -> tuple[int, int, int]:
        numbers = [*part.split("/"), "", ""][:3]
        indices = []
        for number, known in zip(numbers, (self.v, self.vt, self.vn), strict=True):
            index = int(number) if number else 0
            index = index - 1 if index > 0 else len(known) + index if index < 0 else -1
            if not -1 <= index < len(known):
                raise IndexError
            indices.append(index)
        if indices[0] < 0:
            raise IndexError
        return indices[0], indices[1], indices[2]


def read_model(library: Library, model: str) -> Triangles:
    """The triangles of an OBJ file of the library, except those without area. PackError if it cannot be read."""
    where = f"{library.path}: {model!r}"
    reader = _Reader(where)
    reader.read(library.read(model).decode("latin-1"))
    folder = PurePosixPath(model).parent
    looks: dict[str, Surface] = {}
    for name in reader.libraries:
        if (path := (folder / name).as_posix()) in library:
            looks |= _materials(library, path)
    corners = np.array(reader.corners, np.int64).reshape(-1, 3)
    places = _rows(reader.v, 3, where)[corners[:, 0]].reshape(-1, 3, 3)
    cross = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
    size = np.linalg.norm(cross, axis=1)
    extent = np.ptp(places.reshape(-1, 3), axis=0).max() if len(places) else 0.0
    keep = size > 1e-12 * extent**2
    if not keep.any():
        raise PackError(f"{where}: it has no triangles")
    kept_corners = np.repeat(keep, 3)
    flat = np.repeat(cross[keep] / size[keep, None], 3, axis=0)
    corners = corners[kept_corners]
    stored = _rows([*reader.vn, [0.0, 0.0, 0.0]], 3, where)[corners[:, 2]]
    length = np.linalg.norm(stored, axis=1, keepdims=True)
    normals = np.where(length > 1e-6, stored / np.maximum(length, 1e-6), flat)
    uv = _rows([*reader.vt, [0.0, 0.0]], 2, where)[corners[:, 1]] * (1.0, -1.0)
    rows = np.concatenate([places[keep].reshape(-1, 3), normals, uv], axis=1)
    merged, number = np.unique(rows, axis=0, return_inverse=True)
    names = [*reader.names] or [""]
    return Triangles(
        merged[:, :3], merged[:, 3:6], merged[:, 6:], number.reshape(-1, 3), np.array(reader.surface, np.int64)[keep],
        [looks.get(name, Surface()) for name in names],
    )  # fmt: skip


def _rows(values: list[list[float]], width: int, where: str) -> NDArray[np.float64]:
    if any(len(row) != width for row in values):
        raise PackError(f"{where}: a vertex does not have {width} coordinates")
    rows = np.array(values, np.float64).reshape(-1, width)
    if not np.isfinite(rows).all():
        raise PackError(f"{where}: vertex {int(np.argmin(np.isfinite(rows).all(1))) + 1} is not finite")
    return rows


def _materials(library: Library, path: str) -> dict[str, Surface]:
    surfaces: dict[str, Surface] = {}
    for word, rest in _lines(library.read(path)):
        if word == "newmtl":
            surfaces[rest] = surface = Surface()
        elif surfaces and word == "Kd":
            try:
                r, g, b = (min(1.0, max(0.0, float(x))) for x in rest.split()[:3])
            except ValueError:
                continue
            surface.rgb = (r, g, b)
        elif surfaces and word == "d":
            with suppress(ValueError, IndexError):
                surface.opacity = min(1.0, max(0.0, float(rest.split()[-1])))
        elif surfaces and word == "map_Kd":
            file = (PurePosixPath(path).parent / rest.split("\\")[-1].strip()).as_posix()
            surface.texture = file if file in library else None
    return surfaces


def _lines(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode("latin-1").splitlines():
        word, _, rest = line.strip().partition(" ")
        yield word, rest.strip()
