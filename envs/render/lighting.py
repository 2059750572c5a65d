"""Tables of a Scene's lights for the kernels: lamps for each square of the floor plan, sun, windows, ambient light."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..house.classes import CLASS_ID

if TYPE_CHECKING:
    from ..scene import Scene

SQUARE = 0.2
"""Side of the squares of the floor plan for which lamps are chosen, in metres."""
LAMPS = 2
"""Lamps that can light one pixel."""
EXPOSURE = 1.0
"""Factor of linear light before it is encoded."""
AMBIENT_BELOW, AMBIENT_ABOVE = (0.36, 0.34, 0.31), (0.40, 0.40, 0.40)
"""Linear light on surfaces that face down and up, in a lit house: replaces all indirect light."""
LAMP_GAIN, SUN_GAIN = 2.2, 3.0
"""Factors from a house file's intensities (Unity's gamma-like units) to linear light."""

Occluded = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.bool_]]
"""Whether each of n segments, origin (n, 3) and vector (n, 3), is blocked."""


def lamp_table(scene: Scene) -> NDArray[np.float32]:
    """float32 (L, 8) of the scene's point lights: position, linear rgb, 1 / range^2, unused."""
    from ..scene import PointLight

    lamps = [light for light in scene.lights if isinstance(light, PointLight)]
    rows = [(*lamp.position, *(LAMP_GAIN * c for c in lamp.rgb), 1 / max(lamp.range, 1e-3) ** 2, 0.0) for lamp in lamps]
    return np.array(rows, np.float32).reshape(-1, 8)


def sun_table(scene: Scene) -> NDArray[np.float32]:
    """float32 (S, 6) of the scene's directional lights: unit vector towards the light, linear rgb."""
    from ..scene import DirectionalLight

    rows = [
        (*-np.asarray(light.direction), *(SUN_GAIN * c for c in light.rgb))
        for light in scene.lights
        if isinstance(light, DirectionalLight)
    ]
    return np.array(rows, np.float32).reshape(-1, 6)


def opening_table(scene: Scene) -> NDArray[np.float32]:
    """float32 (O, 8) boxes of the windows, a little enlarged: centre, half sides, cosine and sine of yaw."""
    rows = []
    for instance in scene.instances:
        if instance.class_id == CLASS_ID["Window"]:
            yaw = np.radians(instance.yaw)
            half = np.asarray(instance.size) / 2 + 0.05
            rows.append((*instance.center, *half, np.cos(yaw), np.sin(yaw)))
    return np.array(rows, np.float32).reshape(-1, 8)


def lamp_grid(
    scene: Scene, lamps: NDArray[np.float32], occluded: Occluded
) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """For each square of the plan, the LAMPS lamps that light it most, of those that can be seen from in or near it.

    Returns the grid, int16 (nz, nx, LAMPS) with -1 for none, and its frame, float32 (x0, z0, side). Visibility is
    tested from five heights in every square and its neighbours; the pixels' shadow rays then decide exactly.
    """
    if not len(scene.vertices) or not len(lamps):
        return np.full((1, 1, LAMPS), -1, np.int16), np.array([0.0, 0.0, SQUARE], np.float32)
    low, high = scene.vertices.min(axis=0), scene.vertices.max(axis=0)
    side = max(SQUARE, float(max(high[0] - low[0], high[2] - low[2])) / 256)
    nx, nz = (int(np.ceil((high[axis] - low[axis]) / side)) + 1 for axis in (0, 2))
    z, x = np.meshgrid(low[2] + (np.arange(nz) + 0.5) * side, low[0] + (np.arange(nx) + 0.5) * side, indexing="ij")
    heights = low[1] + (high[1] - low[1]) * np.array([0.05, 0.25, 0.45, 0.7, 0.92])
    strength = np.zeros((len(lamps), nz, nx))
    for number, lamp in enumerate(lamps):
        seen = np.zeros((nz, nx), np.bool_)
        square = (x - lamp[0]) ** 2 + (z - lamp[2]) ** 2
        for height in heights:
            points = np.stack([x.ravel(), np.full(x.size, height), z.ravel()], axis=1)
            origins = np.broadcast_to(lamp[:3], points.shape)
            hidden = occluded(origins.astype(np.float32), (points - origins).astype(np.float32))
            seen |= ~hidden.reshape(nz, nx)
        seen = ndimage.binary_dilation(seen, np.ones((3, 3)), iterations=2)
        strength[number] = seen * lamp[3:6].sum() * np.maximum(1 - square * lamp[6], 0) / (1 + 25 * square * lamp[6])
    grid = np.full((nz, nx, LAMPS), -1, np.int16)
    order = np.argsort(-strength, axis=0, kind="stable")[:LAMPS]
    for place, number in enumerate(order):
        lit = np.take_along_axis(strength, number[None], axis=0)[0] > 0
        grid[..., place] = np.where(lit, number, -1)
    return grid, np.array([low[0], low[2], side], np.float32)


def ambient_table() -> NDArray[np.float32]:
    """float32 (2, 3): linear ambient light on surfaces that face down and up."""
    return np.array([AMBIENT_BELOW, AMBIENT_ABOVE], np.float32)


def shadow_faces(scene: Scene) -> NDArray[Any]:
    """bool (F,): the faces that cast shadows; glass and emitters (shades, screens) do not."""
    clear = np.array([material.emission > 0 or material.opacity < 1 for material in scene.materials])
    if not len(clear):
        return np.zeros(len(scene.faces), np.bool_)
    return ~clear[scene.face_material]
