"""Doors and windows: linings that close the wall's thickness, trim, leaves and panes."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..furniture.shapes import Mesh, Part, ball, box, join, quad
from ..house.assets import asset
from ..house.house import House, Opening
from ..materials.materials import named
from ..scene import Material
from .dressing import window_dressing
from .house_lights import inside
from .panels import OFFSET, Hole, Panel
from .structure import TRIM_WIDTH, room_polygon

LINING = 0.03
"""Metres by which a door's lining narrows its hole on each side."""
LEAF = 0.04
"""Thickness of a door's leaf, metres."""
PROUD = 0.015
"""Thickness of trim on the wall, metres."""
PAST = 0.45
"""Metres beyond the tip of an open leaf that should be free to walk around it."""
PASSAGE = 0.7
"""Metres before and behind a door that the leaves of other doors keep free if possible."""

_LEAVES = (
    named("door white", "porcelain", (0.91, 0.90, 0.86)),
    named("door oak", "wood", (0.66, 0.46, 0.27)),
    named("door walnut", "wood", (0.38, 0.24, 0.15)),
    named("door pine", "wood", (0.80, 0.61, 0.38)),
    named("door grey", "porcelain", (0.55, 0.58, 0.60)),
    named("door green", "porcelain", (0.33, 0.45, 0.40)),
)
_OUTER = (
    named("door red", "porcelain", (0.58, 0.18, 0.15)),
    named("door blue", "porcelain", (0.22, 0.33, 0.47)),
    named("door walnut", "wood", (0.38, 0.24, 0.15)),
)
_WHITE = named("frame white", "porcelain", (0.93, 0.92, 0.90))
_PANE = Material("window glass", (0.72, 0.80, 0.83), opacity=0.10)
_HANDLE = named("door handle", "metal", (0.72, 0.70, 0.64))


def _seed(asset_id: str) -> int:
    return zlib.crc32(asset_id.encode())


def _lining(hole: Hole, width: float, depth: float, sill: bool) -> list[Part]:
    """Boards around the inside of a hole, from one face of the wall to the other and `depth` beyond."""
    s0, y0, s1, y1 = hole
    t = OFFSET + depth
    parts = [
        box(s0, s0 + width, y0, y1, -t, t),
        box(s1 - width, s1, y0, y1, -t, t),
        box(s0 + width, s1 - width, y1 - width, y1, -t, t),
    ]
    return [*parts, box(s0 + width, s1 - width, y0, y0 + width, -t, t)] if sill else parts


def _trim(hole: Hole, panel: Panel, other: Panel | None, sill: bool) -> list[Part]:
    """Boards on the wall around a hole, on both sides, as far as the panel there reaches."""
    s0, y0, s1, y1 = hole
    parts = []
    for side, here in ((1.0, panel), (-1.0, other)):
        if here is None or here.wall.empty:
            continue
        start, end = here.start, here.end
        if here is not panel:
            at = float((here.origin - panel.origin) @ panel.along)
            way = float(np.sign(here.along @ panel.along))
            start, end = sorted((at + way * start, at + way * end))
        low, high = max(s0 - TRIM_WIDTH, start), min(s1 + TRIM_WIDTH, end)
        top = min(y1 + TRIM_WIDTH, here.wall.height)
        t0, t1 = sorted((side * OFFSET, side * (OFFSET + PROUD)))
        foot = max(y0 - TRIM_WIDTH, 0.0) if sill else y0
        pieces = [(low, s0, foot, top), (s1, high, foot, top), (s0, s1, y1, top), (s0, s1, foot, y0)]
        parts += [box(a, b, c, d, t0, t1) for a, b, c, d in pieces if b - a > 0.004 and d - c > 0.004]
    return parts


def _leaf(width: float, height: float, seed: int) -> tuple[list[Part], list[Part]]:
    """A shut leaf from its hinge at s = 0 to s = width, foot at 0, middle at t = 0: boards, and handles."""
    half = LEAF / 2
    boards = [box(0, width, 0, height, -half, half)]
    rows = ((0.08, 0.44), (0.52, 0.92)) if seed % 3 == 0 else ((0.08, 0.30), (0.36, 0.62), (0.68, 0.93))
    if seed % 3 != 2:
        boards += [
            box(0.14 * width, 0.86 * width, low * height, high * height, t, t + 0.008)
            for low, high in rows
            for t in (half, -half - 0.008)
        ]
    reach = width - 0.07
    handles = [ball(reach, min(1.0, 0.5 * height), t, 0.03, 0.03, 0.03, 8, 4) for t in (half + 0.035, -half - 0.035)]
    return boards, handles


def _obstacles(house: House, door: Opening) -> list[tuple[NDArray[np.float64], float, NDArray[np.float64]]]:
    """Footprints that an open leaf should avoid: centre (x, z), heading in radians, half sizes. They are those of fixed
    objects on the floor (moving a bin must not change a door) and the passages through the other doors."""
    footprints = []
    for thing in house.objects:
        size = asset(thing.asset_id).size
        if thing.kinematic and thing.position[1] - size[1] / 2 < 0.5:
            centre = np.array([thing.position[0], -thing.position[2]])
            footprints.append((centre, float(np.radians(thing.rotation[1])), np.array([size[0], size[2]]) / 2))
    walls = {wall.id: wall for wall in house.walls}
    for other in house.doors:
        wall = walls.get(other.wall0)
        if other is door or wall is None:
            continue
        start, along = np.array(wall.p0), np.subtract(wall.p1, wall.p0)
        along = along / max(float(np.linalg.norm(along)), 1e-6)
        x, z = start + (other.hole[0] + other.hole[2]) / 2 * along
        half = np.array([abs(other.hole[2] - other.hole[0]) / 2, PASSAGE])
        footprints.append((np.array([x, -z]), float(np.arctan2(-along[1], along[0])), half))
    return footprints


def _crowding(
    points: NDArray[np.float64], polygon: NDArray[np.float64] | None, obstacles: Sequence[Any], margin: float
) -> int:
    """Number of points (N, 2) x, z outside the room or within `margin` of one of the obstacles."""
    count = 0 if polygon is None else int(np.count_nonzero(~inside(points, polygon)))
    for centre, yaw, half in obstacles:
        x, z = (points - centre).T
        across, ahead = x * np.cos(yaw) + z * np.sin(yaw), x * np.sin(yaw) - z * np.cos(yaw)
        count += int(np.count_nonzero((abs(across) < half[0] + margin) & (abs(ahead) < half[1] + margin)))
    return count


def _swing(opening: Opening, panel: Panel, ends: Sequence[float], width: float, house: House) -> tuple[int, float]:
    """The end at which the leaf hangs (0 low, 1 high), and the side to which it opens (+1 wall0's room, -1 the other).

    ProcTHOR's doors open into wall1's room: of the 147 inner doors of the real houses none has furniture there within
    1.3 m, and a quarter have it on wall0's side. So ours open there too, unless only that side is obstructed.
    Of the two ends, the one with less space behind the open leaf is chosen, next to the neighbouring wall. With two
    leaves (width = half the hole) both ends count."""
    best: tuple[tuple[int, ...], int, float] | None = None
    double = "Double" in opening.asset_id
    obstacles = _obstacles(house, opening)
    for side, room in ((-1.0, opening.room1), (1.0, opening.room0)):
        polygon = next((room_polygon(r) for r in house.rooms if r.id == room), None)
        by_end = []
        for end, s in enumerate(ends):
            hinge = panel.origin + s * panel.along + side * OFFSET * panel.facing
            leaf, past = (
                _crowding((hinge + reach[:, None] * side * panel.facing)[:, [0, 2]], polygon, obstacles, margin)
                for reach, margin in (
                    (np.linspace(0.1, width, 8), LEAF),
                    (np.linspace(0.5 * width, width + PAST, 8), 0.3),
                )
            )
            aside = panel.along * (1.0 if end else -1.0)
            free = (hinge + 0.5 * width * side * panel.facing + np.linspace(0.1, 1.5, 15)[:, None] * aside)[:, [0, 2]]
            behind = len(free) if polygon is None else int(np.count_nonzero(inside(free, polygon)))
            by_end.append((leaf, past, behind))
        both = tuple(sum(pair) for pair in zip(*by_end, strict=True))
        for end in (0, 1):
            leaf, past, behind = both if double else by_end[end]
            score = (leaf, int(side > 0), past, behind)
            if best is None or score < best[0]:
                best = (score, end, side)
    assert best is not None
    return best[1], best[2]


def door_mesh(opening: Opening, panel: Panel, other: Panel | None, hole: Hole, house: House) -> Mesh:
    """A door in the house: lining and trim, and its leaf or leaves, which openness swings up to 90 degrees."""
    s0, y0, s1, y1 = hole
    seed = _seed(opening.asset_id)
    outer = other is None or other.wall.exterior
    leaf_look: Material = _OUTER[seed // 8 % len(_OUTER)] if outer else _LEAVES[seed // 8 % len(_LEAVES)]
    frame_look = _WHITE if seed % 2 or not leaf_look.name.startswith("door") else leaf_look
    lining = min(LINING, 0.2 * (s1 - s0))
    parts = [*_lining(hole, lining, 0.002, False), *_trim(hole, panel, other, False)]
    mesh = Mesh().add(frame_look, panel.place(join(parts)))
    if opening.openness is None:
        return mesh
    double = "Double" in opening.asset_id
    low, high, height = s0 + lining, s1 - lining, y1 - lining - y0 - 0.01
    width = (high - low) / (2 if double else 1)
    angle = 90.0 * min(max(opening.openness, 0.0), 1.0)
    hung_at, side = (0, 1.0) if angle == 0 else _swing(opening, panel, (low, high), width, house)
    for end in (0, 1) if double else (hung_at,):
        way = 1.0 if end == 0 else -1.0
        # an open leaf turns about a hinge on the room's face of the wall, just inside the lining
        pivot = 0.0 if angle == 0 else side * (OFFSET + LEAF / 2)
        for material, pieces in zip((leaf_look, _HANDLE), _leaf(width - 0.006, height, seed), strict=True):
            shut = join(pieces)
            turned = shut if end == 0 else shut.turned("y", 180.0)
            swung = turned.moved(x=way * 0.003).turned("y", -angle * side * way)
            sunk = swung.moved(low if end == 0 else high, y0 + 0.006, pivot)
            aside = sunk.moved(x=way * LEAF / 2 * np.sin(np.radians(angle)) - way * lining * (angle > 0))
            mesh.add(material, panel.place(aside))
    return mesh


def window_mesh(opening: Opening, panel: Panel, other: Panel | None, hole: Hole, house: House) -> Mesh:
    """A window in the house: frame, bars by its kind, a sill, a pane of glass, and curtains or a blind."""
    s0, y0, s1, y1 = hole
    kind = opening.asset_id.split("_")[1] if "_" in opening.asset_id else ""
    bar = min(0.05, 0.15 * (s1 - s0), 0.15 * (y1 - y0))
    parts = _lining(hole, bar, 0.004, True) + _trim(hole, panel, other, True)
    a, b, c, d = s0 + bar, s1 - bar, y0 + bar, y1 - bar
    upright = {"Slider": (0.5,), "Bay": (1 / 3, 2 / 3)}.get(kind, ())
    level = (0.5,) if kind == "Hung" else ()
    parts += [box(a + (b - a) * f - 0.02, a + (b - a) * f + 0.02, c, d, -0.02, 0.02) for f in upright]
    parts += [box(a, b, c + (d - c) * f - 0.02, c + (d - c) * f + 0.02, -0.02, 0.02) for f in level]
    parts.append(
        box(max(s0 - 0.04, panel.start), min(s1 + 0.04, panel.end), y0 - 0.03, y0 + 0.01, OFFSET + PROUD, OFFSET + 0.09)
    )
    pane = quad([(a, c, 0.0), (b, c, 0.0), (b, d, 0.0), (a, d, 0.0)], [(a, d), (b, d), (b, c), (a, c)])
    mesh = Mesh().add(_WHITE, panel.place(join(parts))).add(_PANE, panel.place(pane))
    for part, material in window_dressing(opening, panel, hole, bar, house).parts:
        mesh.add(material, panel.place(part))
    return mesh
