"""Curtains and blinds in windows, and rugs on floors, which house files leave out.

They do not affect the reachable floor: cloth hangs inside a window's frame, and a rug is stepped on. Both depend on the
room and the window alone, so that moving furniture does not change them.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray
from shapely import Polygon
from shapely import box as rectangle
from shapely.ops import polylabel

from ..furniture.palette import FABRICS
from ..furniture.shapes import Mesh, Part, box, quad, unit
from ..house.house import House, Opening, Room
from ..materials.materials import named, shifted
from ..materials.textures import MOTIFS, RUGS, TEXTURE_ID
from ..scene import Material
from .panels import OFFSET, Hole, Panel

FOLD = 0.065
"""Metres from one fold of a curtain to the next."""
FRONT, BACK = OFFSET + 0.013, 0.024
"""Distances from the wall's line between which cloth hangs: before a window's bars and behind its trim."""
RUG = 0.008
"""Thickness of a rug, metres."""
_LIGHT_CLOTHS = ((0.90, 0.87, 0.80), (0.82, 0.80, 0.78), (0.72, 0.78, 0.80), (0.86, 0.78, 0.66), (0.93, 0.92, 0.90))


def _chance(*names: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32("|".join(names).encode()))


def _cloth(room: Room) -> Material:
    """The cloth of a room's windows, plain or printed."""
    rng = _chance("cloth", room.id, room.type, room.floor_material.name)
    colours = (*_LIGHT_CLOTHS, *FABRICS)
    rgb = shifted(colours[rng.integers(len(colours))], room.id)
    if rng.random() < 0.3:
        light = (0.4 + 0.6 * rgb[0], 0.4 + 0.6 * rgb[1], 0.4 + 0.6 * rgb[2])
        return Material("curtain", light, TEXTURE_ID[f"motif {rng.integers(MOTIFS)}"], 0.5)
    return named("curtain fabric", "fabric", rgb)


def _folds(s0: float, s1: float, y0: float, y1: float) -> Part:
    """Cloth in upright folds, seen from the room."""
    count = max(2, round((s1 - s0) / FOLD))
    s = np.linspace(s0, s1, 4 * count + 1)
    phase = 2 * np.pi * count * (s - s0) / (s1 - s0)
    depth = (FRONT - BACK) / 2
    t = (FRONT + BACK) / 2 - depth * np.cos(phase)
    slope = depth * np.sin(phase) * 2 * np.pi * count / (s1 - s0)
    normal = unit(np.stack([-slope, np.zeros_like(s), np.ones_like(s)], 1))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(s), np.diff(t)))])
    n = len(s)
    vertices = np.concatenate([np.stack([s, np.full(n, y), t], 1) for y in (y0, y1)])
    uv = np.concatenate([np.stack([along, np.full(n, y1 - y)], 1) for y in (y0, y1)])
    i = np.arange(n - 1)
    faces = np.concatenate([np.stack([i, i + 1, i + n + 1], 1), np.stack([i, i + n + 1, i + n], 1)])
    return Part(vertices, np.tile(normal, (2, 1)), uv, faces)


def window_dressing(opening: Opening, panel: Panel, hole: Hole, bar: float, house: House) -> Mesh:
    """Curtains at both sides of a window, or a blind at its top, or nothing, at random by its room; in the panel's
    frame. `bar` is the width of the window's frame in the hole."""
    room = next((r for r in house.rooms if r.id == opening.room0), None)
    mesh = Mesh()
    s0, y0, s1, y1 = hole[0] + bar, hole[1] + bar, hole[2] - bar, hole[3] - bar
    if room is None or panel.wall.exterior or s1 - s0 < 0.3 or y1 - y0 < 0.3:
        return mesh
    rng = _chance("window", opening.id, room.type)
    kind = rng.random()
    homely = room.type in ("Bedroom", "LivingRoom")
    if homely and kind < 0.6:
        rod = named("curtain rod", "metal", (0.42, 0.38, 0.33))
        wide = rng.uniform(0.15, 0.24) * (s1 - s0)
        mesh.add(rod, box(s0, s1, y1 - 0.035, y1 - 0.015, BACK, FRONT))
        mesh.add(_cloth(room), _folds(s0, s0 + wide, y0 + 0.01, y1 - 0.02), _folds(s1 - wide, s1, y0 + 0.01, y1 - 0.02))
    elif kind < 0.8:
        low = y1 - rng.uniform(0.15, 0.4) * (y1 - y0)
        size = s1 - s0, y1 - low
        uv = [(0, size[1]), (size[0], size[1]), (size[0], 0), (0, 0)]
        mesh.add(_cloth(room), quad([(s0, low, FRONT), (s1, low, FRONT), (s1, y1, FRONT), (s0, y1, FRONT)], uv))
        mesh.add(named("blind bar", "porcelain", (0.90, 0.89, 0.86)), box(s0, s1, low - 0.02, low, BACK, FRONT))
    return mesh


def rug_mesh(room: Room, polygon: NDArray[np.float64]) -> tuple[Mesh, tuple[float, float, float, float]] | None:
    """A rug in the widest part of a living room or a bedroom, with its bounds (x0, z0, x1, z1), or None.

    polygon: the room's corners in our frame, (K, 2) x, z."""
    rng = _chance("rug", room.id, room.type, room.floor_material.name)
    if room.type not in ("Bedroom", "LivingRoom") or rng.random() < 0.25:
        return None
    plan = Polygon(polygon)
    if not plan.is_valid:
        return None
    middle = polylabel(plan, 0.05)
    inner = plan.buffer(-0.35)
    low, high = polygon.min(0), polygon.max(0)
    along_x = high[0] - low[0] >= high[1] - low[1]
    for length in np.arange(3.0, 1.0, -0.2):
        a, b = length / 2, length * 0.33
        half = (a, b) if along_x else (b, a)
        if inner.contains(rectangle(middle.x - half[0], middle.y - half[1], middle.x + half[0], middle.y + half[1])):
            break
    else:
        return None
    x0, x1, z0, z1 = middle.x - half[0], middle.x + half[0], middle.y - half[1], middle.y + half[1]
    number = int(rng.integers(RUGS))
    pattern = Material("rug", (1.0, 1.0, 1.0), TEXTURE_ID[f"rug {number}"], 1.0)
    rim = 0.5 / 128
    uv = [(rim, 1 - rim), (1 - rim, 1 - rim), (1 - rim, rim), (rim, rim)]
    corners = [(x0, RUG, z1), (x1, RUG, z1), (x1, RUG, z0), (x0, RUG, z0)]
    if not along_x:
        uv = [*uv[1:], uv[0]]
    edge = box(x0, x1, 0.001, RUG - 0.0005, z0, z1)
    mesh = Mesh().add(pattern, quad(corners, uv)).add(named("rug edge", "carpet", (0.42, 0.36, 0.31)), edge)
    return mesh, (x0, z0, x1, z1)
