"""Baked light against closed forms, against the direct light of the same scene, and its cache."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scenes import SceneMaker, box_room, rectangle

from testspace.core.frame import Camera
from testspace.envs.render import bake
from testspace.envs.render.charts import find_charts
from testspace.envs.render.kernel import Tables
from testspace.envs.render.lighting import LAMP_GAIN
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.render.surfaces import TEXEL_STEP
from testspace.envs.scene import Material, PointLight, Scene

CAMERA = Camera(60, 45, 75.0)
POSES = np.array([[0.1, 1.5, 2.3, 0, -10, 0], [-1.2, 1.1, -2.6, 150, -20, 7], [1.7, 2.2, 1.9, -35, -40, -12]])


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of each test's own."""
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    return tmp_path / "light"


def tables_of(scene: Scene) -> Tables:
    """What the kernels get, light and all."""
    return RayCastSimulator(scene, CAMERA)._tables


def light_at(tables: Tables, scene: Scene, point: tuple[float, float, float]) -> np.ndarray:
    """Baked light (3,) of the texel nearest to a point, of those that face up."""
    charts = find_charts(scene)
    away = np.linalg.norm(charts.positions - np.array(point), axis=1) + 10 * (charts.normals[:, 1] < 0.9)
    return np.asarray(tables.charts[away.argmin(), :3] * TEXEL_STEP)


def test_in_a_closed_room_that_glows_every_surface_gets_what_the_walls_give_off() -> None:
    """The furnace: walls of albedo a that give off e send a (e + ambient) to each other, from every direction alike."""
    maker = SceneMaker()
    maker.materials = [Material("glow", (0.8, 0.6, 0.4), emission=0.5)]
    maker.box("room", "Wall", (0, 1.25, 0), (4, 2.5, 6), inward=True)
    tables = tables_of(maker.scene([rectangle("room", -2, -3, 2, 3)]))
    truth = np.square([0.8, 0.6, 0.4]) * (0.5 + bake.AMBIENT) + bake.FILL
    np.testing.assert_allclose(tables.charts[:, :3] * TEXEL_STEP, np.broadcast_to(truth, (len(tables.charts), 3)),
                               atol=2 * TEXEL_STEP)  # fmt: skip


def test_a_lamp_lights_the_floor_by_its_falloff_and_angle() -> None:
    """In a black room nothing is reflected: what is left is the closed form of Unity's falloff, wrapped a little."""
    scene = replace(box_room(with_box=False), materials=[Material("black", (0, 0, 0))])
    tables = tables_of(scene)
    lamp = np.array([0.0, 2.3, 0.0])
    for point in ((0.0, 0.0, 0.0), (1.0, 0.0, 1.5), (-1.5, 0.0, -2.0)):
        way = lamp - point
        distance = float(np.linalg.norm(way))
        share = (distance / 15.0) ** 2
        lambert = (way[1] / distance + 0.15) / 1.15
        truth = np.array([0.75, 0.64, 0.54]) * LAMP_GAIN * lambert * (1 - share**2) ** 2 / (1 + 25 * share) + bake.FILL
        np.testing.assert_allclose(light_at(tables, scene, point), truth, rtol=0.02)


def test_shadows_lie_where_geometry_says_and_are_soft_at_their_rim() -> None:
    """A plate of 0.4 m halfway between lamp and floor shades 0.8 m of floor in a black room."""
    maker = SceneMaker()
    maker.materials = [Material("black", (0, 0, 0))]
    maker.box("room", "Floor", (0, 1.5, 0), (6, 3, 6), inward=True)
    maker.box("plate", "Box", (0, 1.0, 0), (0.4, 0.02, 0.4))
    lamp = PointLight((0, 2.0, 0), (1, 1, 1), 15.0, None)
    scene = maker.scene([rectangle("room", -3, -3, 3, 3)], [lamp])
    tables = tables_of(scene)
    np.testing.assert_allclose(light_at(tables, scene, (0.1, 0, 0.05)), bake.FILL, atol=1e-3)
    np.testing.assert_allclose(light_at(tables, scene, (0.2, 0, -0.2)), bake.FILL, atol=1e-3)
    lit, rim = light_at(tables, scene, (0.6, 0, 0.0))[0], light_at(tables, scene, (0.4, 0, 0.0))[0]
    assert lit > 1.0
    assert bake.FILL + 0.1 * lit < rim < 0.9 * lit


def test_no_light_leaks_under_a_thing_that_stands_on_the_floor() -> None:
    """Floor texels within a closed box see its inside: they take their light from the floor about it, not black."""
    maker = SceneMaker()
    maker.box("room", "Floor", (0, 1.25, 0), (4, 2.5, 4), inward=True)
    maker.box("crate", "Box", (0.9, 0.25, 0), (0.5, 0.5, 0.5))
    scene = maker.scene([rectangle("room", -2, -2, 2, 2)], [PointLight((-1.5, 2.3, 0), (1, 1, 1), 15.0, None)])
    tables = tables_of(scene)
    outside, inside = light_at(tables, scene, (0.60, 0, 0.0)), light_at(tables, scene, (0.68, 0, 0.0))
    assert (outside > 0.3).all()
    np.testing.assert_allclose(inside, outside, rtol=0.25)


def test_geometry_and_labels_are_those_of_direct_light_and_colours_are_near() -> None:
    """Only rgb and the edges that are seen in it may differ."""
    (baked, labels), (direct, truth) = (
        RayCastSimulator(box_room(), CAMERA, light=light).render_with_labels(POSES) for light in ("baked", "direct")
    )
    for key in ("depth", "normals", "pose"):
        np.testing.assert_array_equal(baked[key], direct[key])
    np.testing.assert_array_equal(labels.semantic, truth.semantic)
    np.testing.assert_array_equal(labels.instance, truth.instance)
    difference = np.abs(baked["rgb"].astype(float) - direct["rgb"])
    assert difference.mean() < 25
    assert difference.mean() > 0.5


def test_threads_and_processes_do_not_change_it() -> None:
    """1, 2 and 3 threads, and another process, bake and render the same bytes."""
    frames = [RayCastSimulator(box_room(), CAMERA, threads=n, cache=False).render(POSES)["rgb"] for n in (1, 2, 3)]
    np.testing.assert_array_equal(frames[0], frames[1])
    np.testing.assert_array_equal(frames[0], frames[2])
    code = (
        f"import sys; sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[1])]!r}\n"
        "import hashlib, test_bake as t\n"
        "rgb = t.RayCastSimulator(t.box_room(), t.CAMERA, cache=False).render(t.POSES)['rgb']\n"
        "print(hashlib.sha256(rgb.tobytes()).hexdigest())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == hashlib.sha256(frames[0].tobytes()).hexdigest()


def count_bakes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that grows by one whenever light is baked anew."""
    bakes: list[int] = []
    bake_anew = bake._bake
    monkeypatch.setattr(bake, "_bake", lambda *arguments: bakes.append(1) or bake_anew(*arguments))
    return bakes


def test_the_cache_gives_back_what_was_baked(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for the same scene; anew for another lamp, and nothing is kept where that is asked for."""
    bakes = count_bakes(monkeypatch)
    first = RayCastSimulator(box_room(), CAMERA).render(POSES)["rgb"]
    second = RayCastSimulator(box_room(), CAMERA).render(POSES)["rgb"]
    np.testing.assert_array_equal(first, second)
    assert len(bakes) == 1
    assert len(list(own_cache.iterdir())) == 1
    dimmer = [PointLight((0.0, 2.3, 0.0), (0.5, 0.5, 0.5), 15.0, None)]
    assert RayCastSimulator(replace(box_room(), lights=dimmer), CAMERA).render(POSES)["rgb"].mean() < first.mean()
    assert len(bakes) == 2
    RayCastSimulator(replace(box_room(), lights=[]), CAMERA, cache=False).render(POSES)
    assert len(bakes) == 3
    assert len(list(own_cache.iterdir())) == 2


def test_other_code_bakes_again(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    RayCastSimulator(box_room(), CAMERA).render(POSES)
    bakes = count_bakes(monkeypatch)
    RayCastSimulator(box_room(), CAMERA).render(POSES)
    assert len(bakes) == 0
    monkeypatch.setattr(bake, "code_key", lambda module: f"{module}, edited")
    RayCastSimulator(box_room(), CAMERA).render(POSES)
    assert len(bakes) == 1
    monkeypatch.setattr(bake, "code_key", lambda module: None)
    for _ in range(2):  # of code without source nothing is kept
        RayCastSimulator(box_room(), CAMERA).render(POSES)
    assert len(bakes) == 3


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "wrong shape", "out of bounds", "not finite"])
def test_a_damaged_file_is_baked_anew(own_cache: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    """And replaced by a whole one."""
    truth = RayCastSimulator(box_room(), CAMERA).render(POSES)["rgb"]
    file = next(own_cache.iterdir())
    whole = file.read_bytes()
    with np.load(file) as stored:
        arrays = dict(stored)
    if damage == "cut":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage in ("empty", "text"):
        file.write_bytes(b"" if damage == "empty" else b"not a file of arrays")
    else:
        if damage == "wrong shape":
            arrays["light"] = arrays["light"][:-1]
        elif damage == "out of bounds":
            arrays["faces"][0, 3] = 10**9
        else:
            arrays["light"][0, 0] = np.nan
        np.savez(file, **arrays)
    bakes = count_bakes(monkeypatch)
    np.testing.assert_array_equal(RayCastSimulator(box_room(), CAMERA).render(POSES)["rgb"], truth)
    assert len(bakes) == 1
    RayCastSimulator(box_room(), CAMERA).render(POSES)
    assert len(bakes) == 1


def test_the_cache_is_bounded_and_a_folder_that_cannot_be_written_does_no_harm(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files that were used last stay."""
    RayCastSimulator(box_room(), CAMERA).render(POSES[:1])
    (first,) = own_cache.iterdir()
    monkeypatch.setattr(bake, "CACHE_BYTES", int(2.5 * first.stat().st_size))
    for strength in (0.2, 0.4, 0.6):
        lamp = PointLight((0.0, 2.3, 0.0), (strength,) * 3, 15.0, None)
        RayCastSimulator(replace(box_room(), lights=[lamp]), CAMERA).render(POSES[:1])
    assert len(list(own_cache.iterdir())) == 2
    assert not first.exists()
    (own_cache.parent / "file").write_text("in the way")
    monkeypatch.setenv("TESTSPACE_CACHE", str(own_cache.parent / "file"))
    assert RayCastSimulator(box_room(), CAMERA).render(POSES[:1])["rgb"].any()


def test_a_scene_without_flat_surfaces_or_lights_is_baked_too() -> None:
    """Every vertex by itself."""
    scene = box_room(lit=False)
    normals = np.random.default_rng(0).normal(size=scene.normals.shape).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    tables = tables_of(replace(scene, normals=normals))
    assert len(tables.charts) == 0
    assert np.isfinite(tables.vertices).all()
    assert (tables.vertices[:, 5:8] > 0).all()


def test_light_is_baked_or_direct_and_without_shadows_always_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown kind is refused by name."""
    with pytest.raises(ValueError, match='"baked" or "direct", got \'sunny\''):
        RayCastSimulator(box_room(), CAMERA, light="sunny")  # type: ignore[arg-type]
    bakes = count_bakes(monkeypatch)
    RayCastSimulator(box_room(), CAMERA, shadows=False).render(POSES[:1])
    RayCastSimulator(box_room(), CAMERA, light="direct").render(POSES[:1])
    assert not bakes
