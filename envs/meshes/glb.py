"""Binary glTF 2.0 files (.glb) as Scenes: nodes, meshes, base colours, textures and vertex colours.

Everything must lie in the one file: nothing is fetched and no other file is opened. Each node with a mesh is an
instance; its class is void unless the file is one of our own (`envs.meshes.write`), which keeps classes in `extras`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..house.classes import CLASS_ID
from ..scene import Material, Scene
from .images import decode
from .mesh_errors import MeshError, read_bytes
from .parts import Part, Parts, Up

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_UNREADABLE = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_mesh_quantization")
MAX_NODES = 100_000
"""Most nodes of a scene, counted as often as they are visited."""
MAX_DEPTH = 128
"""Most ancestors of a node."""


def load_glb(path: Path, up: Up = "y", scale: float = 1.0) -> Scene:
    """The default scene of a .glb file. glTF is y-up; `up="z"` is for files that break this rule.

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
        data = read_bytes(path)
        if data[:4] != b"glTF" or len(data) < 20:
            raise MeshError(path, "header", "not a binary glTF file (.glb)")
        version, length, size, kind = (int.from_bytes(data[i : i + 4], "little") for i in (4, 8, 12, 16))
        if version != 2 or kind != 0x4E4F534A:
            raise MeshError(path, "header", f"version {version} or its first chunk is not glTF 2.0")
        if length > len(data) or 20 + size > length:
            raise MeshError(path, "header", f"it claims {max(length, 20 + size)} bytes, there are {len(data)}: cut off")
        try:
            self.json = json.loads(data[20 : 20 + size])
        except (ValueError, RecursionError) as error:
            raise MeshError(path, "JSON chunk", f"not JSON ({error})") from None
        at = 20 + size
        self.binary = memoryview(b"")
        if at + 8 <= length and data[at + 4 : at + 8] == b"BIN\0":
            count = int.from_bytes(data[at : at + 4], "little")
            if at + 8 + count > length:
                raise MeshError(path, "BIN chunk", f"it claims {count} bytes, there are {length - at - 8}: cut off")
            self.binary = memoryview(data)[at + 8 : at + 8 + count]
        self.parts = Parts(path, materials=[])
        self.accessors: dict[int, NDArray[Any]] = {}
        self.cutoffs: dict[int, float] = {}
        """Alpha below which an image has holes, by image."""

    def scene(self, up: Up, scale: float) -> Scene:
        try:
            for name in self.json.get("extensionsRequired", []):
                if name in _UNREADABLE:
                    raise MeshError(self.path, "extensionsRequired", f"{name} is not read; export without it")
            for number, _ in enumerate(self.json.get("images", [])):
                self.parts.textures.append(self._image(number))
            for number, material in enumerate(self.json.get("materials", [])):
                self.parts.materials.append(self._material(number, material))
            self.parts.materials.append(Material("default", (0.8, 0.8, 0.8)))
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
            for index, primitive in enumerate(mesh["primitives"]):
                self._primitive(f"meshes[{node['mesh']}].primitives[{index}]", primitive, matrix)

    def _primitive(self, element: str, primitive: dict[str, Any], matrix: NDArray[np.float64]) -> None:
        mode = primitive.get("mode", 4)
        if mode not in (4, 5, 6):
            self.parts.dropped["primitives of points or lines"] += 1
            return
        attributes = primitive["attributes"]
        positions = self._accessor(attributes["POSITION"], element)
        count = len(positions)
        with np.errstate(invalid="ignore", over="ignore"):
            vertices = positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        indices = self._accessor(primitive["indices"], element)[:, 0] if "indices" in primitive else np.arange(count)
        faces = _faces(indices.astype(np.int64), mode)
        if np.linalg.det(matrix[:3, :3]) < 0:
            faces = faces[:, ::-1]
        optional: dict[str, NDArray[Any] | None] = {}
        for name, width in (("NORMAL", 3), ("TEXCOORD_0", 2), ("COLOR_0", 3)):
            values = self._accessor(attributes[name], element) if name in attributes else None
            if values is not None and (len(values) != count or values.shape[1] < width):
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
            image = int(_at(self.json["textures"], int(texture["index"])).get("source", -1))
            if not -1 <= image < len(self.parts.textures):
                raise MeshError(self.path, f"materials[{number}]", f"names image {image}, which is not there")
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

    def _image(self, number: int) -> NDArray[np.uint8]:
        image, element = self.json["images"][number], f"images[{number}]"
        if "bufferView" not in image:
            raise MeshError(self.path, element, f"lies outside the file ({str(image.get('uri'))[:60]!r}); embed it")
        data, _ = self._buffer_view(int(image["bufferView"]), element)
        return decode(bytes(data), self.path, element)

    def _buffer_view(self, number: int, element: str) -> tuple[memoryview, int]:
        view = _at(self.json["bufferViews"], number)
        buffer = _at(self.json["buffers"], int(view["buffer"]))
        if "uri" in buffer or int(view["buffer"]) != 0:
            raise MeshError(self.path, element, "lies in a buffer outside the file; embed it")
        first, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        if first < 0 or length < 0 or first + length > len(self.binary):
            raise MeshError(
                self.path, element,
                f"bufferViews[{number}] ends at byte {first + length} of {len(self.binary)}: cut off or damaged",
            )  # fmt: skip
        return self.binary[first : first + length], int(view.get("byteStride", 0))

    def _accessor(self, number: Any, element: str) -> NDArray[Any]:
        """(count, width): values of an accessor; normalised integers become fractions."""
        number = int(number)
        if number in self.accessors:
            return self.accessors[number]
        accessor = _at(self.json["accessors"], number)
        if "sparse" in accessor or "bufferView" not in accessor:
            raise MeshError(self.path, element, f"accessors[{number}] is sparse, which is not read")
        kind, width = np.dtype(_COMPONENTS[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        data, stride = self._buffer_view(int(accessor["bufferView"]), element)
        count, first, size = int(accessor["count"]), int(accessor.get("byteOffset", 0)), kind.itemsize * width
        stride = stride or size
        if count < 0 or first < 0 or stride < size or (count and first + (count - 1) * stride + size > len(data)):
            raise MeshError(
                self.path, element, f"accessors[{number}] claims {count} entries, but {len(data)} bytes are there"
            )
        values: NDArray[Any] = np.zeros((0, width), kind)
        if count:
            values = np.ndarray((count, width), kind, data, first, (stride, kind.itemsize)).copy()
        if accessor.get("normalized") and kind.kind in "iu":
            values = values.astype(np.float64) / np.iinfo(kind).max
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
