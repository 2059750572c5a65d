"""Lamps, sun and sky, light layers, and materials of walls, floors and ceilings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..house.assets import table
from ..house.house import Light, Material
from .floorplan import OUTDOORS, FloorPlan
from .space import RoomSpace

LAYERS = ("Procedural0", "Procedural1", "Procedural2", "Procedural3")
_SOLID = 0.55
"""Probability that a wall or ceiling has one plain colour."""
_SUN = {
    "Midday": ((66.0, 75.0, 0.0), (1.0, 1.0, 1.0), 1.0),
    "GoldenHour": ((6.0, -166.0, 0.0), (1.0, 0.694, 0.78), 1.0),
    "BlueHour": ((82.0, -30.0, 0.0), (0.638, 0.843, 1.0), 0.5),
}
"""Rotation, colour and intensity of the sun by time of day, as ProcTHOR sets them."""
_LAMP = (1.0, 0.855, 0.722)


def wall_material(rng: np.random.Generator) -> Material:
    """A material for a room's walls, for a facade or for ceilings."""
    if rng.random() < _SOLID:
        colours = table("solid-wall-colors")
        colour = colours[int(rng.integers(len(colours)))]
        return Material("PureWhite", (colour["r"], colour["g"], colour["b"]))
    names = table("material-database")["Wall"]
    return Material(names[int(rng.integers(len(names)))])


def floor_material(rng: np.random.Generator) -> Material:
    """A material for a room's floor."""
    names = table("material-database")["Wood"]
    return Material(names[int(rng.integers(len(names)))])


def light_layers(plan: FloorPlan) -> list[str]:
    """A light layer for each room, different from its neighbours' as far as four layers allow: light stays in its
    room."""
    chosen: list[int] = []
    for room, ring in enumerate(plan.rings):
        neighbours = {chosen[p.neighbour] for p in ring if p.neighbour != OUTDOORS and p.neighbour < room}
        free = [layer for layer in range(len(LAYERS)) if layer not in neighbours]
        chosen.append(free[0] if free else room % len(LAYERS))
    return [LAYERS[layer] for layer in chosen]


def _shadow(bias: float) -> dict[str, Any]:
    return {
        "type": "Soft", "strength": 1, "normalBias": 0, "bias": bias, "nearPlane": 0.2,
        "resolution": "FromQualitySettings",
    }  # fmt: skip


def make_lights(
    spaces: list[RoomSpace], ids: list[int], layers: list[str], height: float, rng: np.random.Generator
) -> tuple[str, tuple[Light, ...]]:
    """The sky, and its sun with a lamp for each room, 0.2 m under the ceiling."""
    skies = table("skyboxes")
    sky = list(skies)[int(rng.integers(len(skies)))]
    turn, rgb, strength = _SUN[skies[sky]["timeOfDay"]]
    sun = Light(
        id="DirectionalLight", kind="directional", position=(0.84, 0.1855, -1.09), rotation=turn, intensity=strength,
        range=None, rgb=rgb, other={"shadow": _shadow(0.0), "indirectMultiplier": 1.0},
    )  # fmt: skip
    intensity = 0.45 if rng.random() < 0.64 else 0.75
    lamps = []
    for space, number, layer in zip(spaces, ids, layers, strict=True):
        x, z = space.centre()
        others = [name for name in LAYERS if name != layer]
        lamps.append(
            Light(
                id=f"light_{number}", kind="point", position=(x, height - 0.2, z), rotation=None, intensity=intensity,
                range=15.0, rgb=_LAMP, layer=layer, other={"shadow": _shadow(0.05), "cullingMaskOff": others},
            )
        )  # fmt: skip
    return sky, (sun, *lamps)
