"""A house as in its file: ProcTHOR's JSON, schema 1.0.0, in frozen dataclasses.

All values are the file's: Unity's left-handed frame (x right, y up, z forward), metres, degrees; yaw (rotation y)
turns clockwise seen from above, so that forward is (sin yaw, 0, cos yaw). Building a Scene converts them to ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Point = tuple[float, float]
"""(x, z) on the ground."""
Vector = tuple[float, float, float]
"""(x, y, z)."""
Colour = tuple[float, float, float]
"""r, g, b in 0..1 (lights may exceed 1)."""

SCHEMA = "1.0.0"
OUTSIDE = "exterior"
"""Second part of the id of a wall panel that faces outwards."""


class HouseWarning(UserWarning):
    """Parts of a house are drawn otherwise than it says; the message names the file and counts them."""


class HouseError(ValueError):
    """A house that cannot be used. One line: where (file and line), which field, what is wrong, what to do."""

    def __init__(self, source: str, path: str, what: str, remedy: str) -> None:
        place = ": ".join(part for part in (source, path) if part)
        super().__init__(" ".join(f"{place}: {what}; {remedy}".split()))
        self.source, self.path, self.what, self.remedy = source, path, what, remedy


def _others() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Material:
    """A surface: Unity's material name and, where the file gives one, a colour that replaces its own."""

    name: str
    colour: Colour | None = None
    other: Mapping[str, Any] = field(default_factory=_others)
    """Keys of the file that have no field here, carried unchanged (so in all classes below)."""


@dataclass(frozen=True)
class Room:
    """One room: its type and its floor."""

    id: str
    """ "room|N"."""
    type: str
    """ "Kitchen", "LivingRoom", "Bedroom" or "Bathroom" in ProcTHOR's houses."""
    polygon: tuple[Point, ...]
    """Corners (x, z) of the floor, clockwise from above; may be concave and hold collinear points."""
    floor_material: Material
    layer: str | None = None
    """Light layer: a room's lamp lights its own layer only."""
    other: Mapping[str, Any] = field(default_factory=_others)


@dataclass(frozen=True)
class Wall:
    """One side of a wall: a vertical rectangle from p0 to p1. An interior panel's room lies right of p0 -> p1."""

    id: str
    """ "wall|N|minx|minz|maxx|maxz" or "wall|exterior|..."."""
    room_id: str
    p0: Point
    p1: Point
    bottom: float
    height: float
    """From bottom to top, in metres."""
    material: Material
    exterior: bool
    """Faces outwards."""
    empty: bool
    """An open boundary between two rooms: nothing is drawn."""
    layer: str | None = None
    other: Mapping[str, Any] = field(default_factory=_others)

    @property
    def length(self) -> float:
        """Metres from p0 to p1."""
        return math.dist(self.p0, self.p1)


@dataclass(frozen=True)
class Opening:
    """A door or window. Its place in the world is wall0.p0 + unit(p1 - p0) * x + up * y."""

    id: str
    kind: str
    """ "door" or "window"."""
    room0: str
    room1: str
    """The same as room0 where the other side is outside."""
    wall0: str
    wall1: str
    """The panel on the other side; the same world rectangle is cut out of it."""
    hole: tuple[float, float, float, float]
    """(xmin, ymin, xmax, ymax): metres along wall0 from its p0, and above its bottom; within the wall."""
    asset_id: str
    position: Vector
    """Centre of the asset's box: x along wall0, y up."""
    openness: float | None = None
    """0 shut to 1 open; None if there is no leaf."""
    openable: bool | None = None
    written_hole: tuple[float, float, float, float] | None = None
    """The hole as the file has it, where it exceeded the wall by a little and was clamped."""
    other: Mapping[str, Any] = field(default_factory=_others)


@dataclass(frozen=True)
class HouseObject:
    """A piece of furniture or a small object."""

    id: str
    asset_id: str
    position: Vector
    """Centre of the axis-aligned box it fills at rest, in the house's frame (children too)."""
    rotation: Vector
    """Euler angles in degrees; only y is non-zero for objects that stand on the floor."""
    kinematic: bool
    """Fixed in place."""
    children: tuple[HouseObject, ...] = ()
    """Objects that rest on or in it."""
    openness: float | None = None
    is_on: bool | None = None
    is_dirty: bool | None = None
    colour: Colour | None = None
    material: Material | None = None
    layer: str | None = None
    other: Mapping[str, Any] = field(default_factory=_others)


@dataclass(frozen=True)
class Light:
    """A lamp or the sun."""

    id: str
    kind: str
    """ "point" or "directional"; Unity has more kinds."""
    position: Vector
    """Unused for a directional light."""
    rotation: Vector | None
    """Euler angles (x down, y clockwise) of a directional light."""
    intensity: float
    range: float | None
    """Metres."""
    rgb: Colour
    layer: str | None = None
    """The layer it lights; None: all but the layers it is kept from."""
    other: Mapping[str, Any] = field(default_factory=_others)


@dataclass(frozen=True)
class AgentPose:
    """Start pose of the agent in the house file."""

    position: Vector
    rotation: Vector
    horizon: float = 0.0
    """Degrees, positive downwards."""
    standing: bool = True
    other: Mapping[str, Any] = field(default_factory=_others)


@dataclass(frozen=True)
class House:
    """A whole house."""

    rooms: tuple[Room, ...]
    walls: tuple[Wall, ...]
    doors: tuple[Opening, ...]
    windows: tuple[Opening, ...]
    objects: tuple[HouseObject, ...]
    lights: tuple[Light, ...]
    ceiling_material: Material
    skybox: str
    agent: AgentPose | None = None
    parameters: Mapping[str, Any] = field(default_factory=_others)
    """The rest of proceduralParameters."""
    metadata: Mapping[str, Any] = field(default_factory=_others)
    """The rest of metadata: roomSpecId, warnings, ... (schema and agent have their own fields)."""
    source: str = ""
    """Origin: "FILE:LINE" or "seed N"."""
    other: Mapping[str, Any] = field(default_factory=_others)
    foreign: tuple[HouseObject, ...] = ()
    """Objects whose assets are not AI2-THOR's (Objaverse's in Holodeck houses): drawn as grey boxes of class void."""

    def all_objects(self) -> list[HouseObject]:
        """All objects but the foreign ones, each followed by those that rest on it."""
        every: list[HouseObject] = []
        stack = list(reversed(self.objects))
        while stack:
            every.append(stack.pop())
            stack.extend(reversed(every[-1].children))
        return every
