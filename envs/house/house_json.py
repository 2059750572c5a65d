"""From ProcTHOR's JSON (schema 1.0.0) to `House`: every field is checked and kept.

Keys of the schema become fields; unknown keys are kept in `other` and written back, so that
``house_to_json(parse_house(data)) == data`` (`house_write`). Optional fields that are null count as missing.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np

from .house import (
    OUTSIDE,
    SCHEMA,
    AgentPose,
    Colour,
    House,
    HouseError,
    HouseObject,
    HouseWarning,
    Light,
    Material,
    Opening,
    Point,
    Room,
    Wall,
)
from .house_checks import check_asset, check_opening, check_polygon, check_room_count, clamped_hole, is_foreign
from .json_node import Node

MAX_ROOMS, MAX_OBJECTS, MAX_PANELS, MAX_OPENINGS, MAX_CORNERS, MAX_LIGHTS = 500, 20_000, 20_000, 5_000, 1_000, 2_000
BOUND = 200.0
"""Largest coordinate of a house, in metres."""
_ANGLE = 36_000.0
_KNOWN_ROOM = {"id", "roomType", "floorPolygon", "floorMaterial", "layer"}
_KNOWN_WALL = {"id", "roomId", "polygon", "material", "empty", "layer"}
_KNOWN_OPENING = {
    "id", "room0", "room1", "wall0", "wall1", "assetId", "holePolygon", "assetPosition", "openable", "openness",
}  # fmt: skip
_KNOWN_OBJECT = {
    "id", "assetId", "position", "rotation", "kinematic", "children", "openness", "isOn", "isDirty", "color",
    "material", "layer",
}  # fmt: skip
_KNOWN_LIGHT = {"id", "type", "position", "rotation", "intensity", "range", "rgb", "layer"}
_KNOWN_AGENT = {"position", "rotation", "horizon", "standing"}
_KNOWN_TOP = {"rooms", "walls", "doors", "windows", "objects", "proceduralParameters", "metadata"}


def _colour(node: Node | None) -> Colour | None:
    if node is None:
        return None
    r, g, b = node.numbers("rgb", 0.0, 10.0)
    return r, g, b


def _material(node: Node) -> Material:
    if isinstance(node.value, str):  # houses older than schema 1.0.0 name the material only
        return Material(node.text())
    return Material(node.get("name").text(), _colour(node.optional("color")), node.rest({"name", "color"}))


def _text(node: Node | None) -> str | None:
    return None if node is None else node.text()


def _flag(node: Node | None) -> bool | None:
    return None if node is None else node.flag()


def _number(node: Node | None, low: float, high: float) -> float | None:
    return None if node is None else node.number(low, high)


def _room(node: Node) -> Room:
    outline = node.get("floorPolygon")
    corners: list[Point] = []
    for corner in outline.items(MAX_CORNERS):
        x, y, z = corner.vector(BOUND)
        if y != 0:
            corner.get("y").fail(f"the floor is at height {y:g}", "only houses of one storey at y = 0 are known")
        corners.append((x, z))
    check_polygon(corners, outline)
    return Room(
        id=node.get("id").text(),
        type=node.get("roomType").text(),
        polygon=tuple(corners),
        floor_material=_material(node.get("floorMaterial")),
        layer=_text(node.optional("layer")),
        other=node.rest(_KNOWN_ROOM),
    )


def _wall(node: Node, rooms: Mapping[str, Room]) -> Wall:
    wall_id, room, outline = node.get("id").text(), node.get("roomId"), node.get("polygon")
    if room.text() not in rooms:
        room.fail(f"there is no room {room.value[:60]!r}", "name a room of this house")
    corners = [corner.vector(BOUND) for corner in outline.items(MAX_CORNERS)]
    if len(corners) != 4:
        outline.fail(f"{len(corners)} corners", "a wall panel has 4")
    # Interior panels list the bottom first, exterior ones the top, some go round: the stable sort by height reads all.
    a, b, c, d = sorted(corners, key=lambda corner: corner[1])
    if np.hypot(a[0] - d[0], a[2] - d[2]) < np.hypot(a[0] - c[0], a[2] - c[2]):
        c, d = d, c
    upright = max(abs(a[0] - c[0]), abs(a[2] - c[2]), abs(b[0] - d[0]), abs(b[2] - d[2]), abs(a[1] - b[1]))
    if upright > 0.01 or abs(c[1] - d[1]) > 0.01:
        outline.fail("not an upright rectangle", "its corners must be p0, p1 and the points above them")
    if c[1] - a[1] < 0.01 or (a[0] - b[0]) ** 2 + (a[2] - b[2]) ** 2 < 1e-4:
        outline.fail("a wall panel with no area", "remove it or give it length and height")
    empty = node.optional("empty")
    return Wall(
        id=wall_id,
        room_id=room.value,
        p0=(a[0], a[2]),
        p1=(b[0], b[2]),
        bottom=a[1],
        height=c[1] - a[1],
        material=_material(node.get("material")),
        exterior=wall_id.split("|")[1:2] == [OUTSIDE],
        empty=empty is not None and empty.flag(),
        layer=_text(node.optional("layer")),
        # `empty` is written only where it is true; a written false is carried.
        other=node.rest(_KNOWN_WALL if empty is None or empty.value else _KNOWN_WALL - {"empty"}),
    )


def _opening(node: Node, kind: str, rooms: Mapping[str, Room], walls: Mapping[str, Wall]) -> Opening:
    hole = node.get("holePolygon")
    corners = [corner.vector(BOUND) for corner in hole.items(MAX_CORNERS)]
    if len(corners) != 2:
        hole.fail(f"{len(corners)} corners", "a hole has 2: its lowest and its highest")
    check_opening(node, rooms, walls)
    wall = walls[node.get("wall0").text()]
    written = (corners[0][0], corners[0][1], corners[1][0], corners[1][1])
    inside = clamped_hole(written, wall, hole)
    return Opening(
        id=node.get("id").text(),
        kind=kind,
        room0=node.get("room0").text(),
        room1=node.get("room1").text(),
        wall0=wall.id,
        wall1=node.get("wall1").text(),
        hole=inside,
        asset_id=check_asset(node.get("assetId"), kind),
        position=node.get("assetPosition").vector(BOUND),
        openness=_number(node.optional("openness"), 0.0, 1.0),
        openable=_flag(node.optional("openable")),
        written_hole=None if inside == written else written,
        other=node.rest(_KNOWN_OPENING),
    )


def _object(node: Node, depth: int, seen: set[str], foreign: list[HouseObject]) -> list[HouseObject]:
    """The object, or, if its asset is foreign, what rests on it; foreign ones are appended to `foreign`."""
    name = node.get("id")
    if name.text() in seen:
        name.fail(f"{name.value[:60]!r} is the id of another object too", "ids must differ")
    seen.add(name.value)
    if len(seen) > MAX_OBJECTS:
        raise HouseError(node.source, "objects", f"more than the {MAX_OBJECTS} objects a house may have", "use fewer")
    children = node.optional("children")
    if children is not None and depth == 0 and children.items(MAX_OBJECTS):
        children.fail("children of children of children", "objects rest on objects two levels deep at most")
    material = node.optional("material")
    inside = (
        ()
        if children is None
        else tuple(one for c in children.items(MAX_OBJECTS) for one in _object(c, depth - 1, seen, foreign))
    )
    other_library = is_foreign(node.get("assetId"))
    thing = HouseObject(
        id=name.value,
        asset_id=node.get("assetId").text() if other_library else check_asset(node.get("assetId"), "object"),
        position=node.get("position").vector(BOUND),
        rotation=node.get("rotation").vector(_ANGLE),
        kinematic=node.get("kinematic").flag(),
        children=() if other_library else inside,
        openness=_number(node.optional("openness"), 0.0, 1.0),
        is_on=_flag(node.optional("isOn")),
        is_dirty=_flag(node.optional("isDirty")),
        colour=_colour(node.optional("color")),
        material=None if material is None else _material(material),
        layer=_text(node.optional("layer")),
        # An empty list of children is written in some files and left out in others: carried.
        other=node.rest(_KNOWN_OBJECT if inside or children is None else _KNOWN_OBJECT - {"children"}),
    )
    if other_library:
        foreign.append(thing)
        return list(inside)
    return [thing]


def _light(node: Node) -> Light:
    rotation = node.optional("rotation")
    r, g, b = node.get("rgb").numbers("rgb", 0.0, 100.0)
    return Light(
        id=node.get("id").text(),
        kind=node.get("type").text(),
        position=node.get("position").vector(BOUND),
        rotation=None if rotation is None else rotation.vector(_ANGLE),
        intensity=node.get("intensity").number(0.0, 1000.0),
        range=_number(node.optional("range"), 0.0, 1000.0),
        rgb=(r, g, b),
        layer=_text(node.optional("layer")),
        other=node.rest(_KNOWN_LIGHT),
    )


def _agent(node: Node | None) -> AgentPose | None:
    if node is None:
        return None
    return AgentPose(
        position=node.get("position").vector(BOUND),
        rotation=node.get("rotation").vector(_ANGLE),
        horizon=node.get("horizon").number(-90.0, 90.0),
        standing=node.get("standing").flag(),
        other=node.rest(_KNOWN_AGENT),
    )


def _metadata(top: Node) -> Node:
    if "metadata" not in top.members() or "schema" not in top.get("metadata").members():
        raise HouseError(
            top.source, "metadata.schema", "the field is missing", f"houses older than schema {SCHEMA} must be upgraded"
        )
    schema = top.get("metadata").get("schema")
    if schema.text() != SCHEMA:
        schema.fail(f"schema {schema.value[:20]!r} is unknown", f"only schema {SCHEMA} is read")
    return top.get("metadata")


def parse_house(data: object, source: str) -> House:
    """The House of a parsed JSON document; ``source`` ("FILE:LINE") is what its errors name.

    Raises HouseError, naming the field, for a violation of the schema: wrong types, missing fields, unknown assets,
    NaN, panels and floors with no area, dangling references, too many entries.
    """
    top = Node(data, source)
    if not isinstance(data, dict):
        top.fail("a house is a JSON object", "one house a line (.jsonl, .jsonl.gz) or one a file (.json)")
    metadata, parameters = _metadata(top), top.get("proceduralParameters")
    rooms = tuple(_room(node) for node in top.get("rooms").items(MAX_ROOMS))
    check_room_count(rooms, top)
    rooms_by_id = {room.id: room for room in rooms}
    walls = tuple(_wall(node, rooms_by_id) for node in top.get("walls").items(MAX_PANELS))
    walls_by_id = {wall.id: wall for wall in walls}
    if len(walls_by_id) < len(walls):
        top.get("walls").fail("two panels share an id", "ids must differ")
    doors, windows = (
        tuple(_opening(node, kind, rooms_by_id, walls_by_id) for node in top.get(f"{kind}s").items(MAX_OPENINGS))
        for kind in ("door", "window")
    )
    seen: set[str] = set()
    foreign: list[HouseObject] = []
    objects = tuple(one for node in top.get("objects").items(MAX_OBJECTS) for one in _object(node, 2, seen, foreign))
    if foreign:
        names = ", ".join(dict.fromkeys(thing.asset_id[:40] for thing in foreign[:3]))
        message = f"{source}: {len(foreign)} objects of assets that are not AI2-THOR's are grey boxes: {names}"
        warnings.warn(" ".join(message.split()), HouseWarning, stacklevel=2)
    return House(
        rooms=rooms,
        walls=walls,
        doors=doors,
        windows=windows,
        objects=objects,
        foreign=tuple(foreign),
        lights=tuple(_light(node) for node in parameters.get("lights").items(MAX_LIGHTS)),
        ceiling_material=_material(parameters.get("ceilingMaterial")),
        skybox=parameters.get("skyboxId").text(),
        agent=_agent(metadata.optional("agent")),
        parameters=parameters.rest({"lights", "ceilingMaterial", "skyboxId"}),
        metadata=metadata.rest({"schema", "agent"}),
        source=source,
        other=top.rest(_KNOWN_TOP),
    )
