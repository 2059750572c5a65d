"""What a set of houses is like: counts, areas, openings, lamps and the mix of types, to set beside another set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import shapely

from ...envs.house.assets import asset
from ...envs.house.house import OUTSIDE, House

ROOM_TYPES = ("Kitchen", "LivingRoom", "Bedroom", "Bathroom")
FREQUENT = 40
"""Types that get a line of their own."""
Table = list[tuple[str, str, str]]


@dataclass
class Statistics:
    """Sums over houses, added one at a time."""

    houses: int = 0
    rooms: Counter[str] = field(default_factory=Counter)
    """Rooms by type."""
    area: Counter[str] = field(default_factory=Counter)
    """Square metres by type of room."""
    corners: int = 0
    """True corners of all floors; 4 where a room is a rectangle."""
    angled: int = 0
    """Rooms that are not rectangles."""
    standing: Counter[str] = field(default_factory=Counter)
    """Objects on the floor or the wall by type of room."""
    resting: Counter[str] = field(default_factory=Counter)
    """Objects on others by type of room."""
    types: Counter[str] = field(default_factory=Counter)
    """Objects by type."""
    openings: Counter[str] = field(default_factory=Counter)
    """Windows, inner doors with a leaf, open frames, outer doors, open boundaries."""
    lamps: int = 0
    heights: list[float] = field(default_factory=list)
    """Ceiling heights, metres."""
    plain: Counter[str] = field(default_factory=Counter)
    """Walls' and ceilings' materials: of one plain colour, or not."""
    room_counts: Counter[int] = field(default_factory=Counter)
    """Houses by number of rooms."""
    skies: Counter[str] = field(default_factory=Counter)

    def add(self, house: House) -> None:
        """Count one more house."""
        self.houses += 1
        self.room_counts[len(house.rooms)] += 1
        outlines = {room.id: shapely.Polygon(room.polygon) for room in house.rooms}
        kinds = {room.id: room.type for room in house.rooms}
        for room in house.rooms:
            outline = shapely.simplify(outlines[room.id], 1e-3)
            turns = len(outline.exterior.coords) - 1
            self.rooms[room.type] += 1
            self.area[room.type] += outline.area
            self.corners += turns
            self.angled += turns > 4
        for thing in house.objects:
            place = shapely.Point(thing.position[0], thing.position[2])
            home = kinds[min(outlines, key=lambda name: outlines[name].distance(place))]
            self.standing[home] += 1
            self.resting[home] += len(thing.children)
        self.types.update(asset(thing.asset_id).type for thing in house.all_objects())
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
        """Share of a type among all objects."""
        return self.types[kind] / max(self.types.total(), 1)

    def distance(self, other: Statistics) -> float:
        """Total variation between the two mixes of types, 0 (the same) to 1 (nothing in common)."""
        kinds = sorted({*self.types, *other.types})
        return sum(abs(self.share(kind) - other.share(kind)) for kind in kinds) / 2

    def figures(self) -> dict[str, float]:
        """Means by name, in the order in which they are shown."""
        rooms, houses = max(self.rooms.total(), 1), max(self.houses, 1)
        found = {
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
            found[f"{kind}: on floor and walls"] = self.standing[kind] / count
            found[f"{kind}: on furniture"] = self.resting[kind] / count
        found["types of objects in all"] = float(len(self.types))
        for name in ("windows", "inner doors", "frames", "ways out", "open boundaries"):
            found[f"{name} a house"] = self.openings[name] / houses
        found["lamps a room"] = self.lamps / rooms
        found["plain walls and ceilings (%)"] = 100 * self.plain["plain"] / max(self.plain.total(), 1)
        found["skies"] = float(len(self.skies))
        return found


def collect(houses: Sequence[House]) -> Statistics:
    """Statistics of some houses."""
    found = Statistics()
    for house in houses:
        found.add(house)
    return found


def compared(ours: Statistics, theirs: Statistics | None) -> tuple[Table, Table]:
    """Two tables of (name, ours, theirs) as text: means, and shares of the most frequent types in percent."""
    means, others = ours.figures(), theirs.figures() if theirs else {}
    first = [(name, f"{value:.4g}", f"{others[name]:.4g}" if name in others else "") for name, value in means.items()]
    order = [kind for kind, _ in (theirs or ours).types.most_common(FREQUENT)]
    second = [
        (kind, f"{100 * ours.share(kind):.2f}", f"{100 * theirs.share(kind):.2f}" if theirs else "") for kind in order
    ]
    return first, second
