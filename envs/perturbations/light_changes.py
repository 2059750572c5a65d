"""Other light: the sun at another time of day, lamps of another colour and power, lamps that are off.

Every light has a target, drawn from the seed; strength interpolates towards it (the sun along a great circle,
colours and powers linearly), and lamps are off above a threshold drawn for each.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..house.assets import asset, table
from ..house.house import Colour, House, HouseObject, Light, Vector

SUNS: dict[str, tuple[tuple[float, float], Colour, float]] = {
    "Midday": ((50.0, 80.0), (1.0, 1.0, 1.0), 1.0),
    "GoldenHour": ((6.0, 25.0), (1.0, 0.694, 0.78), 0.8),
    "BlueHour": ((30.0, 60.0), (0.638, 0.843, 1.0), 0.35),
}
"""By time of day: range of the sun's height in degrees, its colour and its power; colours as ProcTHOR sets them."""
LEAST_TURN = 50.0
"""Least angle between the sun's direction and its target, in degrees, if one can be drawn."""
DIM, BRIGHT = (0.15, 0.5), (1.3, 1.7)
"""Target powers of a lamp, as multiples of its power."""
WARM, COOL = (1.0, 0.72, 0.42), (0.80, 0.90, 1.0)
"""Target colours of lamps: a candle-like bulb and an office tube."""
FARTHEST = 0.95
"""Largest relative change of a light to its target, so that being off (1) is the greatest change."""
OFF = (0.3, 1.2)
"""Range of the random strength above which a lamp is off; above 1, never. One lamp stays on."""
LAMPS = ("FloorLamp", "DeskLamp")


def change_lighting(house: House, strength: float, rng: np.random.Generator) -> House:
    """The house in other light; nothing else is changed."""
    time = list(SUNS)[int(rng.integers(len(SUNS)))]
    warmer = rng.random() < 0.5
    points = [light for light in house.lights if light.kind != "directional"]
    always_on = int(rng.integers(max(len(points), 1)))
    lights, number = [], 0
    for light in house.lights:
        if light.kind == "directional":
            lights.append(_sun(light, time, strength, rng))
            continue
        target, off_from = _lamp_target(light, warmer, rng), rng.uniform(*OFF)
        off = strength >= off_from and number != always_on
        lights.append(replace(light, intensity=0.0) if off else _towards(light, *target, strength))
        number += 1
    skies = [name for name, sky in table("skyboxes").items() if sky["timeOfDay"] == time]
    sky = skies[int(rng.integers(len(skies)))]
    standing = tuple(_switched(thing, strength, rng) for thing in house.objects)
    return replace(house, lights=tuple(lights), skybox=sky if strength >= 0.5 else house.skybox, objects=standing)


def _towards(light: Light, power: float, rgb: Colour, strength: float) -> Light:
    r, g, b = ((1 - strength) * old + strength * new for old, new in zip(light.rgb, rgb, strict=True))
    return replace(light, intensity=(1 - strength) * light.intensity + strength * power, rgb=(r, g, b))


def _lamp_target(light: Light, warmer: bool, rng: np.random.Generator) -> tuple[float, Colour]:
    tint, share = np.array(WARM if warmer else COOL), rng.uniform(0.5, 1.0)
    power = light.intensity * rng.uniform(*(DIM if rng.random() < 0.6 else BRIGHT))
    old = np.array(light.rgb)
    rgb = (1 - share) * old + share * tint * max(old.max(), 1e-6)
    while np.linalg.norm(power * rgb - light.intensity * old) > FARTHEST * light.intensity * np.linalg.norm(old):
        power = (power + light.intensity) / 2
        rgb = (rgb + old) / 2
    return float(power), (float(rgb[0]), float(rgb[1]), float(rgb[2]))


def direction_of(rotation: Vector) -> NDArray[np.float64]:
    """Unit vector along which the light travels, in the house file's frame."""
    pitch, yaw = np.radians(rotation[:2])
    return np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])


def _sun(light: Light, time: str, strength: float, rng: np.random.Generator) -> Light:
    heights, rgb, power = SUNS[time]
    start = direction_of(light.rotation or (90.0, 0.0, 0.0))
    draws = [(rng.uniform(*heights), rng.uniform(0.0, 360.0), 0.0) for _ in range(8)]
    angles = [float(np.degrees(np.arccos(np.clip(start @ direction_of(draw), -1, 1)))) for draw in draws]
    chosen = next((k for k, angle in enumerate(angles) if angle >= LEAST_TURN), int(np.argmax(angles)))
    end, angle = direction_of(draws[chosen]), np.radians(angles[chosen])
    moved = _towards(light, power, rgb, strength)
    if np.sin(angle) < 1e-6:
        return moved
    now = (np.sin((1 - strength) * angle) * start + np.sin(strength * angle) * end) / np.sin(angle)
    pitch, yaw = np.degrees(np.arcsin(-now[1])), np.degrees(np.arctan2(now[0], now[2])) % 360
    return replace(moved, rotation=(float(pitch), float(yaw), 0.0))


def _switched(thing: HouseObject, strength: float, rng: np.random.Generator) -> HouseObject:
    """Floor and desk lamps, off above a random strength."""
    children = tuple(_switched(child, strength, rng) for child in thing.children)
    if any(new is not old for new, old in zip(children, thing.children, strict=True)):
        thing = replace(thing, children=children)
    if asset(thing.asset_id).type in LAMPS and strength >= rng.uniform(*OFF) and thing.is_on is not False:
        return replace(thing, is_on=False)
    return thing
