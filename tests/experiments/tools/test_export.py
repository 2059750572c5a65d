"""`testspace export`: what is written is the scene, for us and for trimesh, with the credits it owes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import trimesh
from samples import FORMATS, write_library
from two_rooms import two_rooms

from testspace.envs.assembly.building import build_scene, load_scene
from testspace.envs.house.house_io import save_house
from testspace.envs.meshes import MeshWarning
from testspace.envs.packs.pack import pack_folder
from testspace.experiments.cli import main as cli


@pytest.fixture
def house(tmp_path: Path) -> Path:
    save_house(two_rooms(), tmp_path / "house.json")
    return tmp_path / "house.json"


def test_a_house_comes_back_from_its_file(tmp_path: Path, house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, scene = tmp_path / "out" / "house.glb", build_scene(two_rooms())
    cli.main(["export", "--house", str(house), "--glb", str(file)])
    assert f"{len(scene.instances) - 1} things, {len(scene.faces)} triangles" in capsys.readouterr().out
    again = load_scene(file)
    assert sorted((i.id, i.class_id) for i in again.instances) == sorted((i.id, i.class_id) for i in scene.instances)
    other = trimesh.load(file)
    assert isinstance(other, trimesh.Scene)
    assert {str(node) for node in other.graph.nodes_geometry} == {i.id for i in scene.instances[1:]} or len(
        other.geometry
    ) >= len(scene.instances) - 1
    np.testing.assert_allclose(other.bounds, [scene.vertices.min(0), scene.vertices.max(0)], atol=1e-5)
    assert sum(len(mesh.faces) for mesh in other.geometry.values()) == len(scene.faces)
    assert not (tmp_path / "out" / "ATTRIBUTION.txt").exists()

    cli.main(["export", "--house", str(file), "--glb", str(tmp_path / "again.glb")])
    np.testing.assert_array_equal(load_scene(tmp_path / "again.glb").vertices, again.vertices)


@pytest.mark.parametrize("kind", ["replica", "ply", "obj"])
def test_scans_and_meshes_are_written_too(tmp_path: Path, kind: str) -> None:
    make, _, _ = FORMATS[kind]
    made = make(tmp_path / "room" if kind == "replica" else tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MeshWarning)  # a class that is none of ours
        scene = load_scene(made)
        cli.main(["export", "--house", str(made), "--glb", str(tmp_path / "made.glb")])
    again = load_scene(tmp_path / "made.glb")
    used = set(np.unique(scene.face_instance))
    assert {(i.id, i.class_id) for i in again.instances[1:]} == {
        (i.id, i.class_id) for number, i in enumerate(scene.instances) if number in used
    }
    assert len(again.faces) == len(scene.faces)
    np.testing.assert_allclose(again.vertices.min(0), scene.vertices.min(0), atol=1e-5)
    np.testing.assert_allclose(again.vertices.max(0), scene.vertices.max(0), atol=1e-5)


def test_models_of_others_go_with_their_credits(
    tmp_path: Path, house: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path / "cache"))
    pack_folder("sweethome3d").mkdir(parents=True)
    write_library(pack_folder("sweethome3d"), stem="chair4")
    cli.main(["export", "--house", str(house), "--glb", str(tmp_path / "out" / "a.glb"), "--assets", "sweethome3d"])
    credits = (tmp_path / "out" / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "Anaïs" in credits
    assert "Creative Commons Attribution 3.0" in credits
    assert "ATTRIBUTION.txt" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--glb", "house.obj"], "must end in .glb"),
        (["--glb", "a.glb", "--house", "gone.ply"], "gone.ply"),
        (["--glb", "a.glb", "--seed", "-1"], "--seed must be 0 or more"),
        (["--glb", "a.glb", "--assets", "gold"], "no furniture pack 'gold'"),
        (["--glb", "mine.glb", "--house", "mine.glb"], "is the input mesh"),
    ],
)
def test_what_cannot_be_written_is_one_line_and_leaves_nothing(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.glb").write_bytes(b"mine")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["export", *arguments])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["mine.glb"]
    assert (tmp_path / "mine.glb").read_bytes() == b"mine"
