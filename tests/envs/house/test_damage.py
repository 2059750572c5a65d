"""Damaged files of every kind that is read: whatever the damage, a clear line or a Scene, and nothing else."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import FORMATS, PICTURE, obj, replica_folder

from testspace.envs.assembly.building import load_scene
from testspace.envs.house.house import HouseError
from testspace.envs.meshes import MeshError, MeshWarning
from testspace.envs.packs.library import PackError
from testspace.envs.scene import SceneError

WORDS = (b"-1", b"NaN", b"1e999", b"100000000", b"9" * 30, b"null", b"[]", b"{}", b"../", b"/", b"\xff" * 4, b"\0" * 4)
"""What a value may have become: numbers out of range, other kinds of values, paths that lead away."""


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


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=40)
@given(edits=st.lists(_edit, min_size=1, max_size=6))
def test_damage_ends_in_one_line_or_in_a_scene(
    kind: str, tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[str, float, object]]
) -> None:
    make, name, read = FORMATS[kind]
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
