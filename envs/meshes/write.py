"""Any Scene as a binary glTF 2.0 file: one node for each instance, named by its id, with its class in `extras`.

glTF is right-handed, y-up and in metres, as a Scene is, so vertices are written as they are. Colours become linear.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.storage import replacing
from ..house.classes import CLASSES
from ..scene import SOLID, Scene
from .glb import to_linear
from .images import encode
from .mesh_errors import MeshError

_ARRAY, _INDICES = 34962, 34963


def write_glb(scene: Scene, path: Path) -> None:
    """Write a Scene's triangles, materials, textures, vertex colours, ids and classes; whole or not at all.

    Lamps and rooms are left out. Raises MeshError if the file would be larger than the format allows (4 GiB).
    """
    data = _Writer(scene, path).data()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as unfinished:
        unfinished.write_bytes(data)


class _Writer:
    def __init__(self, scene: Scene, path: Path) -> None:
        self.scene, self.path = scene, path
        self.binary: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def data(self) -> bytes:
        scene = self.scene
        used = sorted({m.texture for m in scene.materials if m.texture >= 0})
        images = [{"bufferView": self._view(encode(self._texture(i))), "mimeType": "image/png"} for i in used]
        materials = [self._material(number, used) for number in range(len(scene.materials))]
        nodes, meshes = self._nodes()
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "testspace"} | _copyright(scene),
            "scene": 0,
            "scenes": [{"nodes": list(range(len(nodes)))}],
            "nodes": nodes,
            "meshes": meshes,
            "materials": materials,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": self.size}],
        }
        if images:
            document |= {"images": images, "samplers": [{"wrapS": 10497, "wrapT": 10497}]}
            document["textures"] = [{"source": i, "sampler": 0} for i in range(len(images))]
        if scene.start is not None:
            document["extras"] = {"start": [float(value) for value in scene.start]}
        # glTF knows no empty lists.
        text = json.dumps({key: value for key, value in document.items() if value != []}, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        length = 28 + len(text) + self.size
        if length >= 2**32:
            raise MeshError(self.path, "", f"the scene takes {length} bytes, more than a .glb file can hold")
        head = b"glTF" + _number(2) + _number(length) + _number(len(text)) + b"JSON" + text
        return b"".join([head, _number(self.size), b"BIN\0", *self.binary])

    def _nodes(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        scene = self.scene
        order = np.lexsort((scene.face_material, scene.face_instance))
        keys = np.stack([scene.face_instance, scene.face_material], axis=1)[order]
        cuts = np.flatnonzero((np.diff(keys, axis=0) != 0).any(axis=1)) + 1
        nodes: list[dict[str, Any]] = []
        meshes: list[dict[str, Any]] = []
        last = -1
        for group in np.split(order, cuts) if len(order) else []:
            owner = int(scene.face_instance[group[0]])
            if owner != last:
                instance, last = scene.instances[owner], owner
                nodes.append(
                    {"name": instance.id, "mesh": len(meshes), "extras": {"class": CLASSES[instance.class_id]}}
                )
                meshes.append({"name": instance.id, "primitives": []})
            meshes[-1]["primitives"].append(self._primitive(group))
        return nodes, meshes

    def _primitive(self, group: NDArray[np.int64]) -> dict[str, Any]:
        scene = self.scene
        material = int(scene.face_material[group[0]])
        used, compact = np.unique(scene.faces[group], return_inverse=True)
        attributes = {
            "POSITION": self._floats(scene.vertices[used], bounds=True),
            "NORMAL": self._floats(scene.normals[used]),
            "TEXCOORD_0": self._floats(scene.uv[used] / np.float32(scene.materials[material].tile)),
        }
        if scene.vertex_colour is not None:
            attributes["COLOR_0"] = self._floats(to_linear(scene.vertex_colour[used] / 255))
        indices = np.ascontiguousarray(compact.ravel(), "<u4")
        view = self._view(indices.tobytes(), _INDICES)
        self.accessors.append({"bufferView": view, "componentType": 5125, "count": len(indices), "type": "SCALAR"})
        return {"attributes": attributes, "indices": len(self.accessors) - 1, "material": material}

    def _floats(self, values: NDArray[Any], bounds: bool = False) -> int:
        values = np.ascontiguousarray(values, "<f4")
        accessor: dict[str, Any] = {
            "bufferView": self._view(values.tobytes(), _ARRAY), "componentType": 5126, "count": len(values),
            "type": f"VEC{values.shape[1]}",
        }  # fmt: skip
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def _view(self, data: bytes, target: int | None = None) -> int:
        view = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        self.views.append(view if target is None else {**view, "target": target})
        padded = data + b"\0" * (-len(data) % 4)
        self.binary.append(padded)
        self.size += len(padded)
        return len(self.views) - 1

    def _texture(self, number: int) -> NDArray[np.uint8]:
        """(128, 128, 3), or (128, 128, 4) where it has holes."""
        colour, alpha = self.scene.textures[number], self.scene.texture_alpha
        if alpha is None or alpha[number].min() >= SOLID:
            return colour
        return np.concatenate([colour, alpha[number][..., None]], axis=2)

    def _material(self, number: int, used: list[int]) -> dict[str, Any]:
        material = self.scene.materials[number]
        linear = to_linear(np.array(material.rgb))
        surface: dict[str, Any] = {
            "baseColorFactor": [*linear.tolist(), float(material.opacity)],
            "metallicFactor": 0.0, "roughnessFactor": 1.0,
        }  # fmt: skip
        if material.texture >= 0:
            surface["baseColorTexture"] = {"index": used.index(material.texture)}
        written = {"name": material.name, "pbrMetallicRoughness": surface, "doubleSided": True}
        if material.opacity < 1:
            written["alphaMode"] = "BLEND"
        elif material.texture >= 0 and self._texture(material.texture).shape[2] == 4:
            written["alphaMode"] = "MASK"
        if material.emission > 0:
            written["emissiveFactor"] = np.minimum(linear * material.emission, 1.0).tolist()
        return {**written, "extras": {"emission": float(material.emission), "tile": float(material.tile)}}


def _copyright(scene: Scene) -> dict[str, str]:
    return {"copyright": "; ".join(scene.credits)} if scene.credits else {}


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")
