"""Furniture packs, on small libraries in the real ones' layout: what is read, what is refused, what it changes."""

from __future__ import annotations

import io
import lzma
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from samples import LICENCES, catalogue, chair_obj, write_library
from two_rooms import two_rooms

from testspace.core.frame import Camera
from testspace.envs.assembly.building import build_scene
from testspace.envs.floor import build_floor
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.house.assets import asset
from testspace.envs.packs import install as install_module
from testspace.envs.packs import library as libraries
from testspace.envs.packs.credits import write_credits
from testspace.envs.packs.install import install, installed, remove
from testspace.envs.packs.library import CATALOGUE, Library, PackError
from testspace.envs.packs.obj import read_model
from testspace.envs.packs.pack import MAX_TRIANGLES, FurniturePack, open_pack
from testspace.envs.packs.types import TYPES


def deb(file: Path, data: bytes) -> Path:
    """A Debian package of this data.tar.xz."""
    parts = (("debian-binary", b"2.0\n"), ("data.tar.xz", data))
    raw = b"!<arch>\n"
    for name, content in parts:
        raw += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        raw += b"\n" * (len(content) % 2)
    file.write_bytes(raw)
    return file


def debian(folder: Path, files: dict[str, bytes]) -> Path:
    """A package as deb(5) describes it, with entries that must not be followed."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        link = tarfile.TarInfo("./usr/share/evil.sh3f")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return deb(folder / "pack.deb", data.getvalue())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_library_tells_its_models_and_their_creators(tmp_path: Path) -> None:
    library = Library(write_library(tmp_path, extra="modelRotation#1=0 0 1 0 1 0 -1 0 0\ndropOnTopElevation#1=45\n"))
    (entry,) = library.entries
    assert (entry.key, entry.name, entry.creator, entry.size) == ("Scopia/chair", "Chair", "Anaïs", (0.5, 0.9, 0.5))
    assert entry.rest == pytest.approx(0.5)
    np.testing.assert_array_equal(entry.turn @ [0, 0, 1], [1, 0, 0])


def test_a_model_is_read_as_its_file_says(tmp_path: Path) -> None:
    triangles = read_model(Library(write_library(tmp_path)), "x/chair.obj")
    assert len(triangles.faces) == 12
    corner = triangles.vertices[triangles.faces]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]) / 2
    assert np.linalg.norm(cross, axis=1).sum() == pytest.approx(2 * 4 + 4 * 6)
    volume = np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])).sum() / 6
    assert abs(volume) == pytest.approx(12)
    normal = triangles.normals[triangles.faces[:, 0]]
    np.testing.assert_allclose(normal, cross / np.linalg.norm(cross, axis=1, keepdims=True), atol=1e-12)
    assert triangles.surfaces[0].texture == "x/cloth.png"
    assert set(map(tuple, np.abs(triangles.uv))) == {(0, 0), (1, 0), (1, 1), (0, 1)}


def test_triangles_of_no_area_are_left_out_and_negative_numbers_count_back(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 2\nf -3 -2 -1\n"
    triangles = read_model(Library(write_library(tmp_path, files={"x/chair.obj": text})), "x/chair.obj")
    assert len(triangles.faces) == 1
    np.testing.assert_allclose(triangles.normals, [[0, 0, 1]] * 3)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v 0 0 0\nf 1 2 3\n", "line 2"),
        ("v 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "line 1: .*3 numbers"),
        ("v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n", "vertex 1 is not finite"),
        ("v x 0 0\n", "line 1"),
        ("f 0 0 0\n", "line 1"),
        ("", "no triangles"),
        ("v 1 1 1\nf 1 1 1\n", "no triangles"),
    ],
)
def test_a_broken_model_is_named(tmp_path: Path, text: str, says: str) -> None:
    library = Library(write_library(tmp_path, files={"x/chair.obj": text}))
    with pytest.raises(PackError, match=says) as caught:
        read_model(library, "x/chair.obj")
    assert "x/chair.obj" in str(caught.value)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", "C:/x", "a\\x"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackError, match="leads out of the library"):
        Library(write_library(tmp_path, files={name: "x"}))


def test_a_package_of_countless_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install_module, "MAX_MEMBERS", 100)
    data = lzma.compress(tarfile.TarInfo("a/x").tobuf() * 101, preset=0)
    with pytest.raises(PackError, match="more than 100 files"):
        install(deb(tmp_path / "a.deb", data))


def test_a_dictionary_of_gigabytes_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    small = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    raw = bytearray(lzma.compress(tarfile.TarInfo("a/x").tobuf() + bytes(1024), filters=small))
    size = (raw[12] + 1) * 4  # of the block's header, which ends with its checksum
    raw[raw.index(b"\x21\x01", 12) + 2] = 40  # 4 GiB
    raw[8 + size : 12 + size] = zlib.crc32(bytes(raw[12 : 8 + size])).to_bytes(4, "little")
    with pytest.raises(PackError, match="damaged: Memory usage limit"):
        install(deb(tmp_path / "a.deb", bytes(raw)))


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PackError, match="too large when unpacked"):
        Library(write_library(tmp_path, files={"x/bomb.obj": bytes(20 * 2**20)}))
    monkeypatch.setattr(libraries, "MAX_MEMBERS", 3)
    with pytest.raises(PackError, match="holds 4 files"):
        Library(write_library(tmp_path))
    monkeypatch.setattr(libraries, "MAX_MEMBERS", 4)
    monkeypatch.setattr(libraries, "MAX_TOTAL", 100)
    with pytest.raises(PackError, match="more than 100 bytes"):
        Library(write_library(tmp_path))


def test_what_is_no_library_is_refused(tmp_path: Path) -> None:
    path = write_library(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PackError, match="not a furniture library"):
        Library(path)
    start = whole.index(b"x/cloth.png") + 11
    path.write_bytes(whole[:start] + b"\xff\xff" + whole[start + 2 :])
    with pytest.raises(PackError, match="damaged"):
        Library(path).read("x/cloth.png")
    with pytest.raises(PackError, match="entry 1: no usable size"):
        Library(write_library(tmp_path, files={CATALOGUE: catalogue().replace("width#1=50", "width#1=wide")}))


@pytest.mark.parametrize("licence", ["GNU GPL / CC-BY 3.0", "", "Creative Commons Attribution-NonCommercial"])
def test_only_free_licences_are_used(tmp_path: Path, licence: str) -> None:
    with pytest.raises(PackError, match="only CC0 and CC-BY"):
        Library(write_library(tmp_path, licence=licence))


def test_installing_from_a_debian_package_a_file_and_a_folder(tmp_path: Path, cache: Path) -> None:
    good = write_library(tmp_path).read_bytes()
    bad = write_library(tmp_path, "core", licence="GNU GPL").read_bytes()
    package = debian(
        tmp_path, {"./usr/share/x/Scopia.sh3f": good, "../../../out.sh3f": good, "./core.sh3f": bad, "./doc": b"text"}
    )
    assert [each.path.name for each in install(package)] == ["Scopia.sh3f", "out.sh3f"]
    assert {path.name for path in cache.rglob("*") if path.is_file()} == {"Scopia.sh3f", "out.sh3f"}
    assert not (tmp_path / "out.sh3f").exists()
    assert len(install(tmp_path / "Scopia.sh3f")) == 1
    assert [each.path.name for each in installed()] == ["Scopia.sh3f"]
    assert len(install(tmp_path)) == 1, "core is left out"
    assert remove()
    assert not remove()
    assert installed() == []
    with pytest.raises(PackError, match="testspace assets install"):
        open_pack("sweethome3d")


def test_a_failed_installation_leaves_the_old_one(tmp_path: Path) -> None:
    install(write_library(tmp_path))
    (tmp_path / "cut.deb").write_bytes(debian(tmp_path, {"a.sh3f": b"x" * 5000}).read_bytes()[:300])
    for source, says in (
        (write_library(tmp_path, "core", licence="GNU GPL"), "only CC0 and CC-BY"),
        (tmp_path / "cut.deb", "damaged"),
        (tmp_path / "missing", "neither a folder"),
    ):
        with pytest.raises(PackError, match=says):
            install(source)
    assert [each.path.name for each in installed()] == ["Scopia.sh3f"]


def test_without_apt_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackError, match="--from"):
        install()


def test_a_pack_changes_what_is_seen_and_nothing_else(tmp_path: Path) -> None:
    install(write_library(tmp_path))
    house = two_rooms()
    plain, furnished = build_scene(house), build_scene(house, open_pack("sweethome3d"))
    for same in ("instances", "lights", "start"):
        assert getattr(furnished, same) == getattr(plain, same)
    assert [room.id for room in furnished.rooms] == [room.id for room in plain.rooms]
    chair = next(i for i, thing in enumerate(plain.instances) if thing.id == "1|0")
    others = plain.face_instance != chair
    np.testing.assert_array_equal(furnished.faces[: others.sum()], plain.faces[others])
    corners = furnished.vertices[furnished.faces[furnished.face_instance == chair]].reshape(-1, 3)
    assert (furnished.face_instance == chair).sum() == 12
    box, size = plain.instances[chair], np.array(asset("Chair_002_1").size)
    turned = size[[2, 1, 0]]  # the chair stands at 90 degrees
    np.testing.assert_allclose(corners.min(0), box.center - turned / 2, atol=1e-5)
    np.testing.assert_allclose(corners.max(0), box.center + turned / 2, atol=1e-5)
    corner = furnished.vertices[furnished.faces]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    mine = furnished.face_instance == chair
    assert (np.einsum("ij,ij->i", cross, furnished.normals[furnished.faces[:, 0]])[mine] > 0).all()
    texture = furnished.materials[furnished.face_material[mine][0]].texture
    np.testing.assert_array_equal(furnished.textures[texture][0, 0], [0, 0, 250])
    assert furnished.textures[: len(plain.textures)].tobytes() == plain.textures.tobytes()
    np.testing.assert_array_equal(build_floor(furnished).reachable, build_floor(plain).reachable)
    assert plain.credits == ()
    assert furnished.credits == (f"Scopia: Chair, by Anaïs ({LICENCES['Scopia']})",)


def test_nothing_is_furnished_unless_asked(tmp_path: Path) -> None:
    install(write_library(tmp_path))
    camera = Camera(8, 8)
    assert HouseEnv(two_rooms(), camera).scene.credits == ()
    env = HouseEnv(two_rooms(), camera, assets="sweethome3d")
    assert env.scene.credits
    np.testing.assert_array_equal(env.floor.reachable, HouseEnv(two_rooms(), camera).floor.reachable)


def test_models_that_do_not_fit_are_passed_over(tmp_path: Path) -> None:
    chair = asset("Chair_002_1")
    write_library(tmp_path, files={CATALOGUE: catalogue().replace("height#1=90", "height#1=9")})
    assert FurniturePack(tmp_path).model(chair) is None
    leaves = "".join(f"v {k} 0 0\nv {k} 1 0\nv {k} 0 1\nf -3 -2 -1\n" for k in range(2 * MAX_TRIANGLES))
    write_library(tmp_path, files={"x/chair.obj": leaves})
    assert FurniturePack(tmp_path).model(chair) is None  # no edge joins two of them: to drop some would show
    write_library(tmp_path, files={"x/cloth.png": b"no picture"})
    fitted = FurniturePack(tmp_path).model(chair)
    assert fitted is not None
    assert fitted.textures == {}
    assert FurniturePack(tmp_path).model(replace(chair, type="Egg")) is None


def test_heavy_models_are_made_lighter(tmp_path: Path) -> None:
    n = 80
    lines = [f"v {np.sin(a)} {y / n} {np.cos(a)}" for y in range(n + 1) for a in np.linspace(0, 2 * np.pi, n, False)]
    rows = ((y * n, k, (k + 1) % n) for y in range(n) for k in range(n))
    lines += [f"f {y + k + 1} {y + j + 1} {y + n + j + 1} {y + n + k + 1}" for y, k, j in rows]
    write_library(tmp_path, files={"x/chair.obj": "\n".join(lines)})
    fitted = FurniturePack(tmp_path).model(asset("Chair_002_1"))
    assert fitted is not None
    assert len(fitted.triangles.faces) <= MAX_TRIANGLES < 2 * n * n
    np.testing.assert_allclose(np.ptp(fitted.triangles.vertices, axis=0), asset("Chair_002_1").size, rtol=1e-6)


def test_seats_come_where_the_houses_rest_things(tmp_path: Path) -> None:
    write_library(tmp_path, extra="dropOnTopElevation#1=30\n")
    text = chair_obj() + "\nv 0 1 0\nv 1 1 0\nv 0 1 1\nf 9 10 11\n"  # a seat at a third of the height
    write_library(tmp_path, files={"x/chair.obj": text, CATALOGUE: catalogue(extra="dropOnTopElevation#1=30\n")})
    chair = asset("Chair_007_4")  # on which the houses rest things at 0.51 m
    chair = replace(chair, size=(0.5, 0.9, 0.5))
    fitted = FurniturePack(tmp_path).model(chair)
    assert fitted is not None
    heights = np.unique(fitted.triangles.vertices[:, 1].round(6))
    np.testing.assert_allclose(heights, [-0.45, 0.06, 0.45], atol=1e-6)


def test_credits_are_written_beside_what_is_made_and_add_up(tmp_path: Path) -> None:
    scene = build_scene(two_rooms())
    assert write_credits(scene, tmp_path) is None
    for credit in ("B: Bed, by Bo (CC0)", "A: Chair, by Al (CC-BY)", "B: Bed, by Bo (CC0)"):
        file = write_credits(replace(scene, credits=(credit,)), tmp_path)
    assert file is not None
    said = file.read_text()
    assert said.count("Bed, by Bo") == 1
    assert said.index("Chair, by Al") < said.index("Bed, by Bo")


def test_the_table_names_types_of_the_asset_database() -> None:
    from testspace.envs.house.classes import OBJECT_TYPES

    assert set(TYPES) <= set(OBJECT_TYPES)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_package_that_grows_without_end_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Extended headers are read into memory by tarfile, so their size is checked first; so is that of everything."""
    with pytest.raises(PackError, match="too large"):
        install(debian(tmp_path, {"./big.bin": bytes(2**26 + 2**20)}))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        info = tarfile.TarInfo("x")
        info.type, info.size = kind, 2**22
        archive.addfile(info, io.BytesIO(b"0" * 2**22))
    with pytest.raises(PackError, match="a header of 4194304 bytes"):
        install(deb(tmp_path / "bomb.deb", data.getvalue()))
