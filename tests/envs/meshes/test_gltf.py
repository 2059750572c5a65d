"""glTF files as other programs write them: beside their files, with data: URIs, with extensions, and too much of it."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scenes import box_room

from testspace.envs.assembly.building import load_scene
from testspace.envs.meshes import MeshError, glb
from testspace.envs.meshes.write import write_glb
from testspace.envs.scene import Scene


def parts_of(file: Path) -> tuple[dict[str, Any], bytes]:
    data = file.read_bytes()
    size = int.from_bytes(data[12:16], "little")
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def write(document: dict[str, Any], binary: bytes, file: Path) -> Path:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I", len(text)) + b"JSON" + text + struct.pack("<I", len(binary)) + b"BIN\0" + binary
    file.write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks)
    return file


@pytest.fixture
def room(tmp_path: Path) -> tuple[Scene, dict[str, Any], bytes]:
    write_glb(box_room(), tmp_path / "whole.glb")
    return load_scene(tmp_path / "whole.glb"), *parts_of(tmp_path / "whole.glb")


@pytest.mark.parametrize("how", ["data", "file"])
def test_a_gltf_with_its_files_is_the_same_scene(tmp_path: Path, room: Any, how: str) -> None:
    whole, document, binary = room
    picture = cv2.imencode(".png", np.full((8, 8, 3), 90, np.uint8))[1].tobytes()
    (tmp_path / "a file.bin").write_bytes(binary)
    (tmp_path / "a.png").write_bytes(picture)

    def uri(name: str, data: bytes) -> str:
        return name if how == "file" else "data:application/octet-stream;base64," + base64.b64encode(data).decode()

    document["buffers"][0]["uri"] = uri("a%20file.bin", binary)
    document["images"] = [{"uri": uri("a.png", picture)}]
    document["textures"] = [{"source": 0}]
    document["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"] = {"index": 0}
    (tmp_path / "a.gltf").write_text(json.dumps(document))
    scene = load_scene(tmp_path / "a.gltf")
    np.testing.assert_array_equal(scene.vertices, whole.vertices)
    np.testing.assert_array_equal(scene.faces, whole.faces)
    assert (scene.textures[-1] == 90).all()


@pytest.mark.parametrize(("uri", "what"), [
    ("../secret.bin", "outside its folder"), ("https://x.org/a.bin", "nothing is fetched"),
    ("gone.bin", "no such file"),
    ("data:application/octet-stream;base64,%%%", "damaged"), ("data:,abc", "base64"), (7, "neither a uri"),
])  # fmt: skip
def test_bytes_that_are_not_there_are_named(tmp_path: Path, room: Any, uri: object, what: str) -> None:
    _, document, _ = room
    (tmp_path / "secret.bin").write_bytes(b"x")
    (tmp_path / "in").mkdir()
    document["buffers"][0]["uri"] = uri
    (tmp_path / "in" / "a.gltf").write_text(json.dumps(document))
    with pytest.raises(MeshError, match=what):
        load_scene(tmp_path / "in" / "a.gltf")


@pytest.mark.parametrize("name", [
    "KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_texture_basisu", "EXT_mesh_gpu_instancing",
    "KHR_materials_pbrSpecularGlossiness", "VENDOR_anything",
])  # fmt: skip
def test_extensions_that_are_required_and_not_read_are_refused_by_name(tmp_path: Path, room: Any, name: str) -> None:
    _, document, binary = room
    document["extensionsRequired"] = ["KHR_materials_unlit", name]
    with pytest.raises(MeshError, match=f"extensionsRequired: {name} is not read"):
        load_scene(write(document, binary, tmp_path / "a.glb"))


def test_quantised_vertices_are_read(tmp_path: Path) -> None:
    """KHR_mesh_quantization: a signed short of 32767 is 1, and one of -32768 is -1."""
    corners = np.array([[-32768, 0, -32768], [32767, 0, -32768], [0, 0, 32767]], "<i2")
    binary = np.pad(corners, ((0, 0), (0, 1))).tobytes()
    document = {
        "asset": {"version": "2.0"}, "extensionsRequired": ["KHR_mesh_quantization"], "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "buffers": [{"byteLength": 24}],
        "bufferViews": [{"buffer": 0, "byteLength": 24, "byteStride": 8}],
        "accessors": [{"bufferView": 0, "componentType": 5122, "count": 3, "type": "VEC3", "normalized": True}],
    }  # fmt: skip
    scene = load_scene(write(document, binary, tmp_path / "a.glb"))
    np.testing.assert_allclose(scene.vertices, [[-1, 0, -1], [1, 0, -1], [0, 0, 1]], atol=1e-4)


def test_a_moved_texture(tmp_path: Path, room: Any) -> None:
    """KHR_texture_transform: scaled, turned by a quarter and moved, as three.js has it."""
    whole, document, binary = room
    picture = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    moved = {"offset": [0.5, 0.25], "scale": [2, 3], "rotation": np.pi / 2}
    document["images"] = [{"uri": "data:image/png;base64," + base64.b64encode(picture).decode()}]
    document["textures"] = [{"source": 0}]
    document["extensionsRequired"] = ["KHR_texture_transform"]
    number = int(whole.face_material[0])
    for material in document["materials"]:
        material["pbrMetallicRoughness"]["baseColorTexture"] = {
            "index": 0, "extensions": {"KHR_texture_transform": moved}
        }  # fmt: skip
    scene = load_scene(write(document, binary, tmp_path / "a.glb"))
    tile = whole.materials[number].tile
    u, v = (whole.uv[whole.faces[0]] / tile).T
    np.testing.assert_allclose(scene.uv[scene.faces[0]] / tile, np.stack([3 * v + 0.5, -2 * u + 0.25], 1), atol=1e-5)
    moved["rotation"] = float("nan")
    with pytest.raises(MeshError, match="KHR_texture_transform"):
        load_scene(write(document, binary, tmp_path / "a.glb"))


def test_fan_out_is_refused_before_it_takes_memory(tmp_path: Path, room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, document, binary = room
    document["nodes"] = [{"mesh": 0} for _ in range(100)]
    document["scenes"] = [{"nodes": list(range(100))}]
    file = write(document, binary, tmp_path / "a.glb")
    assert len(load_scene(file).instances) == 101
    monkeypatch.setattr(glb, "MAX_REPEATED", 150)
    with pytest.raises(MeshError, match="repeat more than 150 triangles"):
        load_scene(file)
    document["meshes"][0]["primitives"] = [{"mode": 0, "attributes": {}}] * 1000
    monkeypatch.setattr(glb, "MAX_PRIMITIVES", 50_000)
    with pytest.raises(MeshError, match="more than 50000 primitives"):
        load_scene(write(document, binary, file))


def test_accessors_may_not_read_the_same_bytes_without_end(
    tmp_path: Path, room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, document, binary = room
    monkeypatch.setattr(glb, "MAX_ACCESSORS", 1000)
    base = document["meshes"][0]["primitives"][0]
    position = document["accessors"][base["attributes"]["POSITION"]]
    first = len(document["accessors"])
    document["accessors"] += [position] * 200
    document["meshes"][0]["primitives"] = [
        {**base, "attributes": {"POSITION": first + number}} for number in range(200)
    ]
    with pytest.raises(MeshError, match="share their bytes too often"):
        load_scene(write(document, binary, tmp_path / "a.glb"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("POSITION", "VEC2"), ("NORMAL", "VEC2"), ("TEXCOORD_0", "VEC3"), ("TEXCOORD_0", "SCALAR"), ("COLOR_0", "VEC2")],
)
def test_an_attribute_of_another_shape_is_refused(tmp_path: Path, room: Any, name: str, kind: str) -> None:
    """In the last of several primitives: arrays of all are joined."""
    _, document, binary = room
    attributes = document["meshes"][-1]["primitives"][-1]["attributes"]
    document["accessors"].append({**document["accessors"][attributes["POSITION"]], "type": kind})
    for entry in ("min", "max"):
        document["accessors"][-1].pop(entry, None)
    attributes[name] = len(document["accessors"]) - 1
    with pytest.raises(MeshError, match=f"{name} has shape"):
        load_scene(write(document, binary, tmp_path / "a.glb"))
