"""What is wrong with a house: its own file, ways that are shut, things in walls, in each other or in the air.

Independent of the generator: it knows the house file, the Scene that is built from it and boxes, and no placement rule.
All geometry is in the Scene's frame, metres.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray

from ...envs.assembly.building import build_scene
from ...envs.floor import FloorError, build_floor
from ...envs.house.assets import asset
from ...envs.house.classes import CLASS_ID
from ...envs.house.house import House, HouseError, HouseObject, Opening
from ...envs.house.house_io import house_to_json, parse_house
from ...envs.scene import Instance, Scene

TOLERANCE = 0.01
"""Boxes and walls may meet by this much."""
RADIUS = 0.2
"""Of the disc that walks."""
LEAST_FLOOR = 0.5
"""Square metres of each room where the disc's centre must be able to go."""
REST = 0.03
"""A thing lies on what holds it where a surface is this close to its foot."""
SURFACE = 0.03
"""Walls are drawn this far inside the rooms' outlines."""
HANGING = 0.05
"""What hangs has its back this close to a wall."""
LEAST_HUNG = 0.4
"""Nothing hangs lower than this above the floor."""
BEFORE_DOOR = 0.3
"""Depth on both sides of a door in which nothing may stand."""
CUPBOARDS = ("Fridge", "Safe", "Microwave")
"""What may hold things inside."""
KINDS = ("invalid", "unreachable room", "through a wall", "through an object", "in a door's way", "over a window",
         "in the air")  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    kind: str
    """One of KINDS."""
    what: str
    """Which parts of the house, and by how much."""


@dataclass(frozen=True)
class Box:
    """An upright box: its middle, half sides along its own right and ahead, and bottom and top."""

    name: str
    centre: Floats
    """(x, z)."""
    half: Floats
    """(right, ahead)."""
    axes: Floats
    """(2, 2): unit vectors right and ahead in (x, z)."""
    bottom: float
    top: float

    @property
    def corners(self) -> Floats:
        """(4, 2) round the footprint."""
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return self.centre + (signs * self.half) @ self.axes


def upright(x: float, z: float, width: float, depth: float, bottom: float, top: float, name: str = "") -> Box:
    """A box along the axes of the world."""
    return Box(name, np.array([x, z]), np.array([width, depth]) / 2, np.eye(2), bottom, top)


def _box(instance: Instance, name: str) -> Box:
    yaw = np.radians(instance.yaw)
    axes = np.array([(np.cos(yaw), np.sin(yaw)), (np.sin(yaw), -np.cos(yaw))])
    (x, y, z), (width, height, depth) = instance.center, instance.size
    return Box(name, np.array([x, z]), np.array([width, depth]) / 2, axes, y - height / 2, y + height / 2)


def penetration(a: Box, b: Box) -> float:
    """How far two upright boxes would have to move to part (separating axes), metres; negative where they are apart."""
    deep = min(a.top, b.top) - max(a.bottom, b.bottom)
    apart = b.centre - a.centre
    for axis in (*a.axes, *b.axes):
        reach = a.half @ np.abs(a.axes @ axis) + b.half @ np.abs(b.axes @ axis)
        deep = min(deep, float(reach - abs(apart @ axis)))
        if deep < 0:
            break
    return deep


def audit(house: House) -> list[Fault]:
    """Everything that is wrong with a house; empty where nothing is."""
    try:
        document = json.loads(json.dumps(house_to_json(house), allow_nan=False))
        again = parse_house(document, house.source)
    except (HouseError, ValueError) as error:
        return [Fault("invalid", str(error))]
    faults = []
    if house_to_json(again) != document:
        faults.append(Fault("invalid", "read again, it is another house"))
    clamped = [opening.id for opening in (*again.doors, *again.windows) if opening.written_hole is not None]
    faults += [Fault("invalid", f"the hole of {name} exceeds its wall") for name in clamped]
    scene = build_scene(again)
    things = again.all_objects()
    boxes = [
        _box(instance, f"{thing.id} ({asset(thing.asset_id).type})")
        for instance, thing in zip(scene.instances[len(scene.instances) - len(things) :], things, strict=True)
    ]
    number = {id(thing): index for index, thing in enumerate(things)}
    parents = {id(child): number[id(thing)] for thing in things for child in thing.children}
    parent = [parents.get(id(thing), -1) for thing in things]
    faults += _unreachable(scene)
    faults += _in_walls(again, scene, boxes)
    faults += _in_each_other(boxes, parent)
    alone = [box for box, held in zip(boxes, parent, strict=True) if held < 0]
    faults += _at_openings(again, scene, alone)
    faults += _in_the_air(scene, things, boxes, parent)
    return faults


def _unreachable(scene: Scene) -> Iterator[Fault]:
    """Rooms where the disc cannot go, the leaves of the doors being walls as they stand."""
    doors = [replace(i, class_id=CLASS_ID["Wall"]) if i.class_id == CLASS_ID["Door"] else i for i in scene.instances]
    try:
        floor = build_floor(replace(scene, instances=doors), RADIUS)
    except FloorError as error:
        yield Fault("unreachable room", str(error))
        return
    points = floor.from_cells(np.argwhere(floor.reachable))
    for room in scene.rooms:
        outline = shapely.Polygon(room.polygon)
        shapely.prepare(outline)
        held = float(shapely.contains_xy(outline, points[:, 0], points[:, 1]).sum()) * floor.cell**2
        if held < LEAST_FLOOR:
            yield Fault("unreachable room", f"{room.id} ({room.type}): {held:.2f} m2 of {outline.area:.1f} m2")


def _in_walls(house: House, scene: Scene, boxes: list[Box]) -> Iterator[Fault]:
    """What is not wholly in one room, or sticks out of floor or ceiling."""
    open_rooms = {wall.room_id for wall in house.walls if wall.empty}
    areas = [shapely.Polygon(room.polygon) for room in scene.rooms]
    # what stands in rooms with no wall between them may stand in both
    joined = shapely.union_all([a for a, room in zip(areas, scene.rooms, strict=True) if room.id in open_rooms])
    free = [area.buffer(TOLERANCE - SURFACE, join_style="mitre") for area in [*areas, joined] if not area.is_empty]
    shapely.prepare(free)
    top = max(wall.bottom + wall.height for wall in house.walls)
    for box in boxes:
        shape = shapely.Polygon(box.corners)
        if not any(area.contains(shape) for area in free):
            out = min(shape.difference(area).area for area in free)
            yield Fault("through a wall", f"{box.name}: {1e4 * out:.0f} cm2 of its ground plan")
        if box.bottom < -TOLERANCE or box.top > top + TOLERANCE:
            yield Fault("through a wall", f"{box.name}: from {box.bottom:.2f} to {box.top:.2f} m of {top:.2f} m")


def _in_each_other(boxes: list[Box], parent: list[int]) -> Iterator[Fault]:
    """Pairs of boxes that fill the same space, except a thing and what holds it."""
    for i, j in _near(boxes, boxes):
        if i < j and parent[j] != i and parent[i] != j:
            deep = penetration(boxes[i], boxes[j])
            if deep > TOLERANCE:
                yield Fault("through an object", f"{boxes[i].name} and {boxes[j].name}: {100 * deep:.1f} cm")


def _near(first: list[Box], second: list[Box]) -> list[tuple[int, int]]:
    """Pairs whose axis-aligned hulls overlap."""
    if not first or not second:
        return []
    hulls = [
        np.array([(*b.corners.min(0), b.bottom, *b.corners.max(0), b.top) for b in boxes]) for boxes in (first, second)
    ]
    low = (hulls[0][:, None, :3] < hulls[1][None, :, 3:]).all(2) & (hulls[1][None, :, :3] < hulls[0][:, None, 3:]).all(
        2
    )
    return [(int(i), int(j)) for i, j in np.argwhere(low)]


def _span(house: House, opening: Opening, depth: float) -> Box:
    """The hole of an opening as a box that reaches ``depth`` metres to both sides of its wall."""
    wall = next(w for w in house.walls if w.id == opening.wall0)
    start, end = np.array(wall.p0) * (1, -1), np.array(wall.p1) * (1, -1)
    along = (end - start) / wall.length
    s0, y0, s1, y1 = opening.hole
    axes = np.array([along, (-along[1], along[0])])
    return Box(opening.id, start + along * (s0 + s1) / 2, np.array([(s1 - s0) / 2, depth]), axes,
               wall.bottom + y0, wall.bottom + y1)  # fmt: skip


def _leaves(scene: Scene, span: Box, number: int) -> Iterator[Box]:
    """The leaves of a door that stand open, as built."""
    corners = scene.vertices[scene.faces[scene.face_instance == number]].astype(np.float64)
    away = np.abs((corners[..., [0, 2]] - span.centre) @ span.axes[1]).max(1)
    out = corners[away > 0.15]
    side = (out[..., [0, 2]] - span.centre) @ span.axes[0]
    for half in (side.mean(1) < 0, side.mean(1) >= 0):
        points = out[half].reshape(-1, 3)
        if len(points):
            low, high = points.min(0), points.max(0)
            middle, size = (low + high) / 2, high - low
            yield upright(middle[0], middle[2], size[0], size[2], low[1], high[1], f"the leaf of {span.name}")


def _at_openings(house: House, scene: Scene, boxes: list[Box]) -> Iterator[Fault]:
    """What stands before a door or where its leaf is, and what hangs or stands before a window."""
    numbers = {instance.id: index for index, instance in enumerate(scene.instances)}
    ways, panes = [], []
    for opening in house.doors:
        span = _span(house, opening, BEFORE_DOOR)
        ways += [span, *_leaves(scene, span, numbers[opening.id])]
    panes = [_span(house, opening, BEFORE_DOOR / 2) for opening in house.windows]
    for kind, spans in (("in a door's way", ways), ("over a window", panes)):
        for i, j in _near(spans, boxes):
            if penetration(spans[i], boxes[j]) > TOLERANCE:
                yield Fault(kind, f"{boxes[j].name} at {spans[i].name}")


def _in_the_air(scene: Scene, things: list[HouseObject], boxes: list[Box], parent: list[int]) -> Iterator[Fault]:
    """What neither stands on the floor, nor hangs on a wall, nor lies on a surface of what holds it."""
    outlines = shapely.union_all([shapely.Polygon(room.polygon).boundary for room in scene.rooms])
    first = len(scene.instances) - len(boxes)
    order = np.argsort(scene.face_instance, kind="stable")
    starts = np.searchsorted(scene.face_instance[order], np.arange(len(scene.instances) + 1))
    for index, box in enumerate(boxes):
        if parent[index] < 0:
            back = shapely.Point(box.centre - box.axes[1] * box.half[1])
            hangs = box.bottom > LEAST_HUNG and shapely.distance(outlines, back) < SURFACE + HANGING
            if abs(box.bottom) > TOLERANCE and not hangs:
                yield Fault("in the air", f"{box.name}: its foot is at {box.bottom:.2f} m")
            continue
        if asset(things[parent[index]].asset_id).type in CUPBOARDS and _within(box, boxes[parent[index]]):
            continue
        holder = first + parent[index]
        faces = scene.faces[order[starts[holder] : starts[holder + 1]]]
        heights = _heights(scene.vertices[faces].astype(np.float64), box)
        gap = float(np.abs(heights - box.bottom).min()) if len(heights) else np.inf
        if gap > REST:
            yield Fault("in the air", f"{box.name} on {boxes[parent[index]].name}: {100 * gap:.0f} cm off its surface")


def _within(box: Box, holder: Box) -> bool:
    """Whether a box lies inside another."""
    spans = np.abs((box.corners - holder.centre) @ holder.axes.T) <= holder.half + TOLERANCE
    return bool(spans.all()) and holder.bottom < box.bottom and box.top < holder.top


def _heights(triangles: Floats, box: Box) -> Floats:
    """Heights (n,) of triangles (T, 3, 3) under the middle of a box and under four points half way to its corners."""
    points = np.concatenate([box.centre[None], (box.corners + box.centre) / 2])
    a, b, c = (triangles[:, k][:, [0, 2]] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    level = np.abs(turn) > 1e-9
    triangles, a, b, c, turn = triangles[level], a[level], b[level], c[level], turn[level]
    d = points[:, None] - a
    u = (d[..., 0] * (c - a)[:, 1] - d[..., 1] * (c - a)[:, 0]) / turn
    v = ((b - a)[:, 0] * d[..., 1] - (b - a)[:, 1] * d[..., 0]) / turn
    held = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6)
    y = (
        triangles[:, 0, 1]
        + u * (triangles[:, 1, 1] - triangles[:, 0, 1])
        + v * (triangles[:, 2, 1] - triangles[:, 0, 1])
    )
    return np.asarray(y[held])
