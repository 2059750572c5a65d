"""glTF 2.0 files (.glb, and .gltf with its files) as Scenes: nodes, meshes, base colours, textures, vertex colours.

Nothing is fetched, and only files in the file's own folder, or in folders of it, are opened. Each node with a mesh is
an instance; its class is void unless the file is one of our own (`envs.meshes.write`), which keeps it in `extras`.
Of extensions, quantised vertices and moved textures are read, and looks other than the base colour are left out;
a file that requires another one is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..house.classes import CLASS_ID
from ..scene import Material, Scene
from .gltf_files import GltfFiles
from .mesh_errors import MAX_TRIANGLES, MeshError
from .parts import Part, Parts, Up
from .textures import Textures

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_READ = ("KHR_mesh_quantization", "KHR_texture_transform", "KHR_lights_punctual", "KHR_node_visibility")
_OTHER_COLOUR = "KHR_materials_pbrSpecularGlossiness"
"""Of the extensions of looks, the one that replaces the base colour."""
MAX_NODES = 100_000
"""Most nodes of a scene, counted as often as they are visited."""
MAX_DEPTH = 128
"""Most ancestors of a node."""
MAX_ACCESSORS = 2**28
"""Most bytes of all accessors beyond those of the buffers."""
MAX_PRIMITIVES = 50_000
"""Most primitives of a scene, counted once for each node that shows them."""
MAX_REPEATED = 2**22
"""Most triangles of a scene beyond those that its meshes have once."""


def load_glb(path: Path, up: Up = "y", scale: float = 1.0) -> Scene:
    """The default scene of a .glb or .gltf file. glTF is y-up; `up` is for files that break this rule.

    MeshError names the element that is damaged, missing or of a kind that is not read.
    """
    return _Reader(path).scene(up, scale)


def to_srgb(linear: NDArray[Any]) -> NDArray[np.float64]:
    """sRGB, 0 to 1, of linear light (IEC 61966-2-1)."""
    x = np.clip(np.asarray(linear, np.float64), 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def to_linear(srgb: NDArray[Any]) -> NDArray[np.float64]:
    """Linear light of sRGB, 0 to 1."""
    x = np.clip(np.asarray(srgb, np.float64), 0, 1)
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = GltfFiles(path)
        self.json = self.files.json
        self.parts = Parts(path, materials=[])
        self.accessors: dict[int, NDArray[Any]] = {}
        self.textures = Textures()
        self.cutoffs: dict[int, float] = {}
        """Alpha below which a texture has holes, by texture."""
        self.uv_matrices: dict[int, NDArray[np.float64]] = {}
        """(2, 3) of the materials whose textures are moved, by material."""
        self.primitives, self.repeated = 0, 0
        self.shown: set[str] = set()
        """Accessors of the triangles that are shown already."""
        self.accessor_bytes = 0

    def scene(self, up: Up, scale: float) -> Scene:
        try:
            for name in map(str, self.json.get("extensionsRequired", [])):
                look = name.startswith("KHR_materials_") and name != _OTHER_COLOUR
                if name not in _READ and not look:
                    raise MeshError(self.path, "extensionsRequired", f"{name[:80]} is not read; export without it")
            for number, material in enumerate(self.json.get("materials", [])):
                self.parts.materials.append(self._material(number, material))
            self.parts.materials.append(Material("default", (0.8, 0.8, 0.8)))
            self.parts.textures = self.textures.pictures
            for number, picture in enumerate(self.parts.textures):
                picture[..., 3] = np.where(picture[..., 3] >= 255 * self.cutoffs.get(number, 0.0), 255, 0)
            self._nodes()
            start = self.json.get("extras", {}).get("start")
            if start is not None:
                x, z, yaw = (float(value) for value in start)
                self.parts.start = (x, z, yaw)
        except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
            raise MeshError(self.path, "JSON chunk", f"not valid glTF ({error!r})") from None
        except ValueError as error:
            if isinstance(error, MeshError):
                raise
            raise MeshError(self.path, "JSON chunk", f"not valid glTF ({error})") from None
        return self.parts.scene(up, scale)

    def _nodes(self) -> None:
        nodes = self.json.get("nodes", [])
        scenes = self.json.get("scenes", [])
        roots = scenes[self.json.get("scene", 0)].get("nodes", []) if scenes else range(len(nodes))
        waiting = [(int(root), np.eye(4), 0) for root in reversed(roots)]
        names: set[str] = {"void"}
        reached = 0
        while waiting:
            number, above, depth = waiting.pop()
            reached += 1
            if reached > MAX_NODES or depth > MAX_DEPTH:
                raise MeshError(self.path, f"nodes[{number}]", "too many nodes, or a node within itself")
            node = _at(nodes, number)
            matrix = above @ _matrix(node)
            waiting += [(int(child), matrix, depth + 1) for child in reversed(node.get("children", []))]
            if "mesh" not in node:
                continue
            name = base = str(node.get("name") or f"node {number}")[:200]
            if name in names:
                name = f"{base} ({number}.{reached})"
            names.add(name)
            label = str(node.get("extras", {}).get("class", "void")) if isinstance(node.get("extras"), dict) else "void"
            self.parts.instances.append((name, CLASS_ID.get(label, 0)))
            mesh = _at(self.json["meshes"], int(node["mesh"]))
            self.primitives += len(mesh["primitives"])
            if self.primitives > MAX_PRIMITIVES:
                raise MeshError(
                    self.path, f"nodes[{number}]", f"the nodes show more than {MAX_PRIMITIVES} primitives; join them"
                )
            for index, primitive in enumerate(mesh["primitives"]):
                self._primitive(f"meshes[{node['mesh']}].primitives[{index}]", primitive, matrix)

    def _primitive(self, element: str, primitive: dict[str, Any], matrix: NDArray[np.float64]) -> None:
        mode = primitive.get("mode", 4)
        if mode not in (4, 5, 6):
            self.parts.dropped["primitives of points or lines"] += 1
            return
        if "KHR_draco_mesh_compression" in primitive.get("extensions", {}):
            raise MeshError(self.path, element, "KHR_draco_mesh_compression is not read; export without it")
        attributes = primitive["attributes"]
        positions = self._accessor(attributes["POSITION"], element)
        if positions.shape[1] != 3:
            raise MeshError(self.path, element, f"POSITION has shape {positions.shape}")
        count = len(positions)
        with np.errstate(invalid="ignore", over="ignore"):
            vertices = positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        indices = self._accessor(primitive["indices"], element)[:, 0] if "indices" in primitive else np.arange(count)
        key = f"{attributes['POSITION']} {primitive.get('indices')}"
        if key in self.shown:
            self.repeated += max(len(indices) // (3 if mode == 4 else 1), count // 3)
            if self.repeated > MAX_REPEATED:
                raise MeshError(
                    self.path,
                    element,
                    f"its nodes repeat more than {MAX_REPEATED} triangles; use fewer or simpler ones",
                )
        elif count > 3 * MAX_TRIANGLES or len(indices) > 3 * MAX_TRIANGLES:
            raise MeshError(self.path, element, f"more than {MAX_TRIANGLES} triangles")
        self.shown.add(key)
        faces = _faces(indices.astype(np.int64), mode)
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        optional: dict[str, NDArray[Any] | None] = {}
        for name, widths in (("NORMAL", (3,)), ("TEXCOORD_0", (2,)), ("COLOR_0", (3, 4))):
            values = self._accessor(attributes[name], element) if name in attributes else None
            if values is not None and (len(values) != count or values.shape[1] not in widths):
                raise MeshError(self.path, element, f"{name} has shape {values.shape} for {count} vertices")
            optional[name] = values
        normals, colours = optional["NORMAL"], optional["COLOR_0"]
        if normals is not None:
            turn = np.linalg.pinv(matrix[:3, :3])  # normals keep their right angle under the inverse transpose
            with np.errstate(invalid="ignore", over="ignore"):
                normals = normals.astype(np.float64) @ turn
        number = int(primitive.get("material", len(self.parts.materials) - 1))
        material = _at(self.parts.materials, number)
        uv = optional["TEXCOORD_0"]
        if uv is not None and number in self.uv_matrices:
            matrix_uv = self.uv_matrices[number]
            uv = uv[:, :2] @ matrix_uv[:, :2].T + matrix_uv[:, 2]
        if uv is None and material.texture >= 0:
            self.parts.dropped["primitives' textures, for want of TEXCOORD_0"] += 1
        self.parts.parts.append(
            Part(
                element, vertices, faces, normals, None if uv is None else uv * material.tile,
                None if colours is None else np.round(to_srgb(colours[:, :3]) * 255).astype(np.uint8),
                number, len(self.parts.instances) - 1,
            )
        )  # fmt: skip

    def _material(self, number: int, material: dict[str, Any]) -> Material:
        surface = material.get("pbrMetallicRoughness", {})
        colour = np.array(surface.get("baseColorFactor", (1, 1, 1, 1)), np.float64)
        glow = np.array(material.get("emissiveFactor", (0, 0, 0)), np.float64)
        if colour.shape != (4,) or glow.shape != (3,) or not (np.isfinite(colour).all() and np.isfinite(glow).all()):
            raise MeshError(self.path, f"materials[{number}]", "baseColorFactor or emissiveFactor is not a colour")
        stored = material.get("extras")
        extras: dict[str, Any] = stored if isinstance(stored, dict) else {}
        texture = surface.get("baseColorTexture")
        image = -1
        if texture is not None:
            source = int(_at(self.json["textures"], int(texture["index"])).get("source", -1))
            if not -1 <= source < len(self.json.get("images", [])):
                raise MeshError(self.path, f"materials[{number}]", f"names image {source}, which is not there")
            if source >= 0:
                image = self.textures.add(self.files.image(source), self.path, f"images[{source}]")
            moved = texture.get("extensions", {}).get("KHR_texture_transform")
            if moved is not None:
                self.uv_matrices[number] = self._uv_matrix(moved, f"materials[{number}]")
        emission = float(glow.max() / max(colour[:3].max(), 0.05))
        emission = float(extras.get("emission", emission))
        tile = float(extras.get("tile", 1.0))
        if not (0 <= emission < 1e4 and 1e-6 < tile < 1e4):
            raise MeshError(self.path, f"materials[{number}]", "its emission or tile is out of range")
        r, g, b = (float(value) for value in to_srgb(colour[:3] if colour[:3].any() else glow))
        name = str(extras.get("name") or material.get("name") or f"material {number}")[:200]
        mode = material.get("alphaMode", "OPAQUE")
        opacity = min(max(float(colour[3]), 0.0), 1.0) if mode == "BLEND" else 1.0
        if image >= 0 and mode in ("BLEND", "MASK"):
            self.cutoffs[image] = float(material.get("alphaCutoff", 0.5)) if mode == "MASK" else 0.5
        return Material(name, (r, g, b), image, tile, emission, opacity)

    def _uv_matrix(self, moved: dict[str, Any], element: str) -> NDArray[np.float64]:
        """(2, 3): from stored to sampled coordinates, as KHR_texture_transform has them."""
        (x, y), (sx, sy) = moved.get("offset", (0, 0)), moved.get("scale", (1, 1))
        turn = float(moved.get("rotation", 0))
        if not np.isfinite([float(x), float(y), float(sx), float(sy), turn]).all():
            raise MeshError(self.path, element, "KHR_texture_transform: its numbers are not finite")
        c, s = np.cos(turn), np.sin(turn)
        return np.array([[c * sx, s * sy, x], [-s * sx, c * sy, y]])

    def _accessor(self, number: Any, element: str) -> NDArray[Any]:
        """(count, width): values of an accessor; normalised integers become fractions."""
        number = int(number)
        if number in self.accessors:
            return self.accessors[number]
        accessor = _at(self.json["accessors"], number)
        if "sparse" in accessor or "bufferView" not in accessor:
            raise MeshError(self.path, element, f"accessors[{number}] is sparse, which is not read")
        kind, width = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        data, stride = self.files.buffer_view(int(accessor["bufferView"]), element)
        count, first, size = int(accessor["count"]), int(accessor.get("byteOffset", 0)), kind.itemsize * width
        stride = stride or size
        if count < 0 or first < 0 or stride < size or (count and first + (count - 1) * stride + size > len(data)):
            raise MeshError(
                self.path, element, f"accessors[{number}] claims {count} entries, but {len(data)} bytes are there"
            )
        self.accessor_bytes += count * size
        if self.accessor_bytes > MAX_ACCESSORS + self.files.size:
            raise MeshError(self.path, element, "the accessors share their bytes too often: more is read than is there")
        values: NDArray[Any] = np.zeros((0, width), kind)
        if count:
            values = np.ndarray((count, width), kind, data, first, (stride, kind.itemsize)).copy()
        if accessor.get("normalized") and kind.kind in "iu":
            values = np.maximum(values.astype(np.float64) / np.iinfo(kind).max, -1.0)
        self.accessors[number] = values
        return values


def _at(items: list[Any], index: int) -> Any:
    if index < 0:
        raise IndexError(f"negative index {index}")
    return items[index]


def _faces(indices: NDArray[np.int64], mode: int) -> NDArray[np.int64]:
    """(F, 3) of a list (4), a strip (5) or a fan (6) of triangles."""
    if mode == 4:
        return indices[: len(indices) // 3 * 3].reshape(-1, 3)
    if len(indices) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == 6:
        return np.stack([np.broadcast_to(indices[0], len(indices) - 2), indices[1:-1], indices[2:]], axis=1)
    strip = np.stack([indices[:-2], indices[1:-1], indices[2:]], axis=1)
    strip[1::2, :2] = strip[1::2, 1::-1]
    return strip


def _matrix(node: dict[str, Any]) -> NDArray[np.float64]:
    """(4, 4): a node's transformation."""
    if "matrix" in node:
        matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
    else:
        x, y, z, w = np.array(node.get("rotation", (0, 0, 0, 1)), np.float64)
        turn = np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ])  # fmt: skip
        matrix = np.eye(4)
        matrix[:3, :3] = turn * np.array(node.get("scale", (1, 1, 1)), np.float64)
        matrix[:3, 3] = node.get("translation", (0, 0, 0))
    if not np.isfinite(matrix).all():
        raise ValueError("a node's transformation is not finite")
    return matrix
