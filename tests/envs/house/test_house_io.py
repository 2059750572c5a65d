import copy
import gzip
import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import HOUSE

from testspace.envs.generator import generate_house
from testspace.envs.house import house_io
from testspace.envs.house.house import HouseError
from testspace.envs.house.house_io import house_to_json, load_house, load_houses, parse_house, save_house


def spots(value, path=()):
    """Every place in a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in items:
        yield from spots(member, (*path, key))


SPOTS = [path for path in spots(HOUSE) if path]


def at(data, path):
    for key in path:
        data = data[key]
    return data


def changed(path, value):
    data = copy.deepcopy(HOUSE)
    at(data, path[:-1])[path[-1]] = value
    return data


def refusal(data):
    with pytest.raises(HouseError) as caught:
        parse_house(data, "h.jsonl:4")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("h.jsonl:4: ")
    return message


def test_real_houses_go_round(shared_data):
    path = shared_data / "procthor-houses.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        documents = [json.loads(line) for line in lines]
    assert len(documents) == 48
    for line, document in enumerate(documents):
        house = load_house(f"{path}:{line}")
        assert house_to_json(house) == document
        assert house.source == f"{path}:{line}"
    with pytest.raises(HouseError, match="has 48"):
        load_house(f"{path}:48")


def test_the_room_lies_right_of_its_panels(shared_data):
    from shapely.geometry import Point, Polygon

    for line in range(0, 48, 6):
        house = load_house(f"{shared_data}/procthor-houses.jsonl.gz:{line}")
        floors = {room.id: Polygon(room.polygon) for room in house.rooms}
        for wall in house.walls:
            dx, dz = ((b - a) / wall.length for a, b in zip(wall.p0, wall.p1, strict=True))
            right = Point((wall.p0[0] + wall.p1[0]) / 2 + 0.1 * dz, (wall.p0[1] + wall.p1[1]) / 2 - 0.1 * dx)
            assert floors[wall.room_id].contains(right) is not wall.exterior


def test_saved_houses_come_back(tmp_path):
    house = parse_house(HOUSE, "h")
    save_house(house, tmp_path / "house.json")
    assert house_to_json(load_house(tmp_path / "house.json")) == HOUSE
    assert [entry.name for entry in tmp_path.iterdir()] == ["house.json"]


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("rooms", 0, "floorPolygon", 1, "x"), math.nan, "rooms[0].floorPolygon[1].x: the number is NaN"),
        (("rooms", 0, "floorPolygon", 1, "x"), math.inf, "rooms[0].floorPolygon[1].x: inf is out of range"),
        (("rooms", 0, "floorPolygon"), [{"x": 0, "y": 0, "z": i} for i in range(3)], "no area"),
        (("rooms", 1, "roomType"), 3, "rooms[1].roomType: expected a string, found a number"),
        (("rooms",), [], "without rooms"),
        (("walls", 0, "roomId"), "room|99", "walls[0].roomId: there is no room"),
        (("doors", 0, "wall1"), "wall|99", "doors[0].wall1: there is no wall"),
        (("objects", 0, "assetId"), "Bed_116", "did you mean Bed_1"),
        (("objects", 0, "assetId"), "Doorway_1", "is a Doorway"),
        (("objects", 0, "kinematic"), 1, "objects[0].kinematic: expected true or false"),
        (("objects",), [{}] * 1_000_000, "1000000 entries"),
        (("metadata", "schema"), "0.0.1", "only schema 1.0.0"),
        (("doors", 0, "holePolygon", 1, "x"), 90.0, "exceeds its wall"),
    ],
)
def test_what_is_wrong_is_named(path, value, complaint):
    assert complaint in refusal(changed(path, value))


def test_missing_fields_are_named():
    data = copy.deepcopy(HOUSE)
    del data["walls"][2]["material"]
    assert "walls[2].material: the field is missing" in refusal(data)
    assert "JSON object" in refusal([HOUSE])


def test_a_hole_a_little_beyond_its_wall_is_clamped():
    wall = next(wall for wall in parse_house(HOUSE, "h").walls if wall.id == HOUSE["doors"][0]["wall0"])
    data = changed(("doors", 0, "holePolygon", 1, "x"), wall.length + 0.01)
    house = parse_house(data, "h")
    assert house.doors[0].hole[2] == wall.length
    assert house_to_json(house) == data


@pytest.mark.filterwarnings("ignore::testspace.envs.house.house.HouseWarning")  # an unknown asset becomes a grey box
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SPOTS),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
        st.just("drop"),
    ),
)  # fmt: skip
def test_any_changed_field_loads_or_is_refused(path, value):
    data = changed(path, value)
    if value == "drop":
        del at(data, path[:-1])[path[-1]]
    complaint = ""
    try:
        parse_house(data, "h")
    except HouseError as error:
        complaint = str(error)
    assert "\n" not in complaint


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("h.json", b"hello", "not JSON"),
        ("h.json", json.dumps(HOUSE).encode()[:5000], "cut off"),
        ("h.json", b"[" * 200_000, "nested too deep"),
        ("h.json", b'{"a": NaN}', "NaN is not a number"),
        ("h.json", b"\xff\xfe\x00", "not UTF-8"),
        ("h.json", b"", "there is nothing in it"),
        ("h.json", b"1" * 5000, "h.json: "),
        ("h.jsonl", b"", "the file has 0"),
        ("h.jsonl.gz", b"plain text", "not compressed with gzip"),
        ("h.json", gzip.compress(b"{}", mtime=0), "compressed with gzip"),
        ("h.jsonl.gz", gzip.compress(json.dumps(HOUSE).encode(), mtime=0)[:3000], "cut off"),
        ("h.jsonl.gz", gzip.compress(b"{}\n" * 900, mtime=0)[:30] + b"xxxxxxxxxxxx", "h.jsonl.gz:0: "),
    ],
)
def test_damaged_files_are_refused_in_one_line(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HouseError) as caught:
        load_house(tmp_path / name)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ref", ["absent.json", "absent.jsonl.gz:3", "absent.jsonl:-1", ".", "\0", ""])
def test_what_is_no_file_is_refused(ref):
    with pytest.raises(HouseError):
        load_house(ref)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(house_io, "MAX_LINE", 2**20)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(b" " * 2**23))
    with pytest.raises(HouseError, match="longer than 1 MiB"):
        load_house(f"{tmp_path}/bomb.jsonl.gz:5")


def test_lines_are_counted_from_nought(tmp_path):
    other = house_to_json(generate_house(4, rooms=1))
    (tmp_path / "h.jsonl").write_text(f"{json.dumps(HOUSE)}\n{json.dumps(other)}")
    assert house_to_json(load_house(tmp_path / "h.jsonl")) == HOUSE
    assert house_to_json(load_house(f"{tmp_path}/h.jsonl:1")) == other
    with pytest.raises(HouseError, match="name 0 to 1"):
        load_house(f"{tmp_path}/h.jsonl:2")


def test_load_houses_reads_every_line_in_order(shared_data: Path) -> None:
    file = shared_data / "procthor-houses.jsonl.gz"
    houses = load_houses(file)
    assert [house.source for house in houses] == [f"{file}:{line}" for line in range(48)]
    assert houses[12] == load_house(f"{file}:12")
