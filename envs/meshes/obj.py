"""Wavefront OBJ files as Scenes of one unlabelled object, with the base colours and textures of their MTL files.

Only files in the OBJ's own folder, or in folders of it, are opened, and of materials only those that faces use.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..scene import Material, Scene
from .mesh_errors import MeshError, inside, read_bytes
from .obj_format import Look, OBJData, OBJSyntaxError, library_names, parse_mtl, parse_obj
from .parts import Part, Parts, Up
from .textures import Textures

MAX_OBJ = 2**28
"""Most bytes of an OBJ file: its text takes several times as much memory."""
MAX_MTL = 2**24
"""Most bytes of all MTL files of an OBJ file."""


def load_obj(path: Path, up: Up = "y", scale: float = 1.0) -> Scene:
    """An OBJ file as a scene. MeshError names the invalid line, or the referenced file outside the folder."""
    return _Reader(path).parts.scene(up, scale)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = Parts(path, instances=[("void", 0), ("mesh", 0)])
        try:
            data = parse_obj(read_bytes(path, MAX_OBJ))
        except OBJSyntaxError as error:
            raise MeshError(path, f"line {error.line}", error.what) from None
        self.parts.dropped.update(data.skipped)
        self.textures = Textures()
        looks, files = self._looks(data)
        for number, name in enumerate(data.names):
            chosen = data.material == number
            if chosen.any():
                material = 0
                if name in looks:
                    material = len(self.parts.materials)
                    self.parts.materials.append(self._material(name, looks[name], files[name]))
                elif number:
                    self.parts.dropped["materials that are nowhere described"] += 1
                self._part(data, chosen, material)
        self.parts.textures = self.textures.pictures

    def _part(self, data: OBJData, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]], material: int) -> None:
        keys, faces = np.unique(data.corners[chosen].reshape(-1, 3), axis=0, return_inverse=True)
        normals = data.normals[keys[:, 2]] if (keys[:, 2] >= 0).all() else None
        uv = None
        if (keys[:, 1] >= 0).all():
            uv = data.uv[keys[:, 1]] * (1, -1) + (0, 1)
        elif self.parts.materials[material].texture >= 0:
            self.parts.dropped["materials' textures, for want of vt"] += 1
        colours = None
        if data.colours is not None:
            colours = np.round(np.clip(np.nan_to_num(data.colours[keys[:, 0]]), 0, 1) * 255).astype(np.uint8)
        name = f"faces of material {self.parts.materials[material].name}"
        self.parts.parts.append(
            Part(name, data.vertices[keys[:, 0]], faces.reshape(-1, 3), normals, uv, colours, material)
        )

    def _looks(self, data: OBJData) -> tuple[dict[str, Look], dict[str, Path]]:
        """The look of each material of every library, and the file that describes it."""
        looks: dict[str, Look] = {}
        files: dict[str, Path] = {}
        left, read = MAX_MTL, set[Path]()
        for number, text in data.libraries:
            named = [inside(self.path, name, f"line {number}") for name in library_names(text)]
            there = [file for file in named[:1] if file.is_file()] or [file for file in named[1:] if file.is_file()]
            if not there:
                self.parts.dropped[f"material file that is not there ({text[:80]})"] += 1
            for file in there:
                if file in read:
                    continue
                read.add(file)
                content = read_bytes(file, left)
                left -= len(content)
                described, faults = parse_mtl(content)
                for fault in faults:
                    if "spectral" not in fault.what:
                        raise MeshError(file, f"line {fault.line}", fault.what)
                    self.parts.dropped["spectral colours, whose curves are not read"] += 1
                looks |= described
                files |= dict.fromkeys(described, file)
        return looks, files

    def _material(self, name: str, look: Look, file: Path) -> Material:
        texture = -1
        if look.texture is not None:
            picture = inside(self.path, look.texture, f"{file.name}, material {name[:80]!r}")
            if picture.is_file():
                texture = self.textures.file(picture)
            else:
                self.parts.dropped[f"texture that is not there ({look.texture[:80]})"] += 1
        return Material(name[:200], look.rgb, texture, opacity=look.opacity)
