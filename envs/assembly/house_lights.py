"""Lamps and the sun of a house file, in our frame and in linear light."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..house.house import House
from ..scene import DirectionalLight, PointLight, RoomArea

DEFAULT_RANGE = 15.0
"""Range of a lamp in metres if the file has none; ProcTHOR's value."""

LAMP = ((1.0, 0.86, 0.68), 0.3, 4.0)
"""Colour (sRGB), intensity and range in metres of a floor or desk lamp."""
SAME = 0.5
"""Distance in metres within which a light in the file belongs to a lamp."""


def linear(srgb: Sequence[float]) -> NDArray[np.float64]:
    """Linear light of sRGB values (IEC 61966-2-1)."""
    value = np.clip(np.asarray(srgb, np.float64), 0.0, None)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def inside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool (N,): whether points (N, 2) x, z lie in the polygon (even-odd rule)."""
    x0, z0 = polygon.T
    x1, z1 = np.roll(polygon, -1, 0).T
    x, z = points[:, :1], points[:, 1:]
    crosses = (z0 > z) != (z1 > z)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x0 + (z - z0) / (z1 - z0) * (x1 - x0)
    return np.count_nonzero(crosses & (x < at), axis=1) % 2 == 1


def _room_at(x: float, z: float, areas: Sequence[RoomArea]) -> str | None:
    return next((area.id for area in areas if inside(np.array([[x, z]]), area.polygon)[0]), None)


def lights_of(house: House, areas: Sequence[RoomArea]) -> list[PointLight | DirectionalLight]:
    """The lights in the file's order; kinds other than point and directional are left out."""
    lamps: list[PointLight | DirectionalLight] = []
    for light in house.lights:
        r, g, b = (float(c) for c in linear(light.rgb) * light.intensity)
        if light.kind == "directional":
            pitch, yaw = np.radians((light.rotation or (90.0, 0.0, 0.0))[:2])
            lamps.append(
                DirectionalLight(
                    (float(np.sin(yaw) * np.cos(pitch)), float(-np.sin(pitch)), float(-np.cos(yaw) * np.cos(pitch))),
                    (r, g, b),
                )
            )
        elif light.kind == "point":
            x, y, z = light.position[0], light.position[1], -light.position[2]
            reach = DEFAULT_RANGE if light.range is None else light.range
            lamps.append(PointLight((x, y, z), (r, g, b), reach, _room_at(x, z, areas)))
    return lamps


def is_listed(at: tuple[float, float, float], lights: Sequence[PointLight | DirectionalLight]) -> bool:
    """Whether the lights already include one at a lamp's shade."""
    return any(
        isinstance(light, PointLight) and np.hypot.reduce(np.subtract(light.position, at)) < SAME for light in lights
    )


def lamp_light(at: tuple[float, float, float], areas: Sequence[RoomArea]) -> PointLight:
    """The light of a lamp with its shade at `at`."""
    rgb, intensity, reach = LAMP
    r, g, b = (float(c) for c in linear(rgb) * intensity)
    return PointLight(at, (r, g, b), reach, _room_at(at[0], at[2], areas))
