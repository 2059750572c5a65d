"""Builds a Scene from all parts of a house."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..furniture.catalogue import Model, model
from ..furniture.shapes import Mesh, box
from ..house.assets import asset
from ..house.classes import CLASS_ID, class_of
from ..house.house import House, HouseObject
from ..materials.materials import named
from ..materials.textures import texture_stack
from ..scene import VOID, Instance, Material, RoomArea, Scene
from .dressing import RUG, rug_mesh
from .house_lights import is_listed, lamp_light, lights_of
from .panels import OFFSET, cut, wall_panels
from .structure import baseboard_of, ceiling_height, flat, room_polygon, surface_material, wall_mesh
from .wall_openings import door_mesh, window_mesh

Floats = NDArray[np.float64]

LAMPS = ("FloorLamp", "DeskLamp")
"""Types that emit light while they are switched on."""
FOREIGN_SIDE, FOREIGN_HEIGHT = 0.6, 2.0
"""Most metres of the box of an object of unknown size; it is as tall as twice the height of its centre."""
HANGS_ABOVE = 0.5
"""Height in metres above which an object that rests on no other hangs on a wall."""


class _Collector:
    """Collects the arrays of all instances and concatenates them once."""

    def __init__(self) -> None:
        self.vertices: list[Floats] = []
        self.normals: list[Floats] = []
        self.uv: list[Floats] = []
        self.faces: list[NDArray[np.int64]] = []
        self.face_material: list[NDArray[np.int64]] = []
        self.face_counts: list[tuple[int, int]] = []
        self.materials: dict[Material, int] = {}
        self.instances: list[Instance] = [VOID]
        self.names: set[str] = set()
        self.lamps: list[tuple[float, float, float]] = []
        self.total = 0

    def material(self, material: Material) -> int:
        return self.materials.setdefault(material, len(self.materials))

    def instance(
        self, name: str, class_id: int, centre: Sequence[float] | Floats, size: Sequence[float] | Floats, yaw: float
    ) -> int:
        unique, number = name, 2
        while unique in self.names:
            unique, number = f"{name}#{number}", number + 1
        self.names.add(unique)
        x, y, z = (float(c) for c in centre)
        w, h, d = (float(s) for s in size)
        self.instances.append(Instance(unique, class_id, (x, y, z), (w, h, d), float(yaw)))
        return len(self.instances) - 1

    def arrays(
        self,
        vertices: Floats,
        normals: Floats,
        uv: Floats,
        faces: NDArray[np.int64],
        face_material: NDArray[np.int64],
        instance: int,
    ) -> None:
        self.vertices.append(vertices)
        self.normals.append(normals)
        self.uv.append(uv)
        self.faces.append(faces + self.total)
        self.face_material.append(face_material)
        self.face_counts.append((instance, len(faces)))
        self.total += len(vertices)

    def mesh(self, mesh: Mesh, instance: int) -> None:
        for part, material in mesh.parts:
            number = np.full(len(part.faces), self.material(material))
            self.arrays(part.vertices, part.normals, part.uv, part.faces, number, instance)


def assemble(house: House, variant: int = 0) -> Scene:
    """See `envs.assembly.building.build_scene`."""
    collector = _Collector()
    areas = _structure(house, collector)
    alone = {id(thing) for thing in house.objects}
    for thing in house.all_objects():
        _object(thing, collector, id(thing) in alone, variant)
    for thing in house.foreign:
        _foreign(thing, collector)
    lights = lights_of(house, areas)
    lights += [lamp_light(at, areas) for at in collector.lamps if not is_listed(at, lights)]
    agent = house.agent
    return Scene(
        **_joined(collector),
        materials=list(collector.materials),
        textures=texture_stack(),
        instances=collector.instances,
        lights=lights,
        rooms=areas,
        start=None if agent is None else (agent.position[0], -agent.position[2], agent.rotation[1]),
        source=house.source,
    )


def _structure(house: House, collector: _Collector) -> list[RoomArea]:
    """Rooms, walls, doors and windows; the rooms' areas."""
    areas = []
    boards = {}
    for room in house.rooms:
        polygon = room_polygon(room)
        areas.append(RoomArea(room.id, room.type, polygon))
        boards[room.id] = baseboard_of(room)
        low, high = polygon.min(0), polygon.max(0)
        top = ceiling_height(house, room)
        for kind, y, material in (("Floor", 0.0, room.floor_material), ("Ceiling", top, house.ceiling_material)):
            centre, size = (low + high) / 2, high - low
            number = collector.instance(
                f"{kind.lower()}|{room.id}", CLASS_ID[kind], (centre[0], y, centre[1]), (size[0], 0.0, size[1]), 0.0
            )
            part = flat(polygon, y, kind == "Floor", house.source)
            collector.mesh(Mesh().add(surface_material(material, kind.lower()), part), number)
        rug = rug_mesh(room, polygon)
        if rug is not None:
            mesh, (x0, z0, x1, z1) = rug
            size = (x1 - x0, RUG, z1 - z0)
            number = collector.instance(
                f"rug|{room.id}", CLASS_ID["Floor"], ((x0 + x1) / 2, RUG / 2, (z0 + z1) / 2), size, 0.0
            )
            collector.mesh(mesh, number)
    panels = wall_panels(house)
    holes = [(opening, cut(panels, opening)) for opening in (*house.doors, *house.windows)]
    for panel in panels.values():
        if panel.wall.empty:
            continue
        middle = (panel.start + panel.end) / 2
        centre = panel.origin + middle * panel.along + OFFSET * panel.facing + (0.0, panel.wall.height / 2, 0.0)
        number = collector.instance(
            panel.wall.id, CLASS_ID["Wall"], centre, (panel.end - panel.start, panel.wall.height, 0.0), panel.yaw
        )
        board = None if panel.wall.exterior else boards.get(panel.wall.room_id)
        collector.mesh(wall_mesh(panel, board), number)
    for opening, hole in holes:
        if hole is None:
            continue
        panel = panels[opening.wall0]
        s0, y0, s1, y1 = hole
        centre = panel.origin + (s0 + s1) / 2 * panel.along + (0.0, (y0 + y1) / 2, 0.0)
        number = collector.instance(
            opening.id, CLASS_ID[opening.kind.capitalize()], centre, (s1 - s0, y1 - y0, 2 * OFFSET), panel.yaw
        )
        make = door_mesh if opening.kind == "door" else window_mesh
        collector.mesh(make(opening, panel, panels.get(opening.wall1), hole, house), number)
    return areas


def _turn(axis: int, degrees: float) -> Floats:
    """Rotation about x, y or z (0, 1, 2), counter-clockwise seen from the positive end."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
    return turn


def _object(thing: HouseObject, collector: _Collector, stands_alone: bool, variant: int) -> None:
    """A piece of furniture, rotated in Unity's order (z, then x, then y) and mirrored into our frame.

    Hanging objects have their back at the wall's line in the house file, which is the wall's surface in Unity; our
    surface is offset into the room, and so are they."""
    entry = asset(thing.asset_id)
    form = model(thing.asset_id, variant)
    tilt = _turn(0, -thing.rotation[0]) @ _turn(2, thing.rotation[2])
    whole = _turn(1, -thing.rotation[1]) @ tilt
    centre = np.array([thing.position[0], thing.position[1], -thing.position[2]])
    if stands_alone and thing.position[1] - entry.size[1] / 2 > HANGS_ABOVE:
        yaw = np.radians(thing.rotation[1])
        centre += OFFSET * np.array([np.sin(yaw), 0.0, -np.cos(yaw)])
    number = collector.instance(
        thing.id, class_of(entry.type), centre, np.abs(tilt) @ np.array(entry.size), thing.rotation[1] % 360.0
    )
    # the furniture faces +z in its own frame, and at yaw 0 it faces -z in ours
    whole = whole * (-1.0, 1.0, -1.0)
    materials = _repainted(thing, form)
    vertices = form.vertices @ whole.T + centre
    if entry.type in LAMPS:
        # a lamp without a state in the file is on, as in Unity
        if thing.is_on is False:
            materials = tuple(replace(m, emission=0.0) for m in materials)
        elif glowing := [i for i, m in enumerate(materials) if m.emission > 0]:
            shade = vertices[form.faces[np.isin(form.face_material, glowing)]].reshape(-1, 3)
            x, y, z = ((shade.min(0) + shade.max(0)) / 2).tolist()
            collector.lamps.append((x, y, z))
    local = np.array([collector.material(m) for m in materials])
    collector.arrays(vertices, form.normals @ whole.T, form.uv, form.faces, local[form.face_material], number)


def _foreign(thing: HouseObject, collector: _Collector) -> None:
    """A grey box of class void about the object's centre, which stands on the floor where it is low enough."""
    x, y, z = thing.position
    side = min(max(2 * y, 0.1), FOREIGN_SIDE)
    size = np.array([side, min(max(2 * y, 0.1), FOREIGN_HEIGHT), side])
    centre = np.array([x, y, -z])
    number = collector.instance(thing.id, 0, centre, size, thing.rotation[1] % 360.0)
    (x0, y0, z0), (x1, y1, z1) = -size / 2, size / 2
    part, turn = box(x0, x1, y0, y1, z0, z1), _turn(1, -thing.rotation[1])
    grey = np.full(len(part.faces), collector.material(Material("foreign", (0.6, 0.6, 0.6))))
    collector.arrays(part.vertices @ turn.T + centre, part.normals @ turn.T, part.uv, part.faces, grey, number)


def _repainted(thing: HouseObject, form: Model) -> tuple[Material, ...]:
    """The model's materials, its main one replaced where the house file names a material or colour for the object."""
    if thing.material is None and thing.colour is None:
        return form.materials
    old = form.materials[form.main]
    if thing.material is not None:
        new = named(thing.material.name, None, thing.material.colour or thing.colour)
    else:
        assert thing.colour is not None
        new = replace(old, rgb=thing.colour)
    return tuple(new if i == form.main else m for i, m in enumerate(form.materials))


def _joined(collector: _Collector) -> dict[str, Any]:
    """The Scene's arrays; triangles that float32 flattens to nothing are left out."""
    vertices = np.concatenate(collector.vertices).astype(np.float32)
    faces = np.concatenate(collector.faces).astype(np.int32)
    owners, counts = np.array(collector.face_counts).T
    instance = np.repeat(owners, counts).astype(np.int32)
    material = np.concatenate(collector.face_material).astype(np.int32)
    corner = vertices[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    keep = area > 1e-9
    normals = np.concatenate(collector.normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return {
        "vertices": vertices,
        "normals": normals.astype(np.float32),
        "uv": np.concatenate(collector.uv).astype(np.float32),
        "faces": np.ascontiguousarray(faces[keep]),
        "face_material": material[keep],
        "face_instance": instance[keep],
    }
