"""OBJ and MTL text as other programs write it, compared with trimesh or with the plain form of the same room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from testspace.envs.assembly.building import load_scene
from testspace.envs.meshes import MeshError, MeshWarning, obj, textures
from testspace.envs.meshes.obj_format import OBJSyntaxError, library_names, parse_mtl, parse_obj

VERTICES = "v -2 0 -2\nv 2 0 -2\nv 2 0 2\nv -2 0 2\nv -2 2.5 -2\nv 2 2.5 -2\nv 2 2.5 2\nv -2 2.5 2\n"
FACES = "f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"
RED = "newmtl red\nKd 0.8 0.1 0.1\n"


@pytest.mark.parametrize(
    "text",
    [
        VERTICES.replace("v ", "v\t") + FACES,
        VERTICES + FACES.replace("f 1 4 3 2", "f 1 4 \\\n3 2"),
        VERTICES + FACES.replace("f 1 4 3 2", "f 1 4 \\  \r\n3 2 # the floor"),
        FACES + VERTICES,
        (VERTICES + FACES).replace("\n", "\r\n"),
        (VERTICES + FACES).replace("\n", "\r"),
        "  # head \\\n" + VERTICES + FACES.replace("f 1 4 3 2", "f -8 -5 -6 -7"),
        VERTICES + FACES.replace("f 1 4 3 2", "f 1//1 4//1 3//1 2//1") + "vn 0 1 0\n",
    ],
)
def test_the_same_room_however_it_is_written(tmp_path: Path, text: str) -> None:
    plain = parse_obj((VERTICES + FACES).encode())
    read = parse_obj(text.encode())
    np.testing.assert_array_equal(read.vertices, plain.vertices)
    np.testing.assert_array_equal(read.corners[..., 0], plain.corners[..., 0])
    (tmp_path / "a.obj").write_text(VERTICES + FACES)
    other = trimesh.load(tmp_path / "a.obj", process=False)
    assert isinstance(other, trimesh.Trimesh)
    ours = {frozenset(map(tuple, corners)) for corners in read.vertices[read.corners[..., 0]].tolist()}
    assert ours == {frozenset(map(tuple, corners)) for corners in other.triangles.tolist()}


@pytest.mark.parametrize(
    ("text", "material"),
    [
        ("mtllib a.mtl b.mtl\n" + VERTICES + "usemtl red\n" + FACES, RED),
        ("mtllib\ta.mtl\t\n" + VERTICES + "usemtl\tred \n" + FACES, "newmtl\tred\t\nKd\t0.8 0.1 0.1\n"),
        ("usemtl red\nmtllib gone.mtl\n" + VERTICES + FACES + "mtllib a.mtl\n", RED),
    ],
)
def test_materials_of_several_and_late_libraries(
    tmp_path: Path, text: str, material: str, recwarn: pytest.WarningsRecorder
) -> None:
    (tmp_path / "a.obj").write_text(text)
    (tmp_path / "a.mtl").write_text(material)
    scene = load_scene(tmp_path / "a.obj")
    assert {scene.materials[i].rgb for i in scene.face_material} == {(0.8, 0.1, 0.1)}
    assert len(recwarn) == ("gone" in text)


def test_colours_of_one_number_of_xyz_and_of_a_spectrum(tmp_path: Path) -> None:
    looks, faults = parse_mtl(b"newmtl a\nKd 0.5\nnewmtl b\nKd xyz 0.9505 1 1.089\nnewmtl c\nKd spectral x.rfl 1\n")
    assert looks["a"].rgb == (0.5, 0.5, 0.5)
    np.testing.assert_allclose(looks["b"].rgb, (1, 1, 1), atol=2e-3)  # the white of sRGB
    assert [fault.line for fault in faults] == [6]
    (tmp_path / "a.mtl").write_text("newmtl red\nKd spectral ident.rfl 1\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\n" + VERTICES + "usemtl red\n" + FACES)
    with pytest.warns(MeshWarning, match="1 spectral colours"):
        load_scene(tmp_path / "a.obj")


@pytest.mark.parametrize(("line", "name"), [
    ("map_Kd -s 1 1 1 -o 0 0 my wall.png", "my wall.png"), ("map_Kd -clamp on -mm 0 1 a.png", "a.png"),
    ("map_Kd plain name.jpg", "plain name.jpg"),
])  # fmt: skip
def test_options_of_a_texture(line: str, name: str) -> None:
    looks, faults = parse_mtl(f"newmtl a\n{line}\n".encode())
    assert looks["a"].texture == name
    assert not faults


@pytest.mark.parametrize("line", ["Kd nan 0 0", "Kd 1 1e999 0", "d nan", "Kd 1 2", "Kd", "map_Kd -s 1"])
def test_a_look_that_is_no_number_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.mtl").write_text(f"newmtl red\n{line}\n")
    (tmp_path / "a.obj").write_text("mtllib a.mtl\n" + VERTICES + "usemtl red\n" + FACES)
    with pytest.raises(MeshError, match=r"a\.mtl: line 2: "):
        load_scene(tmp_path / "a.obj")


def test_what_is_not_there_and_what_is_not_drawn() -> None:
    with pytest.raises(OBJSyntaxError, match="line 3: a face names v 9, but the file has 2"):
        parse_obj(b"v 0 0 0\nv 1 0 0\nf 1 2 9\n")
    with pytest.raises(OBJSyntaxError, match=r"line 4: .*more than 1 triangles"):
        parse_obj(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3 1\n", most=1)
    read = parse_obj(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2/2 3/3\nf 1 2\ncurv 0 1 1 2\n")
    assert (read.corners[..., 1] == -1).all()
    assert read.skipped["references to vt that are not there"] == 3
    assert read.skipped.total() == 5
    assert library_names("my room.mtl") == ["my room.mtl", "my", "room.mtl"]


def test_many_libraries_and_textures_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    monkeypatch.setattr(obj, "MAX_MTL", 100)
    for number in range(10):
        (tmp_path / f"{number}.mtl").write_text(f"newmtl m{number}\nKd 1 1 1\n")
    libraries = "".join(f"mtllib {number}.mtl\n" for number in range(10))
    (tmp_path / "a.obj").write_text(libraries + VERTICES + FACES)
    with pytest.raises(MeshError, match="more than the"):
        load_scene(tmp_path / "a.obj")
    monkeypatch.setattr(obj, "MAX_MTL", 10_000)
    monkeypatch.setattr(textures, "MAX_PIXELS", 2 * 64)
    for number, same in ((0, 0), (1, 0), (2, 0), (3, 3), (4, 4)):  # the first three are one picture
        (tmp_path / f"{number}.png").write_bytes(cv2.imencode(".png", np.full((8, 8, 3), same, np.uint8))[1].tobytes())
    text = "".join(f"newmtl m{number}\nmap_Kd {number}.png\n" for number in range(5))
    (tmp_path / "a.mtl").write_text(text)
    used = "".join(f"usemtl m{number}\nf 1/1 2/1 3/1\n" for number in range(4))
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nvt 0 0\n" + VERTICES + used)
    assert len(load_scene(tmp_path / "a.obj").textures) == 2
    (tmp_path / "a.obj").write_text("mtllib a.mtl\nvt 0 0\n" + VERTICES + used + "usemtl m4\nf 1/1 2/1 4/1\n")
    with pytest.raises(MeshError, match=r"4\.png: the textures have more than"):
        load_scene(tmp_path / "a.obj")
