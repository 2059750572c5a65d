"""Wall panels of a house: each 3 cm off the wall's line, with ends that meet at corners.

A panel's own frame is (s, y, t): s along p0 -> p1, y up, t away from the wall's line to the side the panel faces. In
our frame (s, up, t) is right-handed, so shapes made in it keep their winding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..furniture.shapes import Part
from ..house.house import House, Opening, Wall

OFFSET = 0.03
"""Metres from a wall's line to each of its two panels."""

Hole = tuple[float, float, float, float]
"""(s low, y low, s high, y high) in a panel's frame."""


@dataclass
class Panel:
    """A wall panel in our frame."""

    wall: Wall
    origin: NDArray[np.float64]
    """(3,) p0 at the panel's bottom."""
    along: NDArray[np.float64]
    """(3,) unit vector p0 -> p1."""
    facing: NDArray[np.float64]
    """(3,) unit vector into the room, or outside."""
    start: float
    """s where the panel begins: not 0 if a corner shortens or lengthens it."""
    end: float
    holes: list[Hole] = field(default_factory=list)

    @property
    def yaw(self) -> float:
        """Heading of `facing`, degrees."""
        return float(np.degrees(np.arctan2(self.facing[0], -self.facing[2])) % 360.0)

    def place(self, part: Part) -> Part:
        """A shape in the panel's frame, moved into the house."""
        turn = np.stack([self.along, (0.0, 1.0, 0.0), self.facing])  # rows: images of s, y, t
        return Part(part.vertices @ turn + self.origin, part.normals @ turn, part.uv, part.faces)

    def free(self) -> list[Hole]:
        """Disjoint rectangles that cover the panel except its holes."""
        height = self.wall.height
        cuts = sorted({self.start, self.end, *(s for h in self.holes for s in (h[0], h[2]))})
        rectangles = []
        for s0, s1 in pairwise(cuts):
            y = 0.0
            for _, low, _, high in sorted((h for h in self.holes if h[0] <= s0 and h[2] >= s1), key=lambda h: h[1]):
                if low > y:
                    rectangles.append((s0, y, s1, low))
                y = max(y, high)
            if y < height:
                rectangles.append((s0, y, s1, height))
        return rectangles


def _point(p: tuple[float, float]) -> tuple[float, float]:
    return round(p[0], 3), round(p[1], 3)


def _turn(before: Panel, after: Panel) -> float:
    """Angle in radians by which the next panel turns right."""
    return float(np.arctan2(before.facing @ after.along, before.along @ after.along))


class _Corners:
    """Order of the panels around a room, across open boundaries too."""

    def __init__(self, panels: Sequence[Panel]) -> None:
        self.from_point: dict[tuple[str, tuple[float, float]], list[Panel]] = {}
        self.to_point: dict[tuple[str, tuple[float, float]], list[Panel]] = {}
        self.by_ends: dict[tuple[tuple[float, float], tuple[float, float]], list[Panel]] = {}
        for panel in panels:
            p0, p1 = _point(panel.wall.p0), _point(panel.wall.p1)
            space = self.space(panel)
            self.from_point.setdefault((space, p0), []).append(panel)
            self.to_point.setdefault((space, p1), []).append(panel)
            self.by_ends.setdefault((p0, p1), []).append(panel)

    @staticmethod
    def space(panel: Panel) -> str:
        return "outside" if panel.wall.exterior else panel.wall.room_id

    def shift(self, panel: Panel, at_end: bool) -> float:
        """Metres by which the panel grows at that end so that it just meets its neighbour round the corner."""
        here = panel
        point = _point(panel.wall.p1 if at_end else panel.wall.p0)
        for _ in range(4):
            table = self.from_point if at_end else self.to_point
            others = [o for o in table.get((self.space(here), point), []) if o is not here]
            if not others:
                return 0.0
            turns = [_turn(panel, o) if at_end else _turn(o, panel) for o in others]
            sharpest = int(np.argmax(turns))
            other = others[sharpest]
            if not other.wall.empty:
                if abs(turns[sharpest]) > np.radians(150):
                    return 0.0
                return -OFFSET * float(np.tan(turns[sharpest] / 2))
            ends = _point(other.wall.p1), _point(other.wall.p0)
            twins = [t for t in self.by_ends.get(ends, []) if t.wall.empty and self.space(t) != self.space(other)]
            if not twins:
                return 0.0
            here = twins[0]
        return 0.0


def wall_panels(house: House) -> dict[str, Panel]:
    """The panels of a house by wall id, empty ones included, without holes yet."""
    panels = {}
    for wall in house.walls:
        p0, p1 = np.array([wall.p0[0], -wall.p0[1]]), np.array([wall.p1[0], -wall.p1[1]])
        length = float(np.linalg.norm(p1 - p0))
        if length < 1e-6:
            continue
        x, z = (p1 - p0) / length
        panels[wall.id] = Panel(
            wall, np.array([p0[0], wall.bottom, p0[1]]), np.array([x, 0.0, z]), np.array([-z, 0.0, x]), 0.0, length
        )
    corners = _Corners(list(panels.values()))
    shifts = {name: (corners.shift(p, False), corners.shift(p, True)) for name, p in panels.items()}
    for name, (before, after) in shifts.items():
        panel = panels[name]
        if panel.end + after - panel.start + before > 0.01:
            panel.start, panel.end = -before, panel.end + after
    return panels


def cut(panels: dict[str, Panel], opening: Opening) -> Hole | None:
    """Cut the opening out of the panels on both sides; its hole in wall0's frame, or None if there is no wall.

    The hole is clamped to the area of both panels, so that a hole at a corner does not open the wall around it.
    """
    first = panels.get(opening.wall0)
    if first is None:
        return None
    second = panels.get(opening.wall1)
    s0, y0, s1, y1 = opening.hole
    s0, s1 = max(s0, first.start), min(s1, first.end)
    y0, y1 = max(y0, 0.0), min(y1, first.wall.height)
    if second is not None and second is not first:
        # s of the second panel falls as s of the first grows, since the panels run opposite ways
        there = float((first.origin - second.origin) @ second.along)
        way = float(np.sign(first.along @ second.along))
        ends = (
            sorted((second.start - there, second.end - there))
            if way > 0
            else sorted((there - second.start, there - second.end))
        )
        s0, s1 = max(s0, ends[0]), min(s1, ends[1])
        y1 = min(y1, second.wall.height)
    if s1 - s0 < 0.05 or y1 - y0 < 0.05:
        return None
    first.holes.append((s0, y0, s1, y1))
    if second is not None and second is not first:
        low, high = sorted((there + way * s0, there + way * s1))
        second.holes.append((low, y0, high, y1))
    return s0, y0, s1, y1
