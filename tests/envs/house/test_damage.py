"""Damaged files of every kind that is read: whatever the damage, a clear line or a Scene, and nothing else."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import box_room
from test_house_io import HOUSE
from test_meshes import replica_folder, text_ply
from test_packs import write

from testspace.envs.assembly.building import build_scene, load_scene
from testspace.envs.house.house import HouseError
from testspace.envs.house.house_io import load_house
from testspace.envs.meshes import MeshError, MeshWarning
from testspace.envs.meshes.write import write_glb
from testspace.envs.packs.library import PackError
from testspace.envs.packs.obj import read_model
from testspace.envs.packs.pack import FurniturePack
from testspace.envs.scene import Scene, SceneError

OBJ = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nusemtl m\nf 1/1 2/2 3/3\nf -4 -3 -1\n"
MTL = "newmtl m\nKd 0.1 0.2 0.3\nmap_Kd a.jpg\n"
PICTURE = cv2.imencode(".jpg", np.arange(768, dtype=np.uint8).reshape(16, 16, 3))[1].tobytes()
WORDS = (b"-1", b"NaN", b"1e999", b"100000000", b"9" * 30, b"null", b"[]", b"{}", b"../", b"/", b"\xff" * 4, b"\0" * 4)
"""What a value may have become: numbers out of range, other kinds of values, paths that lead away."""


def glb(folder: Path) -> Path:
    write_glb(box_room(), folder / "a.glb")
    return folder / "a.glb"


def ply(folder: Path) -> Path:
    (folder / "a.ply").write_text(text_ply("0 0 0\n1 0 0\n1 1 0\n0 1 0", "4 0 1 2 3\n3 0 1 2"))
    return folder / "a.ply"


def obj(folder: Path) -> Path:
    (folder / "a.mtl").write_text(MTL)
    (folder / "a.jpg").write_bytes(PICTURE)
    (folder / "a.obj").write_text(OBJ)
    return folder / "a.obj"


def house(folder: Path) -> Path:
    (folder / "a.json").write_text(json.dumps(HOUSE))
    return folder / "a.json"


def houses(folder: Path) -> Path:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(HOUSE).encode() + b"\n"))
    return folder / "a.jsonl.gz"


def furnish(folder: Path) -> None:
    pack = FurniturePack(folder)
    for library in pack.libraries.values():
        for entry in library.entries:
            assert len(read_model(library, entry.model).faces)


def scene(path: Path) -> Scene:
    return load_scene(path)


KINDS: dict[str, tuple[Callable[[Path], Path], str, Callable[[Path], object]]] = {
    "glb": (glb, "a.glb", scene),
    "ply": (ply, "a.ply", scene),
    "obj": (obj, "a.obj", scene),
    "mtl": (obj, "a.mtl", lambda path: scene(path.with_suffix(".obj"))),
    "jpg": (obj, "a.jpg", lambda path: scene(path.with_suffix(".obj"))),
    "replica": (replica_folder, "habitat/mesh_semantic.ply", lambda path: scene(path.parent.parent)),
    "info": (replica_folder, "habitat/info_semantic.json", lambda path: scene(path.parent.parent)),
    "house": (house, "a.json", lambda path: build_scene(load_house(path))),
    "houses": (houses, "a.jsonl.gz", lambda path: build_scene(load_house(path))),
    "pack": (write, "Scopia.sh3f", lambda path: furnish(path.parent)),
}
"""By name: what writes sound files into a folder, which of them is damaged, and what reads them."""

_place = st.floats(0, 1, exclude_max=True)
_edit = st.one_of(
    st.tuples(st.just("flip"), _place, st.integers(0, 7)),
    st.tuples(st.just("put"), _place, st.sampled_from(WORDS)),
    st.tuples(st.just("cut"), _place, st.integers(1, 40)),
    st.tuples(st.just("end"), _place, st.none()),
)


def damaged(data: bytes, edits: list[tuple[str, float, object]]) -> bytes:
    changed = bytearray(data)
    for kind, share, what in edits:
        at = int(share * len(changed))
        if kind == "flip" and changed and isinstance(what, int):
            changed[at] ^= 1 << what
        elif kind == "put" and isinstance(what, bytes):
            changed[at : at + len(what)] = what
        elif kind == "cut" and isinstance(what, int):
            del changed[at : at + what]
        elif kind == "end":
            del changed[at:]
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(edits=st.lists(_edit, min_size=1, max_size=6))
def test_damage_ends_in_one_line_or_in_a_scene(
    kind: str, tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, float, object]]
) -> None:
    make, name, read = KINDS[kind]
    folder = tmp_path_factory.mktemp(kind)
    make(folder / "x" if kind in ("replica", "info") else folder)
    file = next(folder.rglob(name))
    file.write_bytes(damaged(file.read_bytes(), edits))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MeshWarning)
        said = f"{folder}: nothing"
        try:
            read(file)
        except (MeshError, HouseError, PackError, SceneError) as error:
            said = str(error)
    assert "\n" not in said
    assert folder.name in said  # the file is named


def test_a_replica_mesh_whose_polygons_are_all_lines_is_told(tmp_path: Path) -> None:
    folder = replica_folder(tmp_path / "room")
    (folder / "habitat" / "mesh_semantic.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_indices\nproperty int object_id\nend_header\n"
        "0 0 0\n1 0 0\n2 0 1 7\n"
    )
    with pytest.raises(MeshError, match="left out: 1 polygons of fewer than 3 corners"):
        load_scene(folder)


def test_a_cut_jpeg_is_no_picture(tmp_path: Path) -> None:
    """OpenCV would fill the missing part with grey, in silence."""
    path = obj(tmp_path)
    (tmp_path / "a.jpg").write_bytes(PICTURE[:-40])
    with pytest.raises(MeshError, match="cut off"):
        load_scene(path)
