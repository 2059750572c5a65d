import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from shapely import affinity, union_all
from shapely.geometry import LineString, Point, Polygon, box

from testspace.core.errors import UserError
from testspace.envs.generator import generate_house
from testspace.envs.generator.house_reference import find_house
from testspace.envs.gym_envs.house_env import HouseEnv
from testspace.envs.house.assets import asset, assets, assets_of
from testspace.envs.house.house import House
from testspace.envs.house.house_io import house_to_json, parse_house, save_house

DISC = 0.25


@pytest.fixture(scope="module")
def houses() -> list[House]:
    return [generate_house(seed) for seed in range(16)]


def test_a_house_is_called_by_its_number_or_its_file(tmp_path: Path) -> None:
    assert find_house("7") == generate_house(7)
    save_house(generate_house(3), tmp_path / "three.json")
    assert find_house(str(tmp_path / "three.json")).rooms == generate_house(3).rooms
    with pytest.raises(UserError, match="0 or more, got -1"):
        find_house("-1")
    with pytest.raises(UserError, match="0 or more"):
        HouseEnv(-1)
    assert HouseEnv("7", light="direct").house == generate_house(7)


def footprint(item):
    """The true rectangle of an object, turned by its yaw (clockwise with x right, z up)."""
    (width, _, depth), (x, _, z) = asset(item.asset_id).size, item.position
    turned = affinity.rotate(box(-width / 2, -depth / 2, width / 2, depth / 2), -item.rotation[1], origin=(0, 0))
    return affinity.translate(turned, x, z)


def on_floor(house):
    return [o for o in house.objects if abs(o.position[1] - asset(o.asset_id).size[1] / 2) < 1e-6]


def room_of(house, item):
    return next(room for room in house.rooms if room.id == f"room|{item.id.split('|')[0]}")


def segment(wall, x0, x1):
    """Two points of the ground, x0 and x1 metres along a wall."""
    (ax, az), (bx, bz) = wall.p0, wall.p1
    return [(ax + (bx - ax) * x / wall.length, az + (bz - az) * x / wall.length) for x in (x0, x1)]


def ways_through(house):
    """What joins rooms: the ground below doors and open boundaries, wide enough to step across the wall."""
    walls = {wall.id: wall for wall in house.walls}
    spans = [segment(walls[d.wall0], d.hole[0] + DISC, d.hole[2] - DISC) for d in house.doors if d.room0 != d.room1]
    spans += [segment(wall, DISC, wall.length - DISC) for wall in house.walls if wall.empty]
    joined = []
    for (x0, z0), (x1, z1) in spans:
        across = DISC + 0.01
        dx, dz = (across, 0) if abs(x1 - x0) < 1e-6 else (0, across)
        joined.append(box(min(x0, x1) - dx, min(z0, z1) - dz, max(x0, x1) + dx, max(z0, z1) + dz))
    return joined


def test_houses_are_valid(houses):
    for house in houses:
        document = json.loads(json.dumps(house_to_json(house), allow_nan=False))
        assert house_to_json(parse_house(document, "generated")) == document
        assert 1 <= len(house.rooms) <= 10
        assert sum(door.room0 == door.room1 for door in house.doors) == 1
        for opening in house.doors + house.windows:
            assert opening.written_hole is None


def test_a_disc_can_walk_from_every_room_to_every_other(houses):
    for house in houses:
        closed = union_all([footprint(item).buffer(DISC) for item in house.objects if item.position[1] < 1.0])
        rooms = [Polygon(room.polygon).buffer(-DISC, join_style="mitre") for room in house.rooms]
        open_floor = union_all([*rooms, *ways_through(house)]) - closed
        parts = getattr(open_floor, "geoms", [open_floor])
        best = max(parts, key=lambda part: sum(min(part.intersection(room).area, 1.0) for room in rooms))
        assert all(best.intersection(room).area > 0.3 * room.area for room in rooms), house.source
        assert house.agent is not None
        assert best.distance(Point(house.agent.position[0], house.agent.position[2])) < 0.02


def test_furniture_stands_in_its_room_on_nothing_else_and_before_no_door(houses):
    for house in houses:
        walls = {wall.id: wall for wall in house.walls}
        standing = [(footprint(item), item) for item in on_floor(house)]
        for index, (shape, item) in enumerate(standing):
            assert (shape - Polygon(room_of(house, item).polygon).buffer(1e-6)).area < 1e-9
            for other, _ in standing[index + 1 :]:
                assert shape.intersection(other).area < 1e-9
            for door in house.doors:
                sill = LineString(segment(walls[door.wall0], door.hole[0], door.hole[2]))
                assert shape.intersection(sill.buffer(0.95, cap_style="flat")).area < 1e-9


def test_backs_are_to_walls(houses):
    for house in houses:
        for item in house.objects:
            if asset(item.asset_id).type in ("Bed", "Dresser", "Fridge", "Toilet", "Painting"):
                outline = Polygon(room_of(house, item).polygon).exterior
                depth = asset(item.asset_id).size[2]
                back = affinity.translate(
                    Point(*affinity.rotate(Point(0, -depth / 2), -item.rotation[1], origin=(0, 0)).coords[0]),
                    item.position[0], item.position[2],
                )  # fmt: skip
                assert outline.distance(back) < 0.04


def test_small_things_rest_on_what_holds_them(houses):
    for house in houses:
        for parent in house.objects:
            top = parent.position[1] + asset(parent.asset_id).size[1] / 2
            for child in parent.children:
                bottom = child.position[1] - asset(child.asset_id).size[1] / 2
                assert parent.position[1] - asset(parent.asset_id).size[1] / 2 + 0.1 < bottom < top + 1e-6
                assert footprint(parent).buffer(0.12).contains(Point(child.position[0], child.position[2]))


def test_what_is_frequent_in_real_houses_is_frequent_here(shared_data):
    from testspace.envs.house.house_io import load_house

    real = [load_house(f"{shared_data}/procthor-houses.jsonl.gz:{line}") for line in range(48)]

    def a_room(houses):
        counts = Counter(asset(item.asset_id).type for house in houses for item in house.all_objects())
        rooms = sum(len(house.rooms) for house in houses)
        return {kind: count / rooms for kind, count in counts.items()}

    ours = a_room([generate_house(100 + i, len(house.rooms)) for i, house in enumerate(real * 2)])
    theirs = a_room(real)
    for kind in sorted(theirs, key=lambda kind: -theirs[kind])[:60]:
        assert 0.5 < ours.get(kind, 0) / theirs[kind] < 2.0, kind
    assert sum(ours.values()) == pytest.approx(sum(theirs.values()), rel=0.15)


def test_excluded_assets_are_absent_and_empty_types_vanish():
    banned = {a.asset_id for a in assets_of("Bed")} | {a.asset_id for a in assets().values() if a.split == "test"}
    for seed in range(10):
        house = generate_house(seed, exclude_assets=banned)
        used = {o.asset_id for o in house.all_objects()} | {o.asset_id for o in house.doors + house.windows}
        assert not used & banned
        assert len(used) > 10
    with pytest.raises(ValueError, match="no door"):
        generate_house(0, exclude_assets=list(assets()))


def digest(house):
    return hashlib.sha256(json.dumps(house_to_json(house), sort_keys=True).encode()).hexdigest()


def test_a_seed_means_one_house_in_every_process():
    code = (
        "import hashlib, json; from testspace.envs.generator import generate_house as g;"
        "from testspace.envs.house.house_io import house_to_json as j;"
        "h = g(7, exclude_assets=['Bed_1', 'Bed_2', 'Chair_002_1']);"
        "print(hashlib.sha256(json.dumps(j(h), sort_keys=True).encode()).hexdigest())"
    )
    env = {"PYTHONHASHSEED": "123", "PATH": "/usr/bin"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    here = generate_house(7, exclude_assets=["Chair_002_1", "Bed_2", "Bed_1"])
    assert there.stdout.strip() == digest(here)
    assert digest(generate_house(7)) != digest(generate_house(8))


@pytest.mark.parametrize("rooms", range(1, 11))
def test_the_number_of_rooms_is_kept(rooms):
    for seed in range(3):
        assert len(generate_house(seed, rooms=rooms).rooms) == rooms


@pytest.mark.parametrize("rooms", [0, 11, -1])
def test_other_numbers_of_rooms_are_refused(rooms):
    with pytest.raises(ValueError, match="1 to 10"):
        generate_house(0, rooms=rooms)
