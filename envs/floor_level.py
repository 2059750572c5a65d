"""Where the floor of a scene without rooms is: its level, the triangles that form it, and its storeys."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .house.classes import CLASS_ID
from .scene import Scene

LAYER = 0.05
"""Height of a layer, in metres; a floor spans two at most."""
LEVEL = 0.7
"""Least vertical component of the normal of a walkable surface."""
LARGE = 0.3
"""Least area of a floor as a share of the largest layer's."""
SLAB = 0.5
"""Metres below a floor within which surfaces that face down are its underside."""
STOREY = 2.0
"""Least metres from one floor to the next, and from a floor to the highest point of the scene."""


@dataclass(frozen=True)
class FloorLevel:
    """A large layer of level triangles: the one of the scene's storey."""

    level: float
    """Height (y), in metres."""
    faces: NDArray[np.bool_]
    """(F,): triangles that may be floor, at any height."""
    at_level: NDArray[np.bool_]
    """(F,): those of `faces` at `level`."""
    storeys: tuple[float, ...]
    """Heights (y) of the floors, upwards, in metres."""


def floor_level(scene: Scene) -> FloorLevel | None:
    """The floor of a scene's storey (`Scene.storey`; the highest where it has fewer); None if it has no level triangle.

    It is a large layer of triangles that face up; the first of them is the lowest storey.
    Triangles labelled Floor come before all others. Winding may be wrong: a large layer that faces down, with nothing
    that faces up within SLAB above it, is a floor that is wound the other way round. Table tops are too small.
    """
    corners = scene.vertices[scene.faces].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    flat = np.abs(cross[:, 1]) > 2 * LEVEL * area
    labelled = scene.face_class == CLASS_ID["Floor"]
    if (flat & labelled).any():
        flat &= labelled
    if not flat.any():
        return None
    heights = corners[..., 1].mean(axis=1)
    lowest = float(heights[flat].min())
    layers = np.where(flat, np.minimum((heights - lowest) / LAYER, 1e6), 0).astype(np.int64)
    upward = flat & (cross[:, 1] > 0)
    above, below = (_shares(layers[faces], area[faces], int(layers.max()) + 2) for faces in (upward, flat & ~upward))
    most = above.max() or below.max()
    large = above >= LARGE * most
    slab = int(SLAB / LAYER)
    reversed_floor = [
        layer for layer in np.flatnonzero(below >= max(LARGE * most, 1e-12)) if not large[layer : layer + slab].any()
    ]
    layer = int(np.argmax(large)) if above.max() else len(large)
    if reversed_floor and (not above.max() or reversed_floor[0] + STOREY / LAYER / 2 < layer):
        faces, layer = flat & ~upward, int(reversed_floor[0])
        large = below >= LARGE * below.max()
    else:
        faces = upward

    def near(number: int) -> NDArray[np.bool_]:
        return faces & ((layers == number) | (layers == number + 1))

    def height_of(number: int) -> float:
        return float(np.average(heights[near(number)], weights=area[near(number)]))

    top, chosen, storeys = float(corners[..., 1].max()), [layer], [height_of(layer)]
    for number in np.flatnonzero(large).tolist():
        height = height_of(number)
        if height >= storeys[-1] + STOREY and top >= height + STOREY:
            chosen.append(number)
            storeys.append(height)
    storey = min(scene.storey, len(storeys) - 1)
    return FloorLevel(storeys[storey], faces, near(chosen[storey]), tuple(storeys))


def on_floor(scene: Scene) -> tuple[Scene, tuple[float, ...]]:
    """The scene moved so that the floor of its storey is at y = 0, and the heights of all storeys, in metres, by then.

    A scene whose floor is within LAYER of 0, or which has none, is returned as it is.
    """
    floor = floor_level(scene)
    if floor is None:
        return scene, ()
    storeys = tuple(height - floor.level for height in floor.storeys)
    if abs(floor.level) <= LAYER:
        return scene, storeys
    instances = [
        one if number == 0 else replace(one, center=(one.center[0], one.center[1] - floor.level, one.center[2]))
        for number, one in enumerate(scene.instances)
    ]
    moved = scene.vertices - np.array([0, floor.level, 0], np.float32)
    return replace(scene, vertices=moved, instances=instances), storeys


def _shares(layers: NDArray[np.int64], area: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Area of each layer and the next one."""
    share = np.bincount(layers, area, minlength=count)
    return share + np.append(share[1:], 0.0)
