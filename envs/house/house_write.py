"""From `House` to ProcTHOR's JSON (schema 1.0.0): the inverse of `house_json`."""

from __future__ import annotations

import copy
from typing import Any

from .house import SCHEMA, AgentPose, Colour, House, HouseObject, Light, Material, Opening, Room, Wall


def _xyz(x: float, y: float, z: float) -> dict[str, float]:
    return {"x": x, "y": y, "z": z}


def _rgb(colour: Colour | None) -> dict[str, float] | None:
    return None if colour is None else dict(zip("rgb", colour, strict=True))


def _present(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _material_json(material: Material | None) -> dict[str, Any] | None:
    if material is None:
        return None
    return {**_present(name=material.name, color=_rgb(material.colour)), **material.other}


def _room_json(room: Room) -> dict[str, Any]:
    outline = [_xyz(x, 0, z) for x, z in room.polygon]
    floor = _material_json(room.floor_material)
    return {
        **_present(id=room.id, roomType=room.type, floorPolygon=outline, floorMaterial=floor, layer=room.layer),
        **room.other,
    }


def _wall_json(wall: Wall) -> dict[str, Any]:
    top = wall.bottom + wall.height
    low, high = ([_xyz(p[0], y, p[1]) for p in (wall.p0, wall.p1)] for y in (wall.bottom, top))
    polygon = high + low if wall.exterior else low + high
    material, empty = _material_json(wall.material), True if wall.empty else None
    return {
        **_present(id=wall.id, roomId=wall.room_id, polygon=polygon, material=material, empty=empty, layer=wall.layer),
        **wall.other,
    }


def _opening_json(opening: Opening) -> dict[str, Any]:
    x0, y0, x1, y1 = opening.written_hole or opening.hole
    members = _present(
        id=opening.id,
        room0=opening.room0,
        room1=opening.room1,
        wall0=opening.wall0,
        wall1=opening.wall1,
        assetId=opening.asset_id,
        assetPosition=_xyz(*opening.position),
        holePolygon=[_xyz(x0, y0, 0), _xyz(x1, y1, 0)],
        openable=opening.openable,
        openness=opening.openness,
    )
    return {**members, **opening.other}


def _object_json(item: HouseObject) -> dict[str, Any]:
    members = _present(
        id=item.id,
        assetId=item.asset_id,
        position=_xyz(*item.position),
        rotation=_xyz(*item.rotation),
        kinematic=item.kinematic,
        children=[_object_json(child) for child in item.children] or None,
        openness=item.openness,
        isOn=item.is_on,
        isDirty=item.is_dirty,
        color=_rgb(item.colour),
        material=_material_json(item.material),
        layer=item.layer,
    )
    return {**members, **item.other}


def _light_json(light: Light) -> dict[str, Any]:
    members = _present(
        id=light.id,
        type=light.kind,
        position=_xyz(*light.position),
        rotation=None if light.rotation is None else _xyz(*light.rotation),
        intensity=light.intensity,
        range=light.range,
        rgb=_rgb(light.rgb),
        layer=light.layer,
    )
    return {**members, **light.other}


def _agent_json(agent: AgentPose | None) -> dict[str, Any] | None:
    if agent is None:
        return None
    return {
        "position": _xyz(*agent.position),
        "rotation": _xyz(*agent.rotation),
        "horizon": agent.horizon,
        "standing": agent.standing,
        **agent.other,
    }


def house_to_json(house: House) -> dict[str, Any]:
    """The house as a JSON document of schema 1.0.0: with every value that `parse_house` read."""
    document = {
        "rooms": [_room_json(room) for room in house.rooms],
        "walls": [_wall_json(wall) for wall in house.walls],
        "doors": [_opening_json(door) for door in house.doors],
        "windows": [_opening_json(window) for window in house.windows],
        "objects": [_object_json(item) for item in (*house.objects, *house.foreign)],
        "proceduralParameters": {
            "lights": [_light_json(light) for light in house.lights],
            "ceilingMaterial": _material_json(house.ceiling_material),
            "skyboxId": house.skybox,
            **house.parameters,
        },
        "metadata": {**_present(schema=SCHEMA, agent=_agent_json(house.agent)), **house.metadata},
        **house.other,
    }
    return copy.deepcopy(document)
