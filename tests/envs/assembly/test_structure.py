"""Walls, holes, floors, doors and windows against closed forms, and against rays that must not escape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon
from two_rooms import HEIGHT, L_ROOM, OUTLINE, SQUARE, area, number_of, triangles, two_rooms

from testspace.envs.assembly.building import build_scene
from testspace.envs.assembly.panels import OFFSET, cut, wall_panels
from testspace.envs.assembly.structure import flat
from testspace.envs.house.classes import CLASS_ID
from testspace.envs.scene import Scene, SceneError


def _hits(scene: Scene, origins: np.ndarray, directions: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
    """Instance that each ray meets first, -1 for none."""
    faces = scene.faces if keep is None else scene.faces[keep]
    owner = scene.face_instance if keep is None else scene.face_instance[keep]
    embree = EmbreeScene()
    TriangleMesh(embree, scene.vertices[faces])
    found = embree.run(origins.astype(np.float32), directions.astype(np.float32))
    return np.where(found >= 0, owner[found], -1)


def _wall_plane(scene: Scene, name: str) -> np.ndarray:
    """The wall's large triangles: those that are not baseboard, which is the instance's second material."""
    number = number_of(scene, name)
    mine = scene.face_instance == number
    first = scene.face_material[mine][0]
    return scene.vertices[scene.faces[mine & (scene.face_material == first)]].astype(np.float64)


@pytest.mark.parametrize(
    ("wall", "length", "hole"),
    [
        ("wall|1|0", 6 - 2 * OFFSET, 1.5 * 1.1),  # both corners turn in: 3 cm shorter at each end; a window
        ("wall|1|2", 3.0, 1.0 * 2.0),  # one corner turns in, the other out; the inner door
        ("wall|2|0", 3 - 2 * OFFSET, 1.0 * 2.0),  # the other side of that door
        ("wall|1|5", 6 - 2 * OFFSET, 1.0 * 2.1),
        ("wall|1|1", 3 - 2 * OFFSET, 0.0),
        ("wall|exterior|0", 6 + 2 * OFFSET, 1.5 * 1.1),
    ],
)
def test_a_walls_area_is_its_rectangle_without_its_holes(wall: str, length: float, hole: float) -> None:
    assert area(_wall_plane(build_scene(two_rooms()), wall)) == pytest.approx(length * HEIGHT - hole, abs=1e-4)


@pytest.mark.parametrize(
    ("wall", "axis", "at", "normal"),
    [
        ("wall|1|0", 0, 0.0 + OFFSET, 1.0),
        ("wall|1|2", 0, 3.0 - OFFSET, -1.0),
        ("wall|2|0", 0, 3.0 + OFFSET, 1.0),
        ("wall|1|5", 2, 0.0 - OFFSET, -1.0),  # z = 0 in the file; the room lies at negative z in ours
        ("wall|exterior|5", 2, 0.0 + OFFSET, 1.0),
    ],
)
def test_panels_stand_three_centimetres_inside_their_room_and_face_it(
    wall: str, axis: int, at: float, normal: float
) -> None:
    plane = _wall_plane(build_scene(two_rooms()), wall)
    np.testing.assert_allclose(plane[..., axis], at, atol=1e-6)
    facing = np.cross(plane[:, 1] - plane[:, 0], plane[:, 2] - plane[:, 0])
    assert (np.sign(facing[:, axis]) == normal).all()


@pytest.mark.parametrize(("room", "polygon"), [("room|1", L_ROOM), ("room|2", SQUARE)])
def test_floor_and_ceiling_have_the_area_of_the_polygon_and_face_inwards(room: str, polygon: tuple) -> None:
    scene = build_scene(two_rooms())
    for kind, y, up in (("floor", 0.0, 1.0), ("ceiling", HEIGHT, -1.0)):
        corners = triangles(scene, number_of(scene, f"{kind}|{room}"))
        assert area(corners) == pytest.approx(Polygon(polygon).area, abs=1e-4)
        np.testing.assert_allclose(corners[..., 1], y, atol=1e-6)
        facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert (np.sign(facing[:, 1]) == up).all()


@settings(deadline=None, max_examples=30)
@given(radii=st.lists(st.floats(0.5, 9.0), min_size=3, max_size=12), upwards=st.booleans())
def test_any_star_shaped_floor_has_the_polygons_area(radii: list[float], upwards: bool) -> None:
    angle = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    ring = np.stack([radii * np.cos(angle), radii * np.sin(angle)], 1)
    part = flat(ring, 1.0, upwards)
    corners = part.vertices[part.faces]
    assert area(corners) == pytest.approx(Polygon(ring).area, rel=1e-6)
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1]
    assert ((facing > 0) == upwards).all()


def test_a_floor_without_area_is_refused() -> None:
    with pytest.raises(SceneError, match="no area"):
        flat(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), 0.0, True, "house")


def test_no_ray_escapes_from_the_rooms() -> None:
    scene = build_scene(two_rooms())
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((40_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for x, z in ((1.5, 4.5), (4.5, 4.5), (1.5, 1.5), (5.9, 0.1), (2.9, 2.9)):
        origins = np.tile((x, 1.4, -z), (len(directions), 1))
        seen = _hits(scene, origins, directions)
        assert (seen > 0).all()
        # nothing of the outer shell shows from within: corners, holes and door frames are closed
        outer = [i for i, instance in enumerate(scene.instances) if instance.id.startswith("wall|exterior")]
        assert not np.isin(seen, outer).any()


def test_rooms_joined_by_an_open_boundary_stay_closed() -> None:
    """The walls between the rooms are empty, so the L's other walls must meet the square's across the gap."""
    house = two_rooms()
    gone = ("wall|1|2", "wall|1|3", "wall|2|0", "wall|2|3")
    walls = tuple(replace(w, empty=True) if w.id in gone else w for w in house.walls)
    scene = build_scene(replace(house, walls=walls, doors=(house.doors[1],)))
    assert not any(instance.id in gone for instance in scene.instances)
    rng = np.random.default_rng(1)
    directions = rng.standard_normal((40_000, 3))
    outer = [i for i, instance in enumerate(scene.instances) if instance.id.startswith("wall|exterior")]
    for x, z in ((2.0, 4.5), (4.5, 5.9), (4.5, 1.0)):
        seen = _hits(scene, np.tile((x, 1.4, -z), (len(directions), 1)), directions)
        assert (seen > 0).all()
        assert not np.isin(seen, outer).any()


def _rays_through_the_inner_door(y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, z = (grid.ravel() for grid in np.meshgrid(y, z))
    origins = np.stack([np.full_like(y, 2.8), y, -z], 1)
    return origins, np.tile((1.0, 0.0, 0.0), (len(origins), 1))


def test_an_open_door_leaves_its_passage_clear() -> None:
    scene = build_scene(two_rooms(openness=1.0))
    # the hole spans z 4..5 in the file; what stays free is the hole without lining and the open leaf's edge
    origins, directions = _rays_through_the_inner_door(np.linspace(0.05, 1.9, 20), np.linspace(4.09, 4.91, 20))
    assert set(_hits(scene, origins, directions)) == {number_of(scene, "wall|2|2")}


def test_a_shut_door_fills_its_hole() -> None:
    scene = build_scene(two_rooms(openness=0.0))
    origins, directions = _rays_through_the_inner_door(np.linspace(0.05, 1.95, 20), np.linspace(4.02, 4.98, 20))
    assert set(_hits(scene, origins, directions)) == {number_of(scene, "door|1|2")}


def test_an_arch_has_no_leaf() -> None:
    open_, arch = (build_scene(two_rooms(openness=o)) for o in (1.0, None))
    faces = [int((s.face_instance == number_of(s, "door|1|2")).sum()) for s in (open_, arch)]
    assert faces[1] < faces[0]
    points = triangles(arch, number_of(arch, "door|1|2"))[..., 0]
    assert points.min() > 3 - 0.06
    assert points.max() < 3 + 0.06


def test_a_window_fills_its_hole_and_is_a_window() -> None:
    scene = build_scene(two_rooms())
    number = number_of(scene, "window|1")
    assert scene.instances[number].class_id == CLASS_ID["Window"]
    y, z = (g.ravel() for g in np.meshgrid(np.linspace(0.95, 1.95, 12), np.linspace(2.05, 3.45, 12)))
    origins = np.stack([np.full_like(y, 1.0), y, -z], 1)
    assert set(_hits(scene, origins, np.tile((-1.0, 0.0, 0.0), (len(origins), 1)))) == {number}


def test_a_hole_that_reaches_past_a_corner_is_clamped_to_both_walls() -> None:
    house = two_rooms()
    panels = wall_panels(house)
    hole = cut(panels, replace(house.windows[0], hole=(0.0, 0.9, 1.5, 9.0)))
    assert hole == pytest.approx((OFFSET, 0.9, 1.5, HEIGHT))
    back = panels["wall|exterior|0"].holes[0]
    assert back == pytest.approx((6 - 1.5, 0.9, 6 - OFFSET, HEIGHT))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.floats(0, 5.5), st.floats(0, 2.5), st.floats(0.05, 3), st.floats(0.05, 2)), min_size=0, max_size=4
    )
)
def test_pieces_of_a_panel_cover_it_without_its_holes(drawn: list[tuple[float, float, float, float]]) -> None:
    panel = wall_panels(two_rooms())["wall|1|0"]
    sheet = Polygon([(panel.start, 0), (panel.end, 0), (panel.end, HEIGHT), (panel.start, HEIGHT)])
    expected = sheet
    for s, y, w, h in drawn:
        s0, s1, y1 = max(s, panel.start), min(s + w, panel.end), min(y + h, HEIGHT)
        panel.holes.append((s0, y, s1, y1))
        expected = expected.difference(Polygon([(s0, y), (s1, y), (s1, y1), (s0, y1)]))
    pieces = panel.free()
    assert sum((s1 - s0) * (y1 - y0) for s0, y0, s1, y1 in pieces) == pytest.approx(expected.area, abs=1e-6)
    assert all(s1 > s0 and y1 > y0 for s0, y0, s1, y1 in pieces)


def test_the_shell_stands_around_the_outline() -> None:
    scene = build_scene(two_rooms())
    shell = [triangles(scene, i) for i, instance in enumerate(scene.instances) if instance.id.startswith("wall|ext")]
    points = np.concatenate(shell).reshape(-1, 3)
    outline = np.array(OUTLINE)
    np.testing.assert_allclose(points[:, 0].min(), outline[:, 0].min() - OFFSET, atol=1e-6)
    np.testing.assert_allclose(points[:, 0].max(), outline[:, 0].max() + OFFSET, atol=1e-6)
    np.testing.assert_allclose(-points[:, 2].min(), outline[:, 1].max() + OFFSET, atol=1e-6)
