"""Houses that other generators write: corners in another order, materials by name, assets of other libraries."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from testspace.envs.assembly.building import build_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.house import HouseError, HouseWarning
from testspace.envs.house.house_io import house_to_json, parse_house

FOREIGN = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@pytest.fixture
def data() -> dict[str, Any]:
    return copy.deepcopy(house_to_json(generate_house(3, rooms=2)))


def test_wall_corners_may_go_round(data: dict[str, Any]) -> None:
    plain = parse_house(copy.deepcopy(data), "a")
    for wall in data["walls"]:
        first, second = sorted(range(4), key=lambda n: wall["polygon"][n]["y"])[2:]  # the upper two
        corners = wall["polygon"]
        corners[first], corners[second] = corners[second], corners[first]
    assert parse_house(data, "a").walls == plain.walls


def test_materials_may_be_names(data: dict[str, Any]) -> None:
    plain = parse_house(copy.deepcopy(data), "a")
    for thing in (*data["walls"], data["proceduralParameters"]):
        key = "material" if "material" in thing else "ceilingMaterial"
        thing[key] = thing[key]["name"]
    for room in data["rooms"]:
        room["floorMaterial"] = room["floorMaterial"]["name"]
    house = parse_house(data, "a")
    assert [room.floor_material.name for room in house.rooms] == [room.floor_material.name for room in plain.rooms]
    assert house.ceiling_material.name == plain.ceiling_material.name
    build_scene(house)


def test_assets_of_other_libraries_are_grey_boxes(data: dict[str, Any]) -> None:
    known = len(parse_house(copy.deepcopy(data), "a").all_objects())
    child = copy.deepcopy(data["objects"][0]) | {"id": "on it", "children": []}
    desk = {
        "id": "desk", "assetId": FOREIGN, "position": {"x": 1.0, "y": 0.38, "z": 1.5},
        "rotation": {"x": 0, "y": 90, "z": 0}, "kinematic": True, "material": None, "children": [child],
    }  # fmt: skip
    data["objects"].append(desk)
    with pytest.warns(HouseWarning, match=f"a: 1 objects of assets that are not AI2-THOR's are grey boxes: {FOREIGN}"):
        house = parse_house(copy.deepcopy(data), "a")
    assert len(house.all_objects()) == known + 1  # what rests on it stays
    (box,) = [one for one in build_scene(house).instances if one.id == "desk"]
    assert box.class_id == 0
    np.testing.assert_allclose((*box.center, *box.size), (1.0, 0.38, -1.5, 0.6, 0.76, 0.6))
    with pytest.warns(HouseWarning):
        assert parse_house(house_to_json(house), "a") == house
    data["objects"][-1]["assetId"] = "Dining_Table_1_"  # a slip of the pen
    with pytest.raises(HouseError, match="did you mean"):
        parse_house(data, "a")
