"""Faults of a house: invalid file, unreachable rooms, blocked doors, objects in walls, in each other or in the air.

Independent of the generator: it uses the house file, the Scene built from it, and boxes, but no placement rule.
All geometry is in the Scene's frame, in metres.
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
"""Boxes and walls may overlap by this much."""
RADIUS = 0.2
"""Radius of the agent's disc."""
MIN_FLOOR_AREA = 0.5
"""Minimum floor area of a room, in square metres, that the disc's centre must be able to reach."""
MAX_SUPPORT_GAP = 0.03
"""Maximum gap between the bottom of an object and the surface that supports it."""
WALL_OFFSET = 0.03
"""Distance of the walls' surfaces from the room outlines, inwards."""
MAX_HANGING_GAP = 0.05
"""Maximum gap between a hanging object's back and a wall."""
MIN_HANGING_HEIGHT = 0.4
"""Minimum height of a hanging object above the floor."""
DOOR_CLEARANCE = 0.3
"""Depth of the free space required on both sides of a door."""
CONTAINERS = ("Fridge", "Safe", "Microwave")
"""Types that may contain objects."""
KINDS = ("invalid", "unreachable room", "through a wall", "through an object", "in a door's way", "over a window",
         "in the air")  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fault:
    """A fault of a house."""

    kind: str
    """One of KINDS."""
    what: str
    """The parts of the house involved, and the extent."""


@dataclass(frozen=True)
class Box:
    """An upright box: centre, half extents along its right and forward axes, bottom and top."""

    name: str
    centre: Floats
    """(x, z)."""
    half: Floats
    """(right, forward)."""
    axes: Floats
    """(2, 2): unit vectors right and forward in (x, z)."""
    bottom: float
    top: float

    @property
    def corners(self) -> Floats:
        """Corners of the footprint, (4, 2), in order."""
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
        return self.centre + (signs * self.half) @ self.axes


def upright(x: float, z: float, width: float, depth: float, bottom: float, top: float, name: str = "") -> Box:
    """An axis-aligned box."""
    return Box(name, np.array([x, z]), np.array([width, depth]) / 2, np.eye(2), bottom, top)


def _box(instance: Instance, name: str) -> Box:
    yaw = np.radians(instance.yaw)
    axes = np.array([(np.cos(yaw), np.sin(yaw)), (np.sin(yaw), -np.cos(yaw))])
    (x, y, z), (width, height, depth) = instance.center, instance.size
    return Box(name, np.array([x, z]), np.array([width, depth]) / 2, axes, y - height / 2, y + height / 2)


def penetration(a: Box, b: Box) -> float:
    """Penetration depth of two upright boxes (separating axes), in metres; negative if they are disjoint."""
    depth = min(a.top, b.top) - max(a.bottom, b.bottom)
    offset = b.centre - a.centre
    for axis in (*a.axes, *b.axes):
        reach = a.half @ np.abs(a.axes @ axis) + b.half @ np.abs(b.axes @ axis)
        depth = min(depth, float(reach - abs(offset @ axis)))
        if depth < 0:
            break
    return depth


def audit(house: House) -> list[Fault]:
    """All faults of a house."""
    try:
        document = json.loads(json.dumps(house_to_json(house), allow_nan=False))
        reread = parse_house(document, house.source)
    except (HouseError, ValueError) as error:
        return [Fault("invalid", str(error))]
    faults = []
    if house_to_json(reread) != document:
        faults.append(Fault("invalid", "read again, it is another house"))
    clamped = [opening.id for opening in (*reread.doors, *reread.windows) if opening.written_hole is not None]
    faults += [Fault("invalid", f"the hole of {name} exceeds its wall") for name in clamped]
    scene = build_scene(reread)
    objects = reread.all_objects()
    boxes = [
        _box(instance, f"{object_.id} ({asset(object_.asset_id).type})")
        for instance, object_ in zip(scene.instances[len(scene.instances) - len(objects) :], objects, strict=True)
    ]
    number = {id(object_): index for index, object_ in enumerate(objects)}
    parents = {id(child): number[id(object_)] for object_ in objects for child in object_.children}
    parent = [parents.get(id(object_), -1) for object_ in objects]
    faults += _unreachable(scene)
    faults += _in_walls(reread, scene, boxes)
    faults += _in_each_other(boxes, parent)
    standing = [box for box, holder in zip(boxes, parent, strict=True) if holder < 0]
    faults += _at_openings(reread, scene, standing)
    faults += _in_the_air(scene, objects, boxes, parent)
    return faults


def _unreachable(scene: Scene) -> Iterator[Fault]:
    """Rooms that the disc cannot reach, with the door leaves as obstacles in their present position."""
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
        area = float(shapely.contains_xy(outline, points[:, 0], points[:, 1]).sum()) * floor.cell**2
        if area < MIN_FLOOR_AREA:
            yield Fault("unreachable room", f"{room.id} ({room.type}): {area:.2f} m2 of {outline.area:.1f} m2")


def _in_walls(house: House, scene: Scene, boxes: list[Box]) -> Iterator[Fault]:
    """Objects that are not entirely within one room, or extend through floor or ceiling."""
    open_rooms = {wall.room_id for wall in house.walls if wall.empty}
    areas = [shapely.Polygon(room.polygon) for room in scene.rooms]
    # an object may span two rooms without a wall between them
    joined = shapely.union_all([a for a, room in zip(areas, scene.rooms, strict=True) if room.id in open_rooms])
    free = [area.buffer(TOLERANCE - WALL_OFFSET, join_style="mitre") for area in [*areas, joined] if not area.is_empty]
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
    """Pairs of overlapping boxes, except an object and its parent."""
    for i, j in _near(boxes, boxes):
        if i < j and parent[j] != i and parent[i] != j:
            depth = penetration(boxes[i], boxes[j])
            if depth > TOLERANCE:
                yield Fault("through an object", f"{boxes[i].name} and {boxes[j].name}: {100 * depth:.1f} cm")


def _near(first: list[Box], second: list[Box]) -> list[tuple[int, int]]:
    """Index pairs whose axis-aligned bounding boxes overlap."""
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
    """The hole of an opening as a box that extends ``depth`` metres to both sides of its wall."""
    wall = next(w for w in house.walls if w.id == opening.wall0)
    start, end = np.array(wall.p0) * (1, -1), np.array(wall.p1) * (1, -1)
    along = (end - start) / wall.length
    s0, y0, s1, y1 = opening.hole
    axes = np.array([along, (-along[1], along[0])])
    return Box(opening.id, start + along * (s0 + s1) / 2, np.array([(s1 - s0) / 2, depth]), axes,
               wall.bottom + y0, wall.bottom + y1)  # fmt: skip


def _leaves(scene: Scene, span: Box, number: int) -> Iterator[Box]:
    """Boxes of a door's open leaves, as built."""
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
    """Objects in front of a door or where its leaf is, and objects in front of a window."""
    numbers = {instance.id: index for index, instance in enumerate(scene.instances)}
    door_spans, window_spans = [], []
    for opening in house.doors:
        span = _span(house, opening, DOOR_CLEARANCE)
        door_spans += [span, *_leaves(scene, span, numbers[opening.id])]
    window_spans = [_span(house, opening, DOOR_CLEARANCE / 2) for opening in house.windows]
    for kind, spans in (("in a door's way", door_spans), ("over a window", window_spans)):
        for i, j in _near(spans, boxes):
            if penetration(spans[i], boxes[j]) > TOLERANCE:
                yield Fault(kind, f"{boxes[j].name} at {spans[i].name}")


def _in_the_air(scene: Scene, objects: list[HouseObject], boxes: list[Box], parent: list[int]) -> Iterator[Fault]:
    """Objects that neither stand on the floor, hang on a wall, nor lie on a surface of their parent."""
    outlines = shapely.union_all([shapely.Polygon(room.polygon).boundary for room in scene.rooms])
    first = len(scene.instances) - len(boxes)
    order = np.argsort(scene.face_instance, kind="stable")
    starts = np.searchsorted(scene.face_instance[order], np.arange(len(scene.instances) + 1))
    for index, box in enumerate(boxes):
        if parent[index] < 0:
            back = shapely.Point(box.centre - box.axes[1] * box.half[1])
            hangs = box.bottom > MIN_HANGING_HEIGHT and shapely.distance(outlines, back) < WALL_OFFSET + MAX_HANGING_GAP
            if abs(box.bottom) > TOLERANCE and not hangs:
                yield Fault("in the air", f"{box.name}: its foot is at {box.bottom:.2f} m")
            continue
        if asset(objects[parent[index]].asset_id).type in CONTAINERS and _within(box, boxes[parent[index]]):
            continue
        holder = first + parent[index]
        faces = scene.faces[order[starts[holder] : starts[holder + 1]]]
        heights = _heights(scene.vertices[faces].astype(np.float64), box)
        gap = float(np.abs(heights - box.bottom).min()) if len(heights) else np.inf
        if gap > MAX_SUPPORT_GAP:
            yield Fault("in the air", f"{box.name} on {boxes[parent[index]].name}: {100 * gap:.0f} cm off its surface")


def _within(box: Box, holder: Box) -> bool:
    """Whether a box lies inside another."""
    spans = np.abs((box.corners - holder.centre) @ holder.axes.T) <= holder.half + TOLERANCE
    return bool(spans.all()) and holder.bottom < box.bottom and box.top < holder.top


def _heights(triangles: Floats, box: Box) -> Floats:
    """Heights (n,) of triangles (T, 3, 3) below the centre of a box and below four points halfway to its corners."""
    points = np.concatenate([box.centre[None], (box.corners + box.centre) / 2])
    a, b, c = (triangles[:, k][:, [0, 2]] for k in range(3))
    turn = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    level = np.abs(turn) > 1e-9
    triangles, a, b, c, turn = triangles[level], a[level], b[level], c[level], turn[level]
    d = points[:, None] - a
    u = (d[..., 0] * (c - a)[:, 1] - d[..., 1] * (c - a)[:, 0]) / turn
    v = ((b - a)[:, 0] * d[..., 1] - (b - a)[:, 1] * d[..., 0]) / turn
    inside = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6)
    y = (
        triangles[:, 0, 1]
        + u * (triangles[:, 1, 1] - triangles[:, 0, 1])
        + v * (triangles[:, 2, 1] - triangles[:, 0, 1])
    )
    return np.asarray(y[inside])
