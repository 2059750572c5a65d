"""Curtains, blinds, rugs and lamps: inside their window, inside their room, the same in every process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shapely.geometry import Polygon, box
from two_rooms import number_of, triangles, two_rooms

from testspace.envs.assembly.building import build_scene
from testspace.envs.assembly.dressing import BACK, FRONT, rug_mesh, window_dressing
from testspace.envs.assembly.house_lights import LAMP
from testspace.envs.assembly.panels import OFFSET, cut, wall_panels
from testspace.envs.assembly.structure import room_polygon
from testspace.envs.assembly.wall_openings import PROUD, _swing
from testspace.envs.floor import build_floor
from testspace.envs.house.house import House, HouseObject, Room
from testspace.envs.house.house_io import load_house
from testspace.envs.scene import PointLight


def _dressed(room_type: str, name: str) -> np.ndarray | None:
    """Vertices of what hangs in the window of the two rooms, in its panel's frame, with the window's id changed."""
    house = two_rooms()
    rooms = (replace(house.rooms[0], type=room_type), house.rooms[1])
    house = replace(house, rooms=rooms, windows=(replace(house.windows[0], id=name),))
    panels = wall_panels(house)
    hole = cut(panels, house.windows[0])
    assert hole is not None
    mesh = window_dressing(house.windows[0], panels["wall|1|0"], hole, 0.05, house)
    return np.concatenate([part.vertices for part, _ in mesh.parts]) if mesh.parts else None


def test_what_hangs_in_a_window_stays_in_its_frame_and_behind_its_trim() -> None:
    found = {kind: [_dressed(kind, f"window|{k}") for k in range(24)] for kind in ("Bedroom", "Kitchen")}
    for kind, points in found.items():
        hung = [p for p in points if p is not None]
        assert 4 < len(hung) < 24, kind
        for p in hung:
            assert (p[:, 0] > 2.0 + 0.049).all()
            assert (p[:, 0] < 3.5 - 0.049).all()
            assert (p[:, 1] > 0.9 + 0.049).all()
            assert (p[:, 1] < 2.0 - 0.049).all()
            assert (p[:, 2] > BACK - 1e-9).all()
            assert (p[:, 2] < FRONT + 1e-9).all()
            assert p[:, 2].max() < OFFSET + PROUD
        # curtains leave the middle of the glass free, blinds its lower half
        free = [((np.abs(p[:, 0] - 2.75) > 0.2) | (p[:, 1] > 1.3)).all() for p in hung]
        assert all(free)


def test_rugs_lie_inside_their_room_and_are_stepped_over() -> None:
    house = two_rooms()
    bare = 0
    for k in range(20):
        room = Room(f"room|{k}", "LivingRoom", house.rooms[0].polygon, house.rooms[0].floor_material)
        polygon = room_polygon(room)
        found = rug_mesh(room, polygon)
        if found is None:
            bare += 1
            continue
        mesh, (x0, z0, x1, z1) = found
        assert Polygon(polygon).buffer(-0.3).contains(box(x0, z0, x1, z1))
        low, high = mesh.bounds()
        assert (low[1], high[1]) == pytest.approx((0.001, 0.008))
        assert (low[0], low[2], high[0], high[2]) == pytest.approx((x0, z0, x1, z1))
    assert 0 < bare < 12
    assert rug_mesh(house.rooms[1], room_polygon(house.rooms[1])) is None  # a kitchen


def test_a_rug_changes_nothing_of_the_reachable_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    house = two_rooms()
    rooms = (replace(house.rooms[0], id="room|3"), house.rooms[1])
    walls = tuple(replace(w, room_id="room|3") if w.room_id == "room|1" else w for w in house.walls)
    house = replace(house, rooms=rooms, walls=walls)
    with_rug = build_scene(house)
    monkeypatch.setattr("testspace.envs.assembly.assemble.rug_mesh", lambda room, polygon: None)
    without = build_scene(house)
    assert len(with_rug.instances) >= len(without.instances)
    np.testing.assert_array_equal(build_floor(with_rug).reachable, build_floor(without).reachable)


def _with_lamp(is_on: bool | None, name: str = "Floor_Lamp_19") -> House:
    lamp = HouseObject("1|7", name, (2.0, 0.9, 4.0), (0.0, 0.0, 0.0), True, is_on=is_on)
    return replace(two_rooms(), objects=(lamp,))


def test_a_lamp_that_is_on_shines_from_its_shade_and_one_that_is_off_does_not(lamp_asset: str) -> None:
    for is_on in (True, None, False):
        scene = build_scene(_with_lamp(is_on, lamp_asset))
        number = number_of(scene, "1|7")
        glow = [scene.materials[m].emission for m in set(scene.face_material[scene.face_instance == number].tolist())]
        lamps = [light for light in scene.lights if isinstance(light, PointLight)]
        if is_on is False:
            assert max(glow) == 0
            assert len(lamps) == 1  # the one of the ceiling, that the file lists
            continue
        assert max(glow) > 0.5
        assert len(lamps) == 2
        points = triangles(scene, number).reshape(-1, 3)
        assert (points.min(0) <= lamps[1].position).all()
        assert (lamps[1].position <= points.max(0)).all()
        assert lamps[1].position[1] > points[:, 1].mean()
        assert (lamps[1].room, lamps[1].range) == ("room|1", LAMP[2])


def test_a_lamp_that_the_file_lists_among_its_lights_is_not_lit_twice(lamp_asset: str) -> None:
    house = _with_lamp(True, lamp_asset)
    shade = [light for light in build_scene(house).lights if isinstance(light, PointLight)][1].position
    listed = replace(house.lights[1], position=(shade[0], shade[1], -shade[2]))
    assert len(build_scene(replace(house, lights=(listed,))).lights) == 1


@pytest.fixture
def lamp_asset() -> str:
    from testspace.envs.house.assets import assets_of

    return assets_of("FloorLamp")[0].asset_id


def test_doors_open_to_the_side_that_the_house_keeps_free() -> None:
    """Into wall1's room; where furniture stands there and none on the other side, into wall0's."""
    house = two_rooms(openness=1.0)
    door, panels = house.doors[0], wall_panels(house)
    cut(panels, door)
    bare = replace(house, objects=())
    assert _swing(door, panels["wall|1|2"], (1.03, 1.97), 0.94, bare)[1] == -1.0
    chest = HouseObject("2|0", "Dresser_315_3", (3.6, 0.5, 4.5), (0.0, 90.0, 0.0), True)
    assert _swing(door, panels["wall|1|2"], (1.03, 1.97), 0.94, replace(house, objects=(chest,)))[1] == 1.0


@pytest.mark.parametrize("line", [2, 19, 30, 44])
def test_open_leaves_cut_no_room_off(line: int, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves swung to the wrong side cost 52 to 84 % of the floor of these houses."""
    monkeypatch.setattr("testspace.envs.floor.KEPT", 0.0)
    house = load_house(f"{shared_data / 'procthor-houses.jsonl.gz'}:{line}")
    arches = replace(house, doors=tuple(replace(d, openness=None) for d in house.doors))
    assert build_floor(build_scene(house)).area > 0.9 * build_floor(build_scene(arches)).area
