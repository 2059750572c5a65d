"""habitat-sim's adapter, against a double of the calls that it makes; where asked for, against habitat-sim itself."""

from __future__ import annotations

import os
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh
from agreement import agreement, as_text
from habitat_double import install
from habitat_scene_double import IN_FILE, data_set
from samples import replica_folder
from scenes import box_room

from testspace.core.frame import Camera, check_frame
from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.gym_envs.motion import Action
from testspace.envs.habitat.habitat_classes import class_of_category
from testspace.envs.habitat.habitat_errors import HabitatError
from testspace.envs.habitat.habitat_scenes import HabitatScene, find_scene
from testspace.envs.habitat.habitat_simulator import HabitatSimulator
from testspace.envs.house.classes import CLASS_ID, CLASSES
from testspace.envs.meshes.parts import Up
from testspace.envs.meshes.write import write_glb
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.scene import Scene
from testspace.envs.simulator import Simulator
from testspace.experiments.cli import main as cli
from testspace.experiments.run.world_factory import View, open_space

CAMERA = Camera(48, 36, 70.0)


@pytest.fixture
def room(tmp_path: Path) -> str:
    write_glb(box_room(), tmp_path / "room.glb")
    return str(tmp_path / "room.glb")


@pytest.fixture
def scan(tmp_path: Path) -> str:
    """A Replica folder, whose meshes are z-up."""
    return str(replica_folder(tmp_path / "room_0"))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> types.ModuleType:
    return install(monkeypatch, tmp_path / "child", box_room())


def turned(scene: Scene, up: Up) -> Scene:
    """A scene in the axes of a file whose axis `up` points up."""
    axes = IN_FILE[up].T
    return replace(
        scene, vertices=(scene.vertices @ axes).astype(np.float32), normals=(scene.normals @ axes).astype(np.float32),
        rooms=[], start=None,
    )  # fmt: skip


def poses(simulator: Simulator, count: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    places = simulator.floor.sample(count, np.random.default_rng(0))
    return np.array([[x, 1.5, z, 50.0 * n, 12.0 - 9 * n, 4.0 * n] for n, (x, z) in enumerate(places)])


def test_frames_are_those_of_the_scene(scan: str, module: types.ModuleType) -> None:
    simulator = HabitatSimulator(scan, CAMERA, gpu=-1)
    assert isinstance(simulator, Simulator)
    ours = RayCastSimulator(box_room(), CAMERA, light="direct")
    seen_from = poses(ours, 5)
    frame, labels = simulator.render_with_labels(seen_from)
    wanted, truth = ours.render_with_labels(seen_from)
    np.testing.assert_array_equal(frame["rgb"], wanted["rgb"])
    np.testing.assert_array_equal(frame["edges"], wanted["edges"])
    assert frame["depth"] == pytest.approx(wanted["depth"], abs=1e-4)
    assert frame["pose"] == pytest.approx(seen_from, abs=1e-4)
    np.testing.assert_array_equal(labels.semantic, truth.semantic)
    assert len(np.unique(labels.instance)) == len(np.unique(truth.instance))
    agreement = (frame["normals"] * wanted["normals"]).sum(-1)  # from depth: wrong on edges only
    assert np.mean(agreement > np.cos(np.radians(3))) > 0.9
    for n in range(5):
        check_frame({key: value[n] for key, value in frame.items()}, CAMERA)
    module.asked["drawn"].clear()
    np.testing.assert_array_equal(simulator.render(seen_from)["rgb"], wanted["rgb"])
    assert set(module.asked["drawn"]) == {"rgb", "depth"}  # labels are drawn where they are asked for
    assert module.asked["backend"].gpu_device_id == -1
    (settings,) = module.asked["settings"]
    assert (settings.agent_radius, settings.agent_height, settings.include_static_objects) == (0.2, 1.5, True)
    simulator.close()
    assert module.asked["sim"].closed


@pytest.mark.parametrize(
    ("ending", "beside", "file_up", "up"),
    [(".glb", "", "y", None), (".glb", "", "y", "y"), (".glb", "", "z", "z"), (".glb", "", "-y", "-y"),
     (".basis.glb", "", "z", None), (".glb", ".navmesh", "z", None), (".glb", ".house", "z", None),
     (".glb", ".scn", "z", None), (".glb", ".scn", "y", "y"), (".ply", "", "z", None), (".ply", "", "y", "y")],
)  # fmt: skip
def test_a_mesh_stands_upright(
    ending: str, beside: str, file_up: Up, up: Up | None, tmp_path: Path, module: types.ModuleType
) -> None:
    place, scene = tmp_path / f"room{ending}", turned(box_room(), file_up)
    if ending == ".ply":
        trimesh.Trimesh(scene.vertices, scene.faces, process=False).export(place)
    else:
        write_glb(scene, place)
    if beside:
        place.with_suffix(beside).touch()
    simulator = HabitatSimulator(str(place), CAMERA, up=up)
    ours = RayCastSimulator(box_room(), CAMERA, light="direct")
    seen_from = poses(ours, 2)
    assert simulator.render(seen_from)["depth"] == pytest.approx(ours.render(seen_from)["depth"], abs=1e-4)
    assert simulator.floor.level == pytest.approx(ours.floor.level, abs=1e-4)
    assert simulator.has_labels == (up != "y" and beside in (".house", ".scn"))


def test_the_navmesh_becomes_the_floor(room: str, module: types.ModuleType) -> None:
    simulator = HabitatSimulator(room, CAMERA)
    ours = RayCastSimulator(box_room(), CAMERA, light="direct").floor
    assert simulator.floor.level == pytest.approx(ours.level, abs=1e-4)  # habitat's is that of its voxels
    assert simulator.floor.area == pytest.approx(ours.area, rel=0.05)
    inside = simulator.floor.from_cells(np.argwhere(simulator.floor.reachable))
    assert ours.contains_points(inside).mean() > 0.97


def test_an_agent_walks_in_it_with_our_actions(room: str, module: types.ModuleType) -> None:
    env = HouseEnv.from_simulator(HabitatSimulator(room, CAMERA), camera_height=1.4)
    frame, _ = env.reset(seed=1)
    assert env.observation_space.contains(frame)
    collided = False
    for _ in range(40):
        before = frame["pose"]
        frame, *_, info = env.step(Action.MOVE_AHEAD)
        moved = np.linalg.norm(frame["pose"] - before)
        assert moved == pytest.approx(0.0 if info["collision"] else 0.25, abs=1e-5)
        collided |= info["collision"]
    assert collided
    assert frame["pose"][1] == pytest.approx(1.4)
    with pytest.raises(ValueError, match="cannot be changed"):
        env.change(generate_house(1))


def test_a_scene_without_a_table_has_no_labels(room: str, module: types.ModuleType) -> None:
    simulator = HabitatSimulator(room, CAMERA)
    assert simulator.sim.semantic_scene is None
    assert not simulator.has_labels
    assert not simulator.render_with_labels(poses(simulator, 1))[1].semantic.any()
    assert "semantic" not in module.asked["drawn"]
    # Scenes made of objects have no table of things; their sensor shows the numbers of categories.
    category = types.SimpleNamespace(index=lambda: 4, name=lambda: "tv_monitor")
    simulator.sim.semantic_scene = types.SimpleNamespace(objects=[], categories=[None, category])
    classes, instances = simulator._tables()
    assert classes.tolist() == [0, 0, 0, 0, CLASS_ID["Television"], 0]
    assert instances.tolist() == [0, 0, 0, 0, 5, 0]


@pytest.mark.parametrize(
    ("name", "ours"),
    [("tv-screen", "Television"), ("tv_monitor", "Television"), ("Dining chair", "Chair"), ("wall", "Wall"),
     ("indoor-plant", "HousePlant"), ("ArmChair", "ArmChair"), ("cabinet", "void"), ("misc", "void")],
)  # fmt: skip
def test_categories_mean_our_classes_by_name(name: str, ours: str) -> None:
    assert CLASSES[class_of_category(name)] == ours


def test_a_replica_folder_comes_with_its_axes_and_labels(tmp_path: Path) -> None:
    folder = tmp_path / "room_0"
    (folder / "habitat").mkdir(parents=True)
    with pytest.raises(HabitatError, match=r"no mesh\.ply"):
        find_scene(str(folder))
    upright = {"up": [0, 1, 0], "front": [0, 0, -1]}
    labelled, drawn = folder / "habitat/mesh_semantic.ply", folder / "mesh.ply"
    labelled.touch()
    assert find_scene(str(folder)) == HabitatScene(str(folder), stage=upright, turned=(str(labelled), "z"))
    drawn.touch()
    (folder / "habitat/info_semantic.json").touch()
    found = find_scene(str(folder))
    assert found.turned == (
        str(drawn),
        "z",
    )  # habitat-sim turns only a .ply of labels
    assert found.stage == {
        **upright, "semantic_asset": str(labelled),
        "semantic_descriptor_filename": str(folder / "habitat/info_semantic.json"),
    }  # fmt: skip
    with pytest.raises(HabitatError, match="z-up"):
        find_scene(str(folder), "y")


def test_a_scene_of_a_data_set_is_found_by_its_whole_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install(monkeypatch, tmp_path / "child", box_room())
    config = data_set(tmp_path, "apt_1", "apt_10", "apt_2", "v3_house")

    def opened(name: str) -> str:
        HabitatSimulator(f"{config}:{name}", CAMERA)
        return Path(module.asked["backend"].scene_id).name

    assert opened("apt_1") == "apt_1.scene_instance.json"
    assert opened("House") == "v3_house.scene_instance.json"  # a part that one has only
    with pytest.raises(HabitatError, match=r"rooms.*:apt: 3 of its scenes are called so \(apt_1, apt_10, apt_2\)"):
        opened("apt")
    with pytest.raises(HabitatError, match=r":kitchen: it has no such scene; it has apt_1, apt_10, apt_2, v3_house$"):
        opened("kitchen")
    with pytest.raises(HabitatError, match="leave out --up"):
        find_scene(f"{config}:apt_1", "z")
    config.write_text("{")
    with pytest.raises(HabitatError, match="habitat-sim cannot load it"):
        opened("apt_1")


def test_furniture_with_doors_needs_bullet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = f"{data_set(tmp_path, 'apt_1', articulated=True)}:apt_1"
    module = install(monkeypatch, tmp_path / "child", box_room())
    assert HabitatSimulator(place, CAMERA).notes == []
    assert module.asked["backend"].enable_physics
    module = install(monkeypatch, tmp_path / "child", box_room(), bullet=False)
    (note,) = HabitatSimulator(place, CAMERA).notes
    assert note.startswith("2 pieces of furniture with doors or drawers are missing in apt_1")
    space = open_space("habitat", place, 0, View(Camera(32, 32), 1.5, "direct"), 10)
    assert space.notes() == [note]


def test_it_draws_where_it_can(room: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = install(monkeypatch, tmp_path / "child", box_room(), drawable=(-1,))
    HabitatSimulator(room, CAMERA)
    assert module.asked["backend"].gpu_device_id == -1
    with pytest.raises(HabitatError, match=r"cannot draw here \(GPU 0: unable to find CUDA device 0 among 1 EGL"):
        HabitatSimulator(room, CAMERA, gpu=0)
    install(monkeypatch, tmp_path / "child", box_room(), drawable=())
    with pytest.raises(HabitatError, match=r"CPU: cannot get default EGL display: EGL_BAD_PARAMETER\); it needs EGL"):
        HabitatSimulator(room, CAMERA)


def test_what_is_missing_is_told(
    room: str, module: types.ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with pytest.raises(HabitatError, match="no such scene"):
        HabitatSimulator(str(tmp_path / "gone.glb"))
    with pytest.raises(HabitatError, match="no such data set"):
        HabitatSimulator(f"{tmp_path}/gone.scene_dataset_config.json:apt_1")
    (tmp_path / "broken.glb").write_bytes(b"no mesh")
    with pytest.raises(HabitatError, match=r"broken\.glb: habitat-sim cannot load it .*Cannot load stage.*damaged"):
        HabitatSimulator(str(tmp_path / "broken.glb"))
    out = str(tmp_path / "run")
    for arguments, words in (
        ([], "--house"),
        (["--house", room, "--change", "at=5:lighting=1"], "has no labels"),
        (["--house", room, "--scale", "0.01"], "--scale"),
    ):
        with pytest.raises(SystemExit) as stop:
            cli.main(["run", "--sim", "habitat", "--preset", "smoke", "--out", out, *arguments])
        assert stop.value.code == 2
        assert words in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setitem(sys.modules, "habitat_sim", None)
    with pytest.raises(HabitatError, match=r"conda install habitat-sim withbullet headless .* aihabitat-nightly"):
        HabitatSimulator(room)
    assert not Path(out).exists()


def test_a_life_would_be_scored_by_the_scenes_own_table(scan: str, module: types.ModuleType) -> None:
    space = open_space("habitat", scan, 0, View(Camera(32, 32), 1.5, "direct"), 10)
    views, truth = space.draw_views(4, np.random.default_rng(0), [])
    assert truth is not None
    assert (truth.semantic > 0).mean() > 0.9
    assert views["pose"].shape == (4, 6)
    assert space.notes() == []
    space.close()
    assert module.asked["sim"].closed


def test_the_up_axis_of_a_mesh_is_the_users(tmp_path: Path, module: types.ModuleType) -> None:
    write_glb(turned(box_room(), "z"), tmp_path / "room.glb")
    view = View(Camera(32, 32), 1.5, "direct", up="z")
    space = open_space("habitat", str(tmp_path / "room.glb"), 0, view, 10)
    assert space.env.floor.level == pytest.approx(0.0, abs=1e-4)
    assert space.notes()[0].endswith("there is no mIoU in this report.")


@pytest.mark.skipif(os.environ.get("TESTSPACE_HABITAT") != "1", reason="set TESTSPACE_HABITAT=1 where habitat-sim runs")
def test_habitat_itself_agrees_with_our_simulator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Needs habitat-sim, and EGL on a GPU or by Mesa. A person should see: depth equal within a centimetre on nearly
    all pixels (both draw the same triangles), and most of either floor in the other, but for a few centimetres along
    its rim. Colour differs: habitat draws without our lights. A depth that differs everywhere by a factor, or a floor
    that lies mirrored, says which convention is wrong."""
    scene = build_scene(generate_house(5, rooms=1))
    write_glb(scene, tmp_path / "house.glb")
    ours = RayCastSimulator(scene, CAMERA, light="direct")
    simulator = HabitatSimulator(str(tmp_path / "house.glb"), CAMERA)
    try:
        rows = agreement(simulator, ours, poses(ours, 16))
        with capsys.disabled():
            print(as_text(f"habitat-sim {simulator.version} against our ray caster", rows))
        assert rows["pixels with depth in both"] > 0.95
        assert rows["depth, median difference (m)"] < 0.005
        assert rows["depth, share within 1 cm"] > 0.95
        assert rows["normals, share within 5 degrees"] > 0.9
        assert rows["pose, largest difference"] < 1e-4
        assert rows["floor there that is reachable here"] > 0.9
        assert rows["floor here that is reachable there"] > 0.9
        assert rows["level of the floor, difference (m)"] < 0.02
        assert rows["steps of 0.25 m, share that both allow or both refuse"] > 0.9
    finally:
        simulator.close()
