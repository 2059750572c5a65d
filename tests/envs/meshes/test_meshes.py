"""Meshes in and out, on files written here in their real byte layout."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from samples import replica_folder, text_ply
from scenes import box_room

from testspace.core.frame import Camera
from testspace.envs.assembly.building import load_scene
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.house.classes import CLASS_ID, CLASSES
from testspace.envs.meshes import MeshError, MeshWarning
from testspace.envs.meshes.ply import read_ply
from testspace.envs.meshes.replica import REPLICA_CLASSES
from testspace.envs.meshes.write import write_glb
from testspace.envs.render.raycast import RayCastSimulator


def test_a_replica_folder_is_a_labelled_scene(tmp_path: Path) -> None:
    """Axes, quads, classes, instances, negative ids, and what has no class of ours."""
    with pytest.warns(MeshWarning, match=r"1 things of classes without counterpart are void: table \(1\)"):
        scene = load_scene(replica_folder(tmp_path / "room"))
    assert len(scene.faces) == 12
    np.testing.assert_allclose(scene.vertices.min(axis=0), (-2, 0, -3))  # its floor, stored at -1.5
    np.testing.assert_allclose(scene.vertices.max(axis=0), (2, 2.5, 3))
    by_id = {instance.id: CLASSES[instance.class_id] for instance in scene.instances}
    assert by_id == {
        "void": "void", "unlabelled": "void", "wall_3": "Wall", "ceiling_7": "Ceiling", "floor_12": "Floor",
        "table_9": "void",
    }  # fmt: skip
    frame, labels = RayCastSimulator(scene, Camera(9, 9), light="direct").render_with_labels(
        np.array([[0, 1.5, 0, 0, -90, 0], [0, 1.5, 0, 0, 90, 0], [0, 1.5, 0, 90, 0, 0], [0, 1.5, 0, 180, 0, 0]], float)
    )
    np.testing.assert_allclose(frame["depth"][:, 4, 4], [1.5, 1.0, 2.0, 3.0], rtol=1e-5)
    assert [CLASSES[c] for c in labels.semantic[:, 4, 4]] == ["Floor", "Ceiling", "Wall", "void"]
    assert scene.instances[labels.instance[3, 4, 4]].id == "unlabelled"
    red, green, blue = frame["rgb"][2, 4, 4].astype(int)
    assert red > 2 * green > 2 * blue - 60
    env = HouseEnv.from_scene(scene, Camera(8, 8))
    assert env.floor.level == pytest.approx(0, abs=1e-6)
    assert env.reset(seed=1)[0]["pose"][1] == pytest.approx(1.5)


def test_replica_classes_are_ours() -> None:
    assert set(REPLICA_CLASSES.values()) <= set(CLASS_ID)


def test_a_replica_folder_without_labels_says_so(tmp_path: Path) -> None:
    folder = replica_folder(tmp_path / "room")
    (folder / "habitat" / "mesh_semantic.ply").unlink()
    with pytest.warns(MeshWarning, match="no labels"):
        scene = load_scene(folder)
    assert len(scene.faces) == 12
    assert scene.vertex_colour is not None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"classes": [], "objects": [{"id": "x"}]}',
        '{"classes": [{"id": 1e999, "name": "x"}], "objects": []}',
        "[" * 100_000,
    ],
)
def test_a_damaged_info_file_is_named(tmp_path: Path, text: str) -> None:
    folder = replica_folder(tmp_path / "room")
    (folder / "habitat" / "info_semantic.json").write_text(text)
    with pytest.raises(MeshError, match=r"info_semantic\.json"):
        load_scene(folder)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_ply_returns_what_was_written(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Any mix of polygons, in both byte orders and in text; and no cut of it is read as if it were whole."""
    lengths = data.draw(st.lists(st.integers(0, 6), max_size=30))
    polygons = [data.draw(st.lists(st.integers(-5, 2**31 - 1), min_size=n, max_size=n)) for n in lengths]
    ids = data.draw(st.lists(st.integers(-(2**15), 2**15 - 1), min_size=len(lengths), max_size=len(lengths)))
    order = data.draw(st.sampled_from(["<", ">", ""]))
    kind = {"<": "binary_little_endian", ">": "binary_big_endian", "": "ascii"}[order]
    head = f"ply\nformat {kind} 1.0\ncomment x\nelement face {len(ids)}\nproperty list uchar int vertex_indices\n"
    head += "property short object_id\nend_header\n"
    rows = zip(polygons, ids, strict=True)
    if order:
        body = b"".join(struct.pack(f"{order}B{len(p)}ih", len(p), *p, i) for p, i in rows)
    else:
        body = "".join(" ".join(map(str, [len(p), *p, i])) + "\n" for p, i in rows).encode()
    file = tmp_path_factory.mktemp("ply") / "a.ply"
    file.write_bytes(head.encode() + body)
    face = read_ply(file)["face"]
    assert face.scalars["object_id"].tolist() == ids
    read = {
        int(row): values.tolist()
        for group, lists in face.lists["vertex_indices"]
        for row, values in zip(group, lists, strict=True)
    }
    assert [read[i] for i in range(len(ids))] == polygons
    if body and order:
        file.write_bytes(head.encode() + body[: data.draw(st.integers(0, len(body) - 1))])
        with pytest.raises(MeshError, match="element face"):
            read_ply(file)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_noise_is_an_error_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("noise")
    for name, head in (("a.ply", b"ply\n"), ("b.glb", b"glTF\2\0\0\0"), ("c.obj", b"f ")):
        (folder / name).write_bytes(head + noise)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MeshWarning)
            with pytest.raises(MeshError, match=name):
                load_scene(folder / name)


def test_bad_triangles_are_left_out_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "a.ply"
    file.write_text(text_ply("0 0 0\n1 0 0\n0 1 0\nnan 0 0\n2 0 0", "3 0 1 2\n3 0 1 3\n3 0 1 4\n3 0 1 1\n2 0 1"))
    with pytest.warns(MeshWarning, match=r"1 polygons of fewer.*1 triangles with corners.*2 triangles of no area"):
        assert len(load_scene(file).faces) == 1


@pytest.mark.parametrize(
    ("vertices", "faces", "claimed", "what"),
    [
        ("0 0 0\n1 0 0\n0 1 0", "3 0 1 3", None, r"element face, triangle 0: names vertices \[0, 1, 3\]"),
        ("0 0 0\n1 0 0\n0 1 0", "3 0 1 -1", None, "triangle 0: names vertices"),
        ("0 0 0\n1 0 0\n0 1 0", "3 0 1 2", 10**8, "element face: the header claims 100000000 rows"),
        ("0 0 0\n1 0 0\n0 1 x", "3 0 1 2", None, "body: something in it is not a number"),
        ("nan 0 0\n1 0 0\n0 1 0", "3 0 1 2", None, "no triangle that can be drawn; left out: 1"),
    ],
)
def test_a_wrong_ply_is_one_clear_line(
    tmp_path: Path, vertices: str, faces: str, claimed: int | None, what: str
) -> None:
    file = tmp_path / "wrong.ply"
    file.write_text(text_ply(vertices, faces, claimed))
    with pytest.raises(MeshError, match=rf"wrong\.ply: .*{what}"):
        load_scene(file)


def corners(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Triangles, sorted, to compare meshes whatever their order."""
    flat = vertices[faces].reshape(-1, 9)
    return flat[np.lexsort(flat.T)]


def test_a_written_scene_is_the_same_for_us_and_for_others(tmp_path: Path) -> None:
    scene, file = load_scene(3), tmp_path / "house.glb"
    write_glb(scene, file)
    other = trimesh.load(file)
    assert isinstance(other, trimesh.Scene)
    assert {name.split("_")[0] for name in other.geometry} <= {i.id.split("_")[0] for i in scene.instances}
    merged = trimesh.util.concatenate(other.dump())
    expected = corners(scene.vertices, scene.faces)
    np.testing.assert_allclose(
        corners(np.asarray(merged.vertices, np.float32), np.asarray(merged.faces)), expected, atol=1e-6
    )
    again = load_scene(file)
    np.testing.assert_array_equal(corners(again.vertices, again.faces), expected)
    assert sorted((i.id, i.class_id) for i in again.instances) == sorted((i.id, i.class_id) for i in scene.instances)
    assert again.start == scene.start
    camera, pose = Camera(24, 24), np.array([[scene.start[0], 1.5, scene.start[1], 40.0, -10.0, 0.0]])
    seen, labels = RayCastSimulator(scene, camera, light="direct", shadows=False).render_with_labels(pose)
    back, labels_back = RayCastSimulator(again, camera, light="direct", shadows=False).render_with_labels(pose)
    np.testing.assert_array_equal(back["depth"], seen["depth"])
    np.testing.assert_array_equal(labels_back.semantic, labels.semantic)


def test_vertex_colours_survive_and_are_seen(tmp_path: Path) -> None:
    """White vertices change nothing; a colour multiplies; GLB keeps every value."""
    scene, file = box_room(), tmp_path / "a.glb"
    poses = np.array([[0.0, 1.2, 2.0, 0.0, 0.0, 0.0]])
    plain = RayCastSimulator(scene, Camera(16, 16), cache=False).render(poses)["rgb"]
    scene.vertex_colour = np.full((len(scene.vertices), 3), 255, np.uint8)
    np.testing.assert_array_equal(RayCastSimulator(scene, Camera(16, 16), cache=False).render(poses)["rgb"], plain)
    scene.vertex_colour[:] = (255, 0, 128)
    red = RayCastSimulator(scene, Camera(16, 16), light="direct").render(poses)["rgb"]
    assert red[..., 1].max() == 0
    assert (red[..., 0] > red[..., 2]).all()
    scene.vertex_colour[:] = np.arange(3 * len(scene.vertices)).reshape(-1, 3)[::-1] % 256
    write_glb(scene, file)
    again = load_scene(file)
    pairs = {tuple(v) + tuple(c) for v, c in zip(scene.vertices.tolist(), scene.vertex_colour.tolist(), strict=True)}
    assert again.vertex_colour is not None
    assert pairs == {
        tuple(v) + tuple(c) for v, c in zip(again.vertices.tolist(), again.vertex_colour.tolist(), strict=True)
    }


def test_a_real_glb(shared_data: Path) -> None:
    """habitat-sim's simple room, z-up against the format's rule: a floor with a table and stools on it."""
    scene = load_scene(shared_data / "habitat-sim-simple_room.glb", up="z")
    truth = trimesh.load(shared_data / "habitat-sim-simple_room.glb")
    x, y, z = np.asarray(truth.bounds).T
    floor = 0.14549  # metres above 0 in the file
    np.testing.assert_allclose(scene.vertices.min(axis=0), (x[0], z[0] - floor, -y[1]), atol=1e-4)
    np.testing.assert_allclose(scene.vertices.max(axis=0), (x[1], z[1] - floor, -y[0]), atol=1e-4)
    assert HouseEnv.from_scene(scene, Camera(8, 8)).floor.area > 50


def test_an_obj_with_its_texture(tmp_path: Path) -> None:
    """Row 0 of the picture lies at v = 1."""
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[:2] = (0, 0, 255)  # OpenCV's order: the upper half is red
    cv2.imwrite(str(tmp_path / "t.png"), picture)
    (tmp_path / "m.mtl").write_text("newmtl a\nKd 1 1 1\nmap_Kd t.png\n")
    text = "mtllib m.mtl\nusemtl a\nv -1 0 0\nv 1 0 0\nv 1 2 0\nv -1 2 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
    (tmp_path / "a.obj").write_text(text + "f 1/1 2/2 3/3 -1/-1\n")
    frame = RayCastSimulator(load_scene(tmp_path / "a.obj"), Camera(8, 8), light="direct").render(
        np.array([[0, 1, 1, 0, 0, 0]], float)
    )
    assert (frame["rgb"][0, 1, :, 0] > 60).all()
    assert (frame["rgb"][0, 6, :, 0] < 20).all()
    (tmp_path / "t.png").write_bytes((tmp_path / "t.png").read_bytes()[:40])
    with pytest.raises(MeshError, match=r"t\.png: the texture is damaged"):
        load_scene(tmp_path / "a.obj")


@pytest.mark.parametrize("name", ["../m.mtl", "/etc/hostname", "..\\m.mtl", "a/../../m.mtl"])
def test_an_obj_opens_nothing_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.mtl").write_text("newmtl a\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.obj").write_text(f"mtllib {name}\nv 0 0 0\n")
    with pytest.raises(MeshError, match=r"a\.obj: line 1: names .* outside its folder"):
        load_scene(tmp_path / "in" / "a.obj")


def test_a_glb_opens_nothing_outside_itself_and_knows_cut_files(tmp_path: Path) -> None:
    file = tmp_path / "a.glb"
    write_glb(box_room(), file)
    whole = file.read_bytes()
    for length in (10, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(MeshError, match=r"a\.glb"):
            load_scene(file)
    size = int.from_bytes(whole[12:16], "little")
    for old, new, what in (
        ('{"byteLength"', '{"uri":"http://x/y","byteLength"', "nothing is fetched"),
        ('"count": 4', '"count": 400000000', "claims 400000000 entries"),
        ('"mesh": 0', '"mesh": -9', "not valid glTF"),
        ('"mesh": 0', '"mesh": 0, "children": [0]', "within itself"),
    ):
        text = whole[20 : 20 + size].decode().replace(old, new).encode()
        text += b" " * (-len(text) % 4)
        chunk = struct.pack("<I", len(text)) + b"JSON" + text + whole[20 + size :]
        file.write_bytes(b"glTF" + struct.pack("<II", 2, 12 + len(chunk)) + chunk)
        with pytest.raises(MeshError, match=what):
            load_scene(file)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("a.stl", r"are not read: convert it to \.glb"),
        ("a.zip", "unpack"),
        ("none.ply", "no such file"),
        ("empty", "not a Replica"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(MeshError, match=what):
        load_scene(tmp_path / name)
