"""Checks of a house across its parts, beyond the type of each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .assets import assets, near_names
from .classes import FOLDED
from .house import Point, Room, Wall
from .json_node import Node

HOLE_SLACK = 0.25
"""A hole that exceeds its wall by this many metres or less is clamped (real houses do, by under a millimetre)."""
_MAX_PANEL_GAP = 0.5
"""The two panels of an opening are at most this far apart, in metres."""


def check_asset(node: Node, kind: str) -> str:
    """The asset id; HouseError if it is unknown or not of ``kind`` (a door, a window or an object)."""
    name = node.text()
    entry = assets().get(name)
    if entry is None:
        near = near_names(name)
        hint = f"did you mean {', '.join(near)}?" if near else "doors and windows must be AI2-THOR's own assets"
        node.fail(f"there is no asset {name[:60]!r}", hint)
    is_kind = FOLDED.get(entry.type, "object").lower()
    if is_kind != kind:
        node.fail(f"{name!r} is a {entry.type}", f"use an asset that is a {kind}")
    return name


def is_foreign(node: Node) -> bool:
    """Whether an object's asset is of another library: its id is none of AI2-THOR's, and not like one of them."""
    name = node.text()
    return name not in assets() and not near_names(name)


def area(polygon: Sequence[Point]) -> float:
    """Signed area of a polygon in square metres, positive where it runs anticlockwise with x right and z up."""
    rolled = [*polygon[1:], *polygon[:1]]
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, rolled, strict=True)) / 2


def _crossing(polygon: Sequence[Point]) -> bool:
    """Whether two edges of the polygon cross."""

    def side(a: Point, b: Point, c: Point) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    edges = list(zip(polygon, [*polygon[1:], *polygon[:1]], strict=True))
    for index, (a, b) in enumerate(edges):
        for c, d in edges[index + 1 :]:
            if side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0:
                return True
    return False


def check_polygon(polygon: Sequence[Point], node: Node) -> None:
    """HouseError if the floor has no area or crosses itself."""
    if len(polygon) < 3 or abs(area(polygon)) < 0.01:
        node.fail("a floor with no area", "give it three corners or more that are not on one line")
    if _crossing(polygon):
        node.fail("the outline of the floor crosses itself", "list its corners in order")


def check_room_count(rooms: Sequence[Room], top: Node) -> None:
    """HouseError if there is no room, or two share an id."""
    if not rooms:
        top.get("rooms").fail("a house without rooms", "it needs one at least")
    if len({room.id for room in rooms}) < len(rooms):
        top.get("rooms").fail("two rooms share an id", "ids must differ")


def check_opening(node: Node, rooms: Mapping[str, Room], walls: Mapping[str, Wall]) -> None:
    """HouseError if an opening names a missing room or wall, or walls of other rooms."""
    for number in "01":
        room, wall = node.get(f"room{number}"), node.get(f"wall{number}")
        if room.text() not in rooms:
            room.fail(f"there is no room {room.value[:60]!r}", "name a room of this house")
        if wall.text() not in walls:
            wall.fail(f"there is no wall {wall.value[:60]!r}", "name a wall of this house")
        if walls[wall.value].room_id != room.value:
            wall.fail(f"the wall is of {walls[wall.value].room_id[:60]!r}, not of room{number}", "name a wall of it")
    front, back = walls[node.get("wall0").value], walls[node.get("wall1").value]
    ux, uz = (front.p1[0] - front.p0[0]) / front.length, (front.p1[1] - front.p0[1]) / front.length
    apart = max(abs((p[0] - front.p0[0]) * uz - (p[1] - front.p0[1]) * ux) for p in (back.p0, back.p1))
    if apart > _MAX_PANEL_GAP or front.id == back.id:
        node.get("wall1").fail("the wall is not behind wall0", "name the panel on the other side of the same wall")


def clamped_hole(hole: tuple[float, float, float, float], wall: Wall, node: Node) -> tuple[float, float, float, float]:
    """The hole (xmin, ymin, xmax, ymax) within its wall; HouseError if it has no area or lies far outside."""
    x0, y0, x1, y1 = hole
    beyond = max(-x0, x1 - wall.length, -y0, y1 - wall.height)
    if beyond > HOLE_SLACK:
        node.fail(f"the hole exceeds its wall by {beyond:.2f} m", "move it, or name the wall it belongs to")
    inside = (max(x0, 0), max(y0, 0), min(x1, wall.length), min(y1, wall.height)) if beyond > 1e-9 else hole
    if inside[2] - inside[0] < 0.01 or inside[3] - inside[1] < 0.01:
        node.fail("a hole with no area", "list its lowest corner first, its highest second")
    return inside
