"""Measures of how much two states of one house differ, for tests and reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..house.house import House, Light
from .light_changes import direction_of


@dataclass(frozen=True)
class Effect:
    """Measured difference of two houses with the same layout."""

    light: float
    """Mean over the lights of the change of their colour times power, relative to what it was: 1 is a lamp switched
    off."""
    sun: float
    """Angle between the sun's directions, in degrees."""
    displacement: float
    """Mean displacement in metres, over the objects of the house before (0 for removed ones)."""
    moved: float
    """Share of those objects that were removed or moved by more than 1 cm."""
    added: int
    """Number of added objects."""
    surfaces: float
    """Share of floors, walls, ceilings and furniture with another material."""


def effect(before: House, after: House) -> Effect:
    """The difference between a house before and after a change."""
    pairs = list(zip(before.lights, after.lights, strict=True))
    places = {thing.id: thing.position for thing in after.all_objects()}
    things = before.all_objects()
    away = [math.dist(thing.position, places.get(thing.id, thing.position)) for thing in things]
    removed = [thing.id not in places for thing in things]
    held = {thing.id for thing in things}
    looks = [(old.floor_material, new.floor_material) for old, new in zip(before.rooms, after.rooms, strict=True)]
    looks += [(old.material, new.material) for old, new in zip(before.walls, after.walls, strict=True)]
    looks.append((before.ceiling_material, after.ceiling_material))
    made = {thing.id: thing.material for thing in after.all_objects()}
    of_things = [thing.material != made.get(thing.id, thing.material) for thing in things]
    return Effect(
        light=float(np.mean([_light(*pair) for pair in pairs])) if pairs else 0.0,
        sun=max((_turn(*pair) for pair in pairs if pair[0].kind == "directional"), default=0.0),
        displacement=float(np.mean(away)) if away else 0.0,
        moved=float(np.mean([g or d > 0.01 for g, d in zip(removed, away, strict=True)])) if away else 0.0,
        added=sum(name not in held for name in places),
        surfaces=float(np.mean([old != new for old, new in looks] + of_things)),
    )


def _light(old: Light, new: Light) -> float:
    was, now = np.array(old.rgb) * old.intensity, np.array(new.rgb) * new.intensity
    return float(np.linalg.norm(now - was) / max(float(np.linalg.norm(was)), 1e-9))


def _turn(old: Light, new: Light) -> float:
    a, b = (direction_of(light.rotation or (90.0, 0.0, 0.0)) for light in (old, new))
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))
