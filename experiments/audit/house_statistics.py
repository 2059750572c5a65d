"""Statistics of a set of houses, to compare sets: counts, areas, openings, lamps and the distribution of types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import shapely

from ...envs.house.assets import asset
from ...envs.house.house import OUTSIDE, House

ROOM_TYPES = ("Kitchen", "LivingRoom", "Bedroom", "Bathroom")
FREQUENT = 40
"""Number of most frequent types listed."""
Table = list[tuple[str, str, str]]


@dataclass
class Statistics:
    """Sums over houses, added one at a time."""

    houses: int = 0
    rooms: Counter[str] = field(default_factory=Counter)
    """Rooms by type."""
    area: Counter[str] = field(default_factory=Counter)
    """Floor area in square metres, by type of room."""
    corners: int = 0
    """Corners of all room outlines without collinear points; 4 for a rectangle."""
    angled: int = 0
    """Non-rectangular rooms."""
    standing: Counter[str] = field(default_factory=Counter)
    """Objects on the floor or on walls, by type of room."""
    resting: Counter[str] = field(default_factory=Counter)
    """Objects on other objects, by type of room."""
    types: Counter[str] = field(default_factory=Counter)
    """Objects by type."""
    openings: Counter[str] = field(default_factory=Counter)
    """Windows, inner doors with a leaf, open frames, outer doors, open boundaries."""
    lamps: int = 0
    heights: list[float] = field(default_factory=list)
    """Ceiling heights, metres."""
    plain: Counter[str] = field(default_factory=Counter)
    """Materials of walls and ceilings: plain or patterned."""
    room_counts: Counter[int] = field(default_factory=Counter)
    """Houses by number of rooms."""
    skies: Counter[str] = field(default_factory=Counter)

    def add(self, house: House) -> None:
        """Add a house."""
        self.houses += 1
        self.room_counts[len(house.rooms)] += 1
        outlines = {room.id: shapely.Polygon(room.polygon) for room in house.rooms}
        kinds = {room.id: room.type for room in house.rooms}
        for room in house.rooms:
            outline = shapely.simplify(outlines[room.id], 1e-3)
            corners = len(outline.exterior.coords) - 1
            self.rooms[room.type] += 1
            self.area[room.type] += outline.area
            self.corners += corners
            self.angled += corners > 4
        for object_ in house.objects:
            position = shapely.Point(object_.position[0], object_.position[2])
            room_type = kinds[min(outlines, key=lambda name: outlines[name].distance(position))]
            self.standing[room_type] += 1
            self.resting[room_type] += len(object_.children)
        self.types.update(asset(object_.asset_id).type for object_ in house.all_objects())
        self.openings["windows"] += len(house.windows)
        for door in house.doors:
            inner = door.room0 != door.room1
            self.openings[
                "inner doors" if inner and door.openness is not None else "frames" if inner else "ways out"
            ] += 1
        self.openings["open boundaries"] += sum(wall.empty for wall in house.walls) // 2
        self.lamps += sum(light.kind == "point" for light in house.lights)
        self.heights.append(max(wall.bottom + wall.height for wall in house.walls))
        walls = {wall.room_id: wall.material for wall in house.walls if OUTSIDE not in wall.id}
        self.plain.update("plain" if m.colour else "patterned" for m in (*walls.values(), house.ceiling_material))
        self.skies[house.skybox] += 1

    def share(self, kind: str) -> float:
        """Fraction of all objects that are of a type."""
        return self.types[kind] / max(self.types.total(), 1)

    def distance(self, other: Statistics) -> float:
        """Total variation distance between the distributions of types, 0 (equal) to 1 (disjoint)."""
        kinds = sorted({*self.types, *other.types})
        return sum(abs(self.share(kind) - other.share(kind)) for kind in kinds) / 2

    def figures(self) -> dict[str, float]:
        """Means by name, in display order."""
        rooms, houses = max(self.rooms.total(), 1), max(self.houses, 1)
        means = {
            "houses": float(self.houses),
            "rooms a house": rooms / houses,
            "floor a house (m2)": self.area.total() / houses,
            **{f"{kind}: share of rooms (%)": 100 * self.rooms[kind] / rooms for kind in ROOM_TYPES},
            **{f"{kind}: area (m2)": self.area[kind] / max(self.rooms[kind], 1) for kind in ROOM_TYPES},
            "rooms that are no rectangle (%)": 100 * self.angled / rooms,
            "corners a room": self.corners / rooms,
            "ceiling (m)": sum(self.heights) / houses,
            "objects a house": self.types.total() / houses,
            "objects a room": self.types.total() / rooms,
        }
        for kind in ROOM_TYPES:
            count = max(self.rooms[kind], 1)
            means[f"{kind}: on floor and walls"] = self.standing[kind] / count
            means[f"{kind}: on furniture"] = self.resting[kind] / count
        means["types of objects in all"] = float(len(self.types))
        for name in ("windows", "inner doors", "frames", "ways out", "open boundaries"):
            means[f"{name} a house"] = self.openings[name] / houses
        means["lamps a room"] = self.lamps / rooms
        means["plain walls and ceilings (%)"] = 100 * self.plain["plain"] / max(self.plain.total(), 1)
        means["skies"] = float(len(self.skies))
        return means


def collect(houses: Sequence[House]) -> Statistics:
    """Statistics of the given houses."""
    statistics = Statistics()
    for house in houses:
        statistics.add(house)
    return statistics


def comparison_tables(generated: Statistics, real: Statistics | None) -> tuple[Table, Table]:
    """Two tables of (name, generated, real) as text: means, and percentages of the most frequent types."""
    means, real_means = generated.figures(), real.figures() if real else {}
    mean_rows = [
        (name, f"{value:.4g}", f"{real_means[name]:.4g}" if name in real_means else "") for name, value in means.items()
    ]
    order = [kind for kind, _ in (real or generated).types.most_common(FREQUENT)]
    type_rows = [
        (kind, f"{100 * generated.share(kind):.2f}", f"{100 * real.share(kind):.2f}" if real else "") for kind in order
    ]
    return mean_rows, type_rows
