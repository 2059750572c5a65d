"""Doors that join all rooms, one to the outside, windows, and open boundaries between kitchens and living rooms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from ..house.assets import Asset, assets_of, wall_holes
from .floorplan import OUTDOORS, FloorPlan, Panel

MARGIN = 0.12
"""Metres of wall that stay between an opening and the end of its panel."""
_LIKING = {
    ("Bathroom", "Bedroom"): 3.0,
    ("Kitchen", "LivingRoom"): 3.0,
    ("Bedroom", "LivingRoom"): 1.5,
    ("Bathroom", "LivingRoom"): 1.0,
    ("LivingRoom", "LivingRoom"): 1.5,
    ("Bedroom", "Bedroom"): 0.5,
    ("Bathroom", "Kitchen"): 0.4,
    ("Bedroom", "Kitchen"): 0.4,
    ("Bathroom", "Bathroom"): 0.2,
}
_TO_HALL = 6.0
_WINDOWS_A_ROOM = 0.55
_OPEN_PLAN = 0.5
_WINDOW_CENTRE = 1.5


class UnconnectedRooms(ValueError):
    """The plan's rooms cannot all be joined: no wall between them is long enough for a door."""


@dataclass(frozen=True)
class Hole:
    """A door, a window or an open boundary in a panel."""

    kind: str
    """ "door", "window" or "empty"."""
    panel: Panel
    asset: Asset | None
    x: float
    """Metres along the panel from its a: the middle."""
    y: float
    """Height of the middle."""
    width: float
    height: float


def usable(kind: str, exclude: Collection[str]) -> list[Asset]:
    """The assets of a type that may be used, in the database's order."""
    return [asset for asset in assets_of(kind) if asset.asset_id not in exclude]


def _pick(choices: list[Asset], rng: np.random.Generator) -> Asset:
    return choices[int(rng.integers(len(choices)))]


def _doors(exclude: Collection[str]) -> tuple[list[Asset], list[Asset]]:
    """Doors with a leaf, and open frames, that fit through a wall hole we know."""
    leaves, frames = (
        [a for a in usable(kind, exclude) if a.asset_id.replace("frame", "way") in wall_holes()]
        for kind in ("Doorway", "Doorframe")
    )
    return leaves, frames


def _hole(kind: str, panel: Panel, asset: Asset, length: float, y: float, rng: np.random.Generator) -> Hole:
    known = wall_holes()[asset.asset_id.replace("frame", "way")]
    reach = length / 2 - known.width / 2 - MARGIN
    x = length / 2 + float(rng.uniform(-reach, reach)) * (rng.random() < 0.7)
    return Hole(kind, panel, asset, x, known.height / 2 if kind == "door" else y, known.width, known.height)


def _fitting(choices: list[Asset], length: float) -> list[Asset]:
    holes = wall_holes()
    return [a for a in choices if holes[a.asset_id.replace("frame", "way")].width + 2 * MARGIN <= length]


def make_openings(plan: FloorPlan, height: float, exclude: Collection[str], rng: np.random.Generator) -> list[Hole]:
    """All openings of a house with ceilings at ``height`` metres. UnconnectedRooms if the rooms cannot be joined."""
    leaves, frames = _doors(exclude)
    if not leaves and not frames:
        raise ValueError("exclude_assets leaves no door: keep at least one Doorway or Doorframe")
    holes: list[Hole] = []
    shared: dict[tuple[int, int], list[Panel]] = {}
    outer: list[Panel] = []
    for ring in plan.rings:
        for panel in ring:
            if panel.neighbour == OUTDOORS:
                outer.append(panel)
            elif panel.room < panel.neighbour:
                shared.setdefault((panel.room, panel.neighbour), []).append(panel)

    def interior(pair: tuple[int, int]) -> Hole | None:
        choices = frames if frames and (not leaves or rng.random() < 0.08) else leaves
        panels = [(panel, _fitting(choices, panel.cells * plan.cell)) for panel in shared[pair]]
        panels = [(panel, fitting) for panel, fitting in panels if fitting]
        if not panels:
            return None
        panel, fitting = panels[int(rng.integers(len(panels)))]
        return _hole("door", panel, _pick(fitting, rng), panel.cells * plan.cell, 0.0, rng)

    group = list(range(len(plan.types)))
    keys = {pair: _likes(plan, pair) * float(rng.uniform(0.3, 1.0)) for pair in shared}
    for pair in sorted(shared, key=lambda pair: (-keys[pair], pair)):
        apart = group[pair[0]] != group[pair[1]]
        if not apart and rng.random() > 0.06:
            continue
        kinds = sorted(plan.types[room] for room in pair)
        broad = [panel for panel in shared[pair] if panel.cells * plan.cell >= 1.5]
        if apart and broad and kinds == ["Kitchen", "LivingRoom"] and rng.random() < _OPEN_PLAN:
            for panel in shared[pair]:
                length = panel.cells * plan.cell
                holes.append(Hole("empty", panel, None, length / 2, height / 2, length, height))
        else:
            door = interior(pair)
            if door is None:
                continue
            holes.append(door)
        group = [group[pair[0]] if g == group[pair[1]] else g for g in group]
    if len(set(group)) > 1:
        raise UnconnectedRooms("the rooms cannot be joined by doors")
    holes += _front_door(plan, outer, leaves, rng)
    return holes + _windows(plan, outer, height, exclude, holes, rng)


def _likes(plan: FloorPlan, pair: tuple[int, int]) -> float:
    if plan.hall in pair:
        return _TO_HALL
    first, second = sorted(plan.types[room] for room in pair)
    return _LIKING.get((first, second), 0.3)


def _front_door(plan: FloorPlan, outer: list[Panel], leaves: list[Asset], rng: np.random.Generator) -> list[Hole]:
    """One shut door to the outside, into the kitchen or living room where that has an outer wall."""
    fitting = [(p, _fitting(leaves, p.cells * plan.cell)) for p in outer]
    fitting = [(panel, choices) for panel, choices in fitting if choices]
    public = [entry for entry in fitting if plan.types[entry[0].room] in ("Kitchen", "LivingRoom")]
    entries = public or fitting
    if not entries:
        return []
    panel, choices = entries[int(rng.integers(len(entries)))]
    single = [a for a in choices if "Double" not in a.asset_id] or choices
    return [_hole("door", panel, _pick(single, rng), panel.cells * plan.cell, 0.0, rng)]


def _windows(
    plan: FloorPlan,
    outer: list[Panel],
    height: float,
    exclude: Collection[str],
    taken: list[Hole],
    rng: np.random.Generator,
) -> list[Hole]:
    """Windows in outer walls that hold no door, one a panel."""
    known = wall_holes()
    choices = [
        a
        for a in usable("Window", exclude)
        if a.asset_id in known and _WINDOW_CENTRE + known[a.asset_id].height / 2 < height - 0.1
    ]
    windows: list[Hole] = []
    used = {hole.panel for hole in taken}
    for ring in plan.rings:
        free = [panel for panel in ring if panel.neighbour == OUTDOORS and panel not in used and panel in outer]
        count = int(rng.random() < _WINDOWS_A_ROOM) + int(rng.random() < 0.1)
        for index in rng.permutation(len(free))[:count].tolist():
            length = free[index].cells * plan.cell
            fitting = _fitting(choices, length)
            if fitting:
                windows.append(_hole("window", free[index], _pick(fitting, rng), length, _WINDOW_CENTRE, rng))
    return windows
