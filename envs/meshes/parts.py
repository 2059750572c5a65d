"""Triangles read from a file, cleaned and assembled into a Scene."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..scene import VOID, Instance, Material, Scene
from .images import stacked
from .mesh_errors import FARTHEST, MAX_TRIANGLES, MeshError, MeshWarning

Up = Literal["y", "z", "-y"]
"""Which axis of a file points up. Files are right-handed, so z-up (x, y, z) is (x, z, -y) here, y-down (x, -y, -z)."""
DROPPED = "triangles with corners that are not finite or too far away", "triangles of no area"


@dataclass
class Part:
    """Triangles of one material and one instance."""

    name: str
    """For messages, and id of the instance."""
    vertices: NDArray[Any]
    """(V, 3)."""
    faces: NDArray[Any]
    """(F, 3) indices; of any integer type, not yet checked."""
    normals: NDArray[Any] | None = None
    """(V, 3) shading normals; computed from the faces if there are none."""
    uv: NDArray[Any] | None = None
    """(V, 2) in repeats of the texture, row 0 on top."""
    colours: NDArray[np.uint8] | None = None
    """(V, 3) sRGB."""
    material: int = 0
    instance: int = 1
    """Index into the instances."""


@dataclass
class Parts:
    """The contents of a file."""

    source: Path
    parts: list[Part] = field(default_factory=list)
    materials: list[Material] = field(default_factory=lambda: [Material("mesh", (0.8, 0.8, 0.8))])
    textures: list[NDArray[np.uint8]] = field(default_factory=list)
    """(128, 128, 4), with alpha."""
    instances: list[tuple[str, int]] = field(default_factory=lambda: [("void", 0)])
    """Id and class of every instance, void first."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Counts of ignored elements, by kind."""
    start: tuple[float, float, float] | None = None

    def scene(self, up: Up, scale: float = 1.0) -> Scene:
        """Everything as one Scene in our frame; MeshError if nothing is left, MeshWarning with the counts of ignored
        elements."""
        if up not in ("y", "z", "-y"):
            raise MeshError(self.source, "", f"up must be 'y', 'z' or '-y', not {up!r}")
        if not 0 < scale < 1e6:
            raise MeshError(self.source, "", f"scale must be positive, not {scale!r}")
        if sum(len(part.faces) for part in self.parts) > MAX_TRIANGLES:
            raise MeshError(self.source, "", f"more than {MAX_TRIANGLES} triangles")
        cleaned = [part for part in (self._clean(part, up, scale) for part in self.parts) if len(part.faces)]
        if not cleaned:
            raise MeshError(self.source, "", f"it holds no triangle that can be drawn{self._dropped_counts()}")
        offsets = np.cumsum([0, *(len(part.vertices) for part in cleaned)])
        counts = [len(part.faces) for part in cleaned]
        coloured = any(part.colours is not None for part in cleaned)
        vertices = np.concatenate([part.vertices for part in cleaned])
        faces = np.concatenate([p.faces + first for p, first in zip(cleaned, offsets[:-1], strict=True)])
        face_instance = np.repeat([part.instance for part in cleaned], counts).astype(np.int32)
        scene = Scene(
            vertices=vertices,
            normals=np.concatenate([part.normals for part in cleaned if part.normals is not None]),
            uv=np.concatenate([part.uv for part in cleaned if part.uv is not None]),
            faces=faces.astype(np.int32),
            face_material=np.repeat([part.material for part in cleaned], counts).astype(np.int32),
            face_instance=face_instance,
            materials=self.materials,
            **stacked(self.textures),  # type: ignore[arg-type]  # of two kinds
            instances=self._boxes(vertices, faces, face_instance),
            start=self.start,
            source=str(self.source),
            vertex_colour=np.concatenate([_colours(part) for part in cleaned]) if coloured else None,
        )
        if self.dropped:
            warnings.warn(f"{self.source}{self._dropped_counts()}", MeshWarning, stacklevel=3)
        return scene

    def _dropped_counts(self) -> str:
        return "".join(f"; left out: {count} {what}" for what, count in self.dropped.items() if count)

    def _clean(self, part: Part, up: Up, scale: float) -> Part:
        """The part in our frame without its bad triangles and unused vertices, with normals and uv."""
        vertices = np.asarray(part.vertices, np.float64) * scale
        faces = np.asarray(part.faces, np.int64).reshape(-1, 3)
        if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
            row = int(np.argmax(((faces < 0) | (faces >= len(vertices))).any(axis=1)))
            raise MeshError(
                self.source, f"{part.name}, triangle {row}",
                f"names vertices {faces[row].tolist()}, but there are {len(vertices)}",
            )  # fmt: skip
        with np.errstate(invalid="ignore", over="ignore"):
            fine = np.logical_and.reduce(np.isfinite(vertices) & (np.abs(vertices) < FARTHEST), axis=1)
        whole = fine[faces].all(axis=1)
        self._drop(DROPPED[0], len(faces) - int(whole.sum()))
        faces = faces[whole]
        vertices = np.where(fine[:, None], vertices, 0.0).astype(np.float32)
        a, b, c = (vertices[faces[:, i]].astype(np.float64) for i in range(3))
        cross = np.cross(b - a, c - a)
        area = np.linalg.norm(cross, axis=1)
        longest = np.maximum.reduce([np.square(b - a).sum(1), np.square(c - a).sum(1), np.square(c - b).sum(1)])
        solid: NDArray[np.bool_] = np.greater(area, 1e-10 * longest)
        self._drop(DROPPED[1], len(faces) - int(solid.sum()))
        faces, cross = faces[solid], cross[solid]
        normals = _normals(part.normals, vertices, faces, cross)
        used, compact = np.unique(faces, return_inverse=True)
        uv = np.zeros((len(vertices), 2)) if part.uv is None else np.asarray(part.uv, np.float64)
        # Whole repeats are the same texels, and small numbers keep their digits.
        uv = np.where((np.isfinite(uv) & (np.abs(uv) < 1e6)).all(axis=1, keepdims=True), uv, 0.0)
        return Part(
            part.name, _turned(vertices[used], up), compact.reshape(-1, 3), _turned(normals[used], up),
            uv[used].astype(np.float32), None if part.colours is None else part.colours[used],
            part.material, part.instance,
        )  # fmt: skip

    def _drop(self, what: str, count: int) -> None:
        if count:
            self.dropped[what] += count

    def _boxes(
        self, vertices: NDArray[np.float32], faces: NDArray[np.int64], owner: NDArray[np.int32]
    ) -> list[Instance]:
        """The instances with their boxes along the axes."""
        count = len(self.instances)
        low, high = np.full((count, 3), np.inf), np.full((count, 3), -np.inf)
        for corner in faces.T:
            np.minimum.at(low, owner, vertices[corner])
            np.maximum.at(high, owner, vertices[corner])
        empty = low[:, :1] > high[:, :1]
        low, high = np.where(empty, 0.0, low), np.where(empty, 0.0, high)
        boxes = [VOID]
        for (name, class_id), a, b in zip(self.instances[1:], low[1:], high[1:], strict=True):
            (x, y, z), (width, height, depth) = ((a + b) / 2).tolist(), (b - a).tolist()
            boxes.append(Instance(name, class_id, (x, y, z), (width, height, depth), 0.0))
        return boxes


def _colours(part: Part) -> NDArray[np.uint8]:
    return np.full((len(part.vertices), 3), 255, np.uint8) if part.colours is None else part.colours


def _turned(points: NDArray[Any], up: Up) -> NDArray[np.float32]:
    if up == "z":
        points = np.stack([points[:, 0], points[:, 2], -points[:, 1]], axis=1)
    elif up == "-y":
        points = points * (1, -1, -1)
    return np.ascontiguousarray(points, np.float32) + np.float32(0)  # no negative zeros


def _normals(
    stored: NDArray[Any] | None, vertices: NDArray[Any], faces: NDArray[np.int64], cross: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unit normals (V, 3): the file's if valid, else the area-weighted mean of the adjacent faces."""
    made = np.zeros((len(vertices), 3))
    for corner in faces.T:
        for axis in range(3):
            made[:, axis] += np.bincount(corner, cross[:, axis], minlength=len(vertices))
    length = np.linalg.norm(made, axis=1, keepdims=True)
    made = np.where(length > 0, made / np.where(length > 0, length, 1.0), (0.0, 1.0, 0.0))
    if stored is None:
        return made
    normals = np.asarray(stored, np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        sound = np.isfinite(length) & (length > 1e-6)
    return np.where(sound, np.where(sound, normals, 1.0) / np.where(sound, length, 1.0), made)


def triangles(polygons: NDArray[Any]) -> NDArray[np.int64]:
    """(n * (k - 2), 3): convex polygons (n, k) as fans, polygon by polygon."""
    corners = np.asarray(polygons, np.int64)
    k = corners.shape[1]
    fans = [corners[:, [0, i, i + 1]] for i in range(1, k - 1)]
    return np.stack(fans, axis=1).reshape(-1, 3) if fans else np.zeros((0, 3), np.int64)
