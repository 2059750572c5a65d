"""The Scene as a whole: frame, boxes, lights, determinism, what it refuses, and the real houses."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from two_rooms import box_frame, number_of, triangles, two_rooms

from testspace.envs.assembly.building import build_scene
from testspace.envs.furniture.catalogue import BOX_TYPES
from testspace.envs.house.assets import asset
from testspace.envs.house.classes import CLASSES
from testspace.envs.house.house import HouseObject
from testspace.envs.house.house_io import load_house
from testspace.envs.scene import DirectionalLight, PointLight, Scene, SceneError

HOUSES = 48


def _digest(scene: Scene) -> str:
    arrays = (scene.vertices, scene.normals, scene.uv, scene.faces, scene.face_material, scene.face_instance)
    return hashlib.sha256(b"".join(a.tobytes() for a in (*arrays, scene.textures))).hexdigest()


@pytest.fixture(scope="module")
def real_scenes(shared_data: Path) -> list[Scene]:
    return [build_scene(load_house(f"{shared_data / 'procthor-houses.jsonl.gz'}:{i}")) for i in range(HOUSES)]


def test_points_are_mirrored_in_z_and_yaw_keeps_its_number() -> None:
    scene = build_scene(two_rooms(chair_yaw=30.0))
    chair = scene.instances[number_of(scene, "1|0")]
    assert chair.center == (1.0, 0.485, -1.5)
    assert chair.yaw == 30.0
    assert scene.start == (1.0, -2.0, 180.0)
    assert scene.vertices[:, 2].max() < 0.2


@pytest.mark.parametrize("yaw", [0.0, 90.0, 137.0, 270.0])
def test_an_objects_mesh_fills_its_box(yaw: float) -> None:
    scene = build_scene(two_rooms(chair_yaw=yaw))
    for name, asset_id in (("1|0", "Chair_002_1"), ("1|0|0", "Book_1")):
        number = number_of(scene, name)
        points = box_frame(scene.instances[number], triangles(scene, number).reshape(-1, 3))
        size = np.array(asset(asset_id).size)
        np.testing.assert_allclose(points.min(0), -size / 2, atol=1e-4)
        np.testing.assert_allclose(points.max(0), size / 2, atol=1e-4)


def test_what_hangs_on_a_wall_stands_off_its_panel() -> None:
    """As in the real houses, the file puts a painting's back 5 mm from the wall's line: inside our wall's thickness."""
    house = two_rooms()
    depth = asset("Wall_Decor_Painting_1").size[2]
    thing = HouseObject("2|9", "Wall_Decor_Painting_1", (depth / 2 + 0.005, 1.6, 2.0), (0.0, 90.0, 0.0), True)
    scene = build_scene(replace(house, objects=(thing,)))
    points = triangles(scene, number_of(scene, "2|9")).reshape(-1, 3)
    np.testing.assert_allclose((points[:, 0].min(), points[:, 0].max()), (0.035, 0.035 + depth), atol=1e-5)


@pytest.mark.parametrize("yaw", [0.0, 90.0, 180.0, 270.0])
def test_a_chairs_back_is_opposite_to_where_it_faces(yaw: float) -> None:
    scene = build_scene(two_rooms(chair_yaw=yaw))
    number = number_of(scene, "1|0")
    points = triangles(scene, number).reshape(-1, 3)
    high = points[points[:, 1] > points[:, 1].max() - 0.1].mean(0) - np.array(scene.instances[number].center)
    forward = np.array([np.sin(np.radians(yaw)), 0.0, -np.cos(np.radians(yaw))])
    assert high @ forward < -0.1


def test_lights_are_linear_and_know_their_room() -> None:
    sun, lamp = build_scene(two_rooms()).lights
    assert isinstance(sun, DirectionalLight)
    np.testing.assert_allclose(sun.direction, (0.0, -1.0, 0.0), atol=1e-12)
    assert isinstance(lamp, PointLight)
    assert (lamp.position, lamp.room) == ((4.5, 2.6, -4.5), "room|2")
    np.testing.assert_allclose(lamp.rgb, (0.5, 0.5 * ((0.5 + 0.055) / 1.055) ** 2.4, 0.0), atol=1e-12)


def test_the_sun_shines_where_unity_points_it() -> None:
    house = two_rooms()
    tilted = replace(house.lights[0], rotation=(66.0, 75.0, 0.0))
    sun = build_scene(replace(house, lights=(tilted,))).lights[0]
    assert isinstance(sun, DirectionalLight)
    pitch, yaw = np.radians((66.0, 75.0))
    unity = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    np.testing.assert_allclose(sun.direction, unity * (1, 1, -1), atol=1e-12)


def test_the_same_house_gives_the_same_bytes_in_any_process() -> None:
    first = _digest(build_scene(two_rooms()))
    assert first == _digest(build_scene(two_rooms()))
    code = "from test_scene import _digest, build_scene, two_rooms; print(_digest(build_scene(two_rooms())))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == first


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vertices", lambda a: np.where(np.arange(len(a))[:, None] == 3, np.nan, a).astype(np.float32)),
        ("faces", lambda a: a + np.int32(1_000_000)),
        ("faces", lambda a: a.astype(np.int64)),
        ("face_material", lambda a: a + np.int32(1000)),
        ("face_instance", np.zeros_like),
        ("normals", lambda a: a[:-1]),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_name(name: str, change) -> None:  # type: ignore[no-untyped-def]
    scene = build_scene(two_rooms())
    given = {f.name: getattr(scene, f.name) for f in fields(scene)}
    with pytest.raises(SceneError, match=name):
        Scene(**{**given, name: change(given[name])})


def test_the_real_houses_build_into_sound_arrays(real_scenes: list[Scene]) -> None:
    assert len(real_scenes) == HOUSES
    for scene in real_scenes:
        corner = scene.vertices[scene.faces].astype(np.float64)
        flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        assert np.linalg.norm(flat, axis=1).min() > 0
        np.testing.assert_allclose(np.linalg.norm(scene.normals, axis=1), 1, atol=1e-5)
        # shading normals lie on the side from which the triangle is counter-clockwise
        agree = (flat * scene.normals[scene.faces].sum(1)).sum(1) > 0
        assert np.linalg.norm(flat[~agree], axis=1).sum() < 1e-3 * np.linalg.norm(flat, axis=1).sum()
        assert len({i.id for i in scene.instances}) == len(scene.instances)
        assert set(scene.face_instance.tolist()) == set(range(1, len(scene.instances)))


def test_every_object_of_the_real_houses_fills_its_box(real_scenes: list[Scene]) -> None:
    for scene in real_scenes:
        order = np.argsort(scene.face_instance, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(scene.face_instance))[:-1])
        for instance, faces in list(zip(scene.instances, groups, strict=True))[1:]:
            if CLASSES[instance.class_id] in ("Wall", "Floor", "Ceiling", "Door", "Window"):
                continue
            points = box_frame(instance, scene.vertices[scene.faces[faces]].reshape(-1, 3).astype(np.float64))
            extent = np.stack([points.min(0), points.max(0)])
            np.testing.assert_allclose(extent, np.array([[-0.5], [0.5]]) * instance.size, atol=0.01)


def test_furniture_of_the_real_houses_stays_in_its_room(real_scenes: list[Scene]) -> None:
    """Were yaw, mirroring or the order of a box's sides wrong, furniture against walls would stick out of the house."""
    outside, all_ = 0, 0
    for scene in real_scenes:
        corners = np.concatenate([room.polygon for room in scene.rooms])
        low, high = corners.min(0) - 0.15, corners.max(0) + 0.15
        for number, instance in enumerate(scene.instances):
            if CLASSES[instance.class_id] in ("Bed", "Sofa", "Dresser", "CounterTop", "Fridge", "Desk", "TVStand"):
                points = triangles(scene, number).reshape(-1, 3)[:, [0, 2]]
                all_ += 1
                outside += bool((points < low).any() or (points > high).any())
    assert all_ > 200
    assert outside / all_ < 0.01


def test_few_things_of_the_real_houses_are_drawn_as_boxes(shared_data: Path) -> None:
    kinds: Counter[str] = Counter()
    for i in range(HOUSES):
        house = load_house(f"{shared_data / 'procthor-houses.jsonl.gz'}:{i}")
        kinds.update(asset(thing.asset_id).type for thing in house.all_objects())
    assert sum(kinds.values()) > 3000
    assert sum(kinds[name] for name in BOX_TYPES) / sum(kinds.values()) < 0.02
