"""The JSON document of a glTF 2.0 file, and the bytes that it names: chunks of a .glb, files beside it, data: URIs."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .mesh_errors import MAX_BYTES, MAX_IMAGE_BYTES, MeshError, inside, read_bytes

MAX_JSON = 2**28
"""Most bytes of the JSON of a file, whose objects take several times as much memory."""


class GltfFiles:
    """An open .glb or .gltf file. MeshError names the chunk, buffer or image that is damaged, missing or too large."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = read_bytes(path)
        self._chunk: memoryview | None = None
        if data[:4] != b"glTF" and path.suffix.lower() == ".gltf":
            text: bytes = data
        else:
            text = self._chunks(data)
        if len(text) > MAX_JSON:
            raise MeshError(path, "JSON chunk", f"it has {len(text)} bytes, more than the {MAX_JSON} that are read")
        try:
            self.json = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise MeshError(path, "JSON chunk", f"not JSON ({error})") from None
        if not isinstance(self.json, dict):
            raise MeshError(path, "JSON chunk", "not valid glTF (no object)")
        self._buffers: dict[int, memoryview] = {}
        self._left = MAX_BYTES

    @property
    def size(self) -> int:
        """Bytes of all buffers that were read."""
        return sum(map(len, self._buffers.values()))

    def buffer_view(self, number: int, element: str) -> tuple[memoryview, int]:
        """The bytes of a buffer view, and its stride, 0 for none. May raise KeyError, IndexError or TypeError."""
        view = _at(self.json["bufferViews"], number)
        if "EXT_meshopt_compression" in view.get("extensions", {}):
            raise MeshError(self.path, element, "EXT_meshopt_compression is not read; export without it")
        binary = self._buffer(int(view["buffer"]), element)
        first, length = int(view.get("byteOffset", 0)), int(view["byteLength"])
        if first < 0 or length < 0 or first + length > len(binary):
            raise MeshError(
                self.path, element,
                f"bufferViews[{number}] ends at byte {first + length} of {len(binary)}: cut off or damaged",
            )  # fmt: skip
        return binary[first : first + length], int(view.get("byteStride", 0))

    def image(self, number: int) -> bytes:
        """The encoded bytes of an image. May raise KeyError, IndexError or TypeError."""
        image, element = _at(self.json["images"], number), f"images[{number}]"
        if "bufferView" in image:
            return bytes(self.buffer_view(int(image["bufferView"]), element)[0])
        return self._uri(image.get("uri"), element, MAX_IMAGE_BYTES)

    def _buffer(self, number: int, element: str) -> memoryview:
        buffer = _at(self.json["buffers"], number)
        if number not in self._buffers:
            if "uri" in buffer:
                data = self._uri(buffer["uri"], f"buffers[{number}]", self._left)
                self._left -= len(data)
                self._buffers[number] = memoryview(data)
            elif number == 0 and self._chunk is not None:
                self._buffers[number] = self._chunk
            else:
                raise MeshError(self.path, element, f"buffers[{number}] has neither a uri nor a chunk of the file")
        return self._buffers[number]

    def _uri(self, uri: Any, element: str, most: int) -> bytes:
        if not isinstance(uri, str):
            raise MeshError(self.path, element, "it has neither a uri nor a bufferView")
        if uri[:5].lower() == "data:":
            head, comma, body = uri.partition(",")
            try:
                if not comma or not head.lower().endswith(";base64"):
                    raise ValueError("only base64 is read")
                data = base64.b64decode(body, validate=True)
            except (ValueError, binascii.Error) as error:
                raise MeshError(self.path, element, f"its data: URI is damaged ({error})") from None
            if len(data) > most:
                raise MeshError(self.path, element, f"it has {len(data)} bytes, more than the {most} that are read")
            return data
        if "://" in uri[:40]:
            raise MeshError(self.path, element, f"lies at {uri[:60]!r}; nothing is fetched: store it beside the file")
        return read_bytes(inside(self.path, unquote(uri), element), most)

    def _chunks(self, data: bytes) -> bytes:
        """The bytes of the JSON chunk of a .glb; its binary chunk is noted."""
        path = self.path
        if data[:4] != b"glTF" or len(data) < 20:
            raise MeshError(path, "header", "not a binary glTF file (.glb)")
        version, length, size, kind = (int.from_bytes(data[i : i + 4], "little") for i in (4, 8, 12, 16))
        if version != 2 or kind != 0x4E4F534A:
            raise MeshError(path, "header", f"version {version} or its first chunk is not glTF 2.0")
        if length > len(data) or 20 + size > length:
            raise MeshError(path, "header", f"it claims {max(length, 20 + size)} bytes, there are {len(data)}: cut off")
        at = 20 + size
        self._chunk = memoryview(b"")
        if at + 8 <= length and data[at + 4 : at + 8] == b"BIN\0":
            count = int.from_bytes(data[at : at + 4], "little")
            if at + 8 + count > length:
                raise MeshError(path, "BIN chunk", f"it claims {count} bytes, there are {length - at - 8}: cut off")
            self._chunk = memoryview(data)[at + 8 : at + 8 + count]
        return data[20:at]


def _at(items: list[Any], index: int) -> Any:
    if index < 0:
        raise IndexError(f"negative index {index}")
    return items[index]
