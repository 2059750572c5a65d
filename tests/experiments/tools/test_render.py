"""`testspace render`: the pictures are of the house that was asked for, the same each time, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from two_rooms import L_ROOM, SQUARE, two_rooms

from testspace.core.frame import Camera
from testspace.envs.assembly.building import build_scene
from testspace.envs.house.classes import CLASS_ID, class_colours
from testspace.envs.house.house_io import save_house
from testspace.envs.meshes.write import write_glb
from testspace.envs.render.raycast import RayCastSimulator
from testspace.experiments.cli import main as cli
from testspace.experiments.report import plan
from testspace.experiments.tools import render

MODALITIES = ("rgb", "depth", "normals", "edges", "semantic", "instance")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few candidates, a small plan."""
    monkeypatch.setattr(render, "CANDIDATES", 24)
    monkeypatch.setattr(plan, "LONG_SIDE", 160)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    save_house(two_rooms(), tmp_path / "house.json")
    return tmp_path / "house.json"


def draw(out: Path, house: Path, *more: str) -> dict[str, NDArray[np.uint8]]:
    """The pictures by their names in the folder, RGB."""
    cli.main(
        [
            "render",
            "--house",
            str(house),
            "--out",
            str(out),
            "--size",
            "40x32",
            "--views",
            "2",
            "--antialias",
            "1",
            *more,
        ]
    )
    return {str(p.relative_to(out)): cv2.imread(str(p))[..., ::-1] for p in sorted(out.rglob("*.png"))}


def test_pictures_show_the_house_and_agree_with_each_other(
    tmp_path: Path, house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a"
    pictures = draw(out, house)
    names = {f"views/{number:02d}_{name}.png" for number in (0, 1) for name in MODALITIES}
    assert set(pictures) == {*names, "panels.png", "plan.png"}
    assert {pictures[name].shape for name in names} == {(32, 40, 3)}
    assert pictures["panels.png"].shape == (2 * 32 + render_gap(), 6 * 40 + 5 * render_gap(), 3)
    index = json.loads((out / "index.json").read_text())
    assert set(index["files"]) == set(pictures)
    assert capsys.readouterr().out.startswith("15 files in")

    simulator = RayCastSimulator(build_scene(two_rooms()), Camera(40, 32, render.FIELD), light="direct", shadows=False)
    rooms = {"room|1": L_ROOM, "room|2": SQUARE}
    for number, view in enumerate(index["views"]):
        x, _, z = view["pose"][:3]
        assert shapely.Polygon(rooms[view["room"]]).covers(shapely.Point(x, -z))
        labels = simulator.render_with_labels(np.array([view["pose"]]))[1]
        same = (class_colours()[labels.semantic[0]] == pictures[f"views/{number:02d}_semantic.png"]).all(-1)
        assert same.mean() > 0.97  # the file's pose is rounded
        both = {name: pictures[f"views/{number:02d}_{name}.png"].reshape(-1, 3) for name in ("semantic", "instance")}
        pairs = np.unique(np.concatenate([both["instance"], both["semantic"]], axis=1), axis=0)
        assert len(pairs) == len(np.unique(both["instance"], axis=0))  # one thing, one class


def render_gap() -> int:
    """Pixels between panels."""
    from testspace.experiments.report.drawings import GAP

    return GAP


def test_the_same_is_drawn_again_and_a_change_shows(tmp_path: Path, house: Path) -> None:
    first, again = draw(tmp_path / "a", house), draw(tmp_path / "b", house)
    changed = draw(tmp_path / "c", house, "--change", "lighting=1")
    for name, picture in first.items():
        np.testing.assert_array_equal(picture, again[name])
    differences = []
    for view in ("views/00", "views/01"):
        np.testing.assert_array_equal(first[f"{view}_semantic.png"], changed[f"{view}_semantic.png"])
        differences.append(np.abs(first[f"{view}_rgb.png"].astype(int) - changed[f"{view}_rgb.png"]).mean())
    assert max(differences) > 3  # one of the rooms has a lamp, and no light of the other changes


def test_a_mesh_without_rooms_is_drawn(tmp_path: Path) -> None:
    write_glb(build_scene(two_rooms()), tmp_path / "house.glb")
    pictures = draw(tmp_path / "a", tmp_path / "house.glb")
    assert len(pictures) == 14
    index = json.loads((tmp_path / "a" / "index.json").read_text())
    assert [view["room"] for view in index["views"]] == [None, None]
    seen = {tuple(colour) for colour in pictures["views/00_semantic.png"].reshape(-1, 3)}
    assert tuple(class_colours()[CLASS_ID["Wall"]]) in seen


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--size", "40"], "--size must be WIDTHxHEIGHT"),
        (["--views", "0"], "--views must be 1 or more"),
        (["--antialias", "0"], "--antialias must be 1 or more"),
        (["--seed", "-1"], "--seed must be 0 or more"),
        (["--change", "weather=1"], "there is no change 'weather'"),
        (["--assets", "gold"], "no furniture pack 'gold'"),
        (["--house", "gone.json"], "gone.json"),
        (["--up", "z"], "--up and --scale are for meshes"),
        (["--house", "scan.glb", "--change", "lighting=1"], "--change is for houses"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_leaves_nothing(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("testspace.envs.generator.house_reference.generate_house", lambda seed: two_rooms())
    with pytest.raises(SystemExit) as stopped:
        cli.main(["render", "--out", str(tmp_path / "a"), *arguments])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "a").exists()


def test_nothing_is_drawn_over(tmp_path: Path, house: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "plan.png").write_text("mine")
    with pytest.raises(SystemExit) as stopped:
        draw(tmp_path / "a", house)
    assert stopped.value.code == 2
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "a" / "plan.png").read_text() == "mine"
