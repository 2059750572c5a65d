"""Other materials: repainted or repapered walls, new floors, furniture in another material of its group.

Strength is the share of the surfaces that change: at one seed, the first of a fixed order.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np

from ..house.assets import asset, table
from ..house.house import House, HouseObject, Material

PLAIN = 0.4
"""Probability that a wall gets a plain colour, as in ProcTHOR."""
GROUPS = ("ArmChair", "Bed", "Chair", "Desk", "DiningTable", "Dresser", "Fabric", "Metal", "Plastic", "ShelvingUnit",
          "SideTable", "Sofa", "Wood")  # fmt: skip
"""Groups of the material database within which furniture changes; narrow groups take precedence."""


@cache
def _group_of() -> dict[str, str]:
    names: dict[str, str] = {}
    for group in GROUPS:
        for name in table("material-database")[group]:
            names.setdefault(name, group)
    return names


def change_materials(house: House, strength: float, rng: np.random.Generator) -> House:
    """The house with other materials on its rooms' walls, floors, ceilings and furniture; nothing else is changed."""
    surfaces = [("walls", room.id) for room in house.rooms] + [("floor", room.id) for room in house.rooms]
    surfaces.append(("ceiling", ""))
    surfaces += [("object", str(index)) for index, thing in enumerate(house.objects) if _paintable(thing)]
    new: dict[tuple[str, str], Material] = {}
    for place in rng.permutation(len(surfaces))[: math.ceil(strength * len(surfaces))].tolist():
        surface = surfaces[place]
        new[surface] = _draw(house, surface, rng)
    walls = tuple(
        replace(wall, material=new.get(("walls", wall.room_id), wall.material))
        if not wall.exterior and ("walls", wall.room_id) in new
        else wall
        for wall in house.walls
    )
    rooms = tuple(
        replace(room, floor_material=new["floor", room.id]) if ("floor", room.id) in new else room
        for room in house.rooms
    )
    objects = tuple(
        replace(thing, material=new["object", str(index)]) if ("object", str(index)) in new else thing
        for index, thing in enumerate(house.objects)
    )
    ceiling = new.get(("ceiling", ""), house.ceiling_material)
    return replace(house, walls=walls, rooms=rooms, objects=objects, ceiling_material=ceiling)


def _paintable(thing: HouseObject) -> bool:
    return any(name in _group_of() for name in asset(thing.asset_id).materials)


def _draw(house: House, surface: tuple[str, str], rng: np.random.Generator) -> Material:
    """Another material than the surface has."""
    kind, key = surface
    if kind == "object":
        thing = house.objects[int(key)]
        own = next(name for name in asset(thing.asset_id).materials if name in _group_of())
        return _other(table("material-database")[_group_of()[own]], thing.material.name if thing.material else own, rng)
    if kind == "floor":
        room = next(room for room in house.rooms if room.id == key)
        return _other(table("material-database")["Wood"], room.floor_material.name, rng)
    if kind == "ceiling":
        old = house.ceiling_material
    else:
        old = next((wall.material for wall in house.walls if wall.room_id == key and not wall.exterior), Material(""))
    if rng.random() < PLAIN:
        colours = [(c["r"], c["g"], c["b"]) for c in table("solid-wall-colors")]
        colours = [colour for colour in colours if colour != old.colour]
        return Material("PureWhite", colours[int(rng.integers(len(colours)))])
    return _other(table("material-database")["Wall"], old.name, rng)


def _other(names: list[str], old: str, rng: np.random.Generator) -> Material:
    names = [name for name in names if name != old]
    return Material(names[int(rng.integers(len(names)))])
