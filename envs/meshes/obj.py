"""Wavefront OBJ files as Scenes of one unlabelled object, with the base colours and textures of their MTL files.

Only files in the OBJ's own folder, or in folders of it, are opened.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..scene import Material, Scene
from .images import decode
from .mesh_errors import MAX_IMAGE_BYTES, MAX_TRIANGLES, MeshError, read_bytes
from .parts import Part, Parts, Up

MAX_OBJ = 2**28
"""Most bytes of an OBJ or MTL file: its text takes several times as much memory."""


def load_obj(path: Path, up: Up = "y", scale: float = 1.0) -> Scene:
    """An OBJ file as a scene. MeshError names the invalid line, or the referenced file outside the folder."""
    return _Reader(path).parts.scene(up, scale)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = Parts(path, instances=[("void", 0), ("mesh", 0)])
        self.materials: dict[str, int] = {}
        self.files: dict[Path, int] = {}
        self.rows: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
        self.corners: dict[int, list[list[int]]] = {}
        """Corners by material, three a triangle, as (vertex, texture, normal), -1 for none."""
        self._read()
        for material, corners in self.corners.items():
            self._part(material, corners)

    def _read(self) -> None:
        current, triangles = 0, 0
        for number, line in enumerate(read_bytes(self.path, MAX_OBJ).decode("latin-1").split("\n"), start=1):
            kind, _, rest = line.strip().partition(" ")
            try:
                if kind in self.rows:
                    least = 2 if kind == "vt" else 3
                    self.rows[kind].append([float(word) for word in rest.split()[: 6 if kind == "v" else least]])
                    if len(self.rows[kind][-1]) < least:
                        raise ValueError(f"{least} numbers are needed")
                elif kind == "f":
                    corners = [self._corner(word) for word in rest.split()]
                    if len(corners) < 3:
                        self.parts.dropped["polygons of fewer than 3 corners"] += 1
                        continue
                    triangles += len(corners) - 2
                    if triangles > MAX_TRIANGLES:
                        raise ValueError(f"more than {MAX_TRIANGLES} triangles")
                    group = self.corners.setdefault(current, [])
                    for i in range(1, len(corners) - 1):
                        group += [corners[0], corners[i], corners[i + 1]]
                elif kind == "usemtl":
                    current = self.materials.get(rest.strip(), 0)
                    if rest.strip() not in self.materials:
                        self.parts.dropped["uses of materials that are nowhere described"] += 1
                elif kind == "mtllib":
                    self._read_materials(rest.strip(), f"line {number}")
            except MeshError:
                raise
            except ValueError as error:
                raise MeshError(self.path, f"line {number}", f"{line.strip()[:80]!r}: {error}") from None

    def _corner(self, word: str) -> list[int]:
        indices = [-1, -1, -1]
        for place, (text, kind) in enumerate(zip(word.split("/"), self.rows, strict=False)):
            if text:
                index, known = int(text), len(self.rows[kind])
                indices[place] = index - 1 if index > 0 else known + index
                if index == 0 or not 0 <= indices[place] < known:
                    raise ValueError(f"names {kind} {index}, but {known} precede it")
        if indices[0] < 0:
            raise ValueError("a corner without a vertex")
        return indices

    def _part(self, material: int, corners: list[list[int]]) -> None:
        keys, faces = np.unique(np.array(corners, np.int64), axis=0, return_inverse=True)
        rows = [self.rows["v"][i] for i in keys[:, 0]]
        coloured = all(len(row) == 6 for row in rows)
        normals = uv = None
        if (keys[:, 2] >= 0).all():
            normals = np.array([self.rows["vn"][i] for i in keys[:, 2]])
        if (keys[:, 1] >= 0).all():
            uv = np.array([self.rows["vt"][i] for i in keys[:, 1]]) * (1, -1) + (0, 1)
        elif self.parts.materials[material].texture >= 0:
            self.parts.dropped["materials' textures, for want of vt"] += 1
        shares = np.array([row[3:] for row in rows]) if coloured else None
        self.parts.parts.append(
            Part(
                f"faces of material {self.parts.materials[material].name}", np.array([row[:3] for row in rows]),
                faces.reshape(-1, 3), normals, uv,
                None if shares is None else np.round(np.clip(np.nan_to_num(shares), 0, 1) * 255).astype(np.uint8),
                material,
            )
        )  # fmt: skip

    def _inside(self, name: str, element: str) -> Path:
        """The path of a file that the OBJ references, which must be in its folder."""
        folder = self.path.parent.resolve()
        file = folder / name.replace("\\", "/")
        try:
            inside = file.resolve().is_relative_to(folder)
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise MeshError(self.path, element, f"names {name[:80]!r}, which lies outside its folder")
        return file

    def _read_materials(self, name: str, element: str) -> None:
        file = self._inside(name, element)
        if not file.is_file():
            self.parts.dropped[f"material file that is not there ({name[:80]})"] += 1
            return
        current = -1
        described = self.parts.materials
        for number, line in enumerate(read_bytes(file, MAX_OBJ).decode("latin-1").split("\n"), start=1):
            kind, _, rest = line.strip().partition(" ")
            rest = rest.strip()
            try:
                if kind == "newmtl":
                    current = self.materials[rest] = len(described)
                    described.append(Material(rest[:200], (0.8, 0.8, 0.8)))
                elif kind in ("Kd", "map_Kd") and current < 0:
                    raise ValueError("it precedes newmtl")
                elif kind == "Kd":
                    r, g, b = (min(max(float(word), 0.0), 1.0) for word in rest.split())
                    described[current] = replace(described[current], rgb=(r, g, b))
                elif kind == "map_Kd":
                    texture = self._texture(rest.split()[-1] if rest.startswith("-") else rest, f"{file.name} {number}")
                    described[current] = replace(described[current], texture=texture)
                elif kind == "d" and current >= 0:
                    opacity = min(max(float(rest.split()[-1]), 0.0), 1.0)
                    described[current] = replace(described[current], opacity=opacity)
            except MeshError:
                raise
            except (ValueError, IndexError) as error:
                raise MeshError(file, f"line {number}", f"{line.strip()[:80]!r}: {error}") from None

    def _texture(self, name: str, element: str) -> int:
        file = self._inside(name, element)
        if file in self.files:
            return self.files[file]
        if not file.is_file():
            self.parts.dropped[f"texture that is not there ({name[:80]})"] += 1
            return -1
        self.parts.textures.append(decode(read_bytes(file, MAX_IMAGE_BYTES), file, ""))
        self.files[file] = len(self.parts.textures) - 1
        return self.files[file]
