"""A house from a seed, step by step: rooms, doors, windows, furniture, small objects, lights, materials.

Floor plan, openings, furniture and small objects follow each other as in ProcTHOR (Deitke et al., 2022), with
rates measured on its houses (`rates`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ..house.house import OUTSIDE, AgentPose, House, HouseObject, Material, Opening, Room, Wall
from .door_placement import Hole, UnconnectedRooms, make_openings
from .floorplan import OUTDOORS, FloorPlan, Panel, make_floorplan
from .furnishing import Furnisher, Placed, is_kinematic
from .lights_materials import floor_material, light_layers, make_lights, wall_material
from .rates import ROOM_COUNTS, ROOM_MIXES
from .small_objects import SmallObjectPlacer
from .space import RoomSpace
from .splits import excluded_assets

_FIRST_ROOM = 2
"""ProcTHOR numbers rooms from 2; 1 is outside."""
_ATTEMPTS = 60


def generate_house(
    seed: int, rooms: int | None = None, exclude_assets: Collection[str] = (), *, split: str | None = None
) -> House:
    """A house of ``rooms`` rooms (1 to 10; None: a random number), the same for the same arguments.

    No asset of ``exclude_assets`` is used; types without remaining assets are left out. With ``split`` ("train",
    "val" or "test") only that split's assets are used, and no two splits share one (`splits`). Every room can be
    reached by a disc of 0.25 m radius. ValueError if ``rooms``, ``seed`` or ``split`` is invalid, or no door
    is left.
    """
    if rooms is not None and rooms not in ROOM_MIXES:
        raise ValueError(f"rooms must be {min(ROOM_MIXES)} to {max(ROOM_MIXES)}, got {rooms!r}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    rng = np.random.default_rng((seed, 0 if rooms is None else rooms))
    exclude = frozenset(exclude_assets) | (excluded_assets(split) if split is not None else frozenset())
    if rooms is None:
        odds = np.array(list(ROOM_COUNTS.values()))
        rooms = list(ROOM_COUNTS)[int(rng.choice(len(odds), p=odds / odds.sum()))]
    mixes = ROOM_MIXES[rooms]
    mix = mixes[int(rng.integers(len(mixes)))]
    height = float(np.exp(rng.uniform(np.log(2.6), np.log(4.4))))
    for _ in range(_ATTEMPTS):
        plan = make_floorplan(mix, rng)
        try:
            holes = make_openings(plan, height, exclude, rng)
        except UnconnectedRooms:
            continue
        spaces = [RoomSpace(plan, room, holes) for room in range(rooms)]
        if all(space.walkable() for space in spaces):
            return _assemble(plan, holes, spaces, height, exclude, f"seed {seed}", rng)
    raise ValueError(f"seed {seed}: no plan of {rooms} rooms could be joined by the doors that are left")


def _assemble(
    plan: FloorPlan,
    holes: list[Hole],
    spaces: list[RoomSpace],
    height: float,
    exclude: Collection[str],
    source: str,
    rng: np.random.Generator,
) -> House:
    ids = [_FIRST_ROOM + room for room in range(len(plan.types))]
    layers = light_layers(plan)
    walls = _walls(plan, holes, height, layers, rng)
    furnisher, sprinkler = Furnisher(exclude, height, rng), SmallObjectPlacer(exclude, height, rng)
    objects: list[HouseObject] = []
    for space, number, layer in zip(spaces, ids, layers, strict=True):
        small = 0
        for index, piece in enumerate(furnisher.furnish(space)):
            children = sprinkler.place_on(piece, space)
            names = [f"small|{number}|{small + place}" for place in range(len(children))]
            small += len(children)
            inside = tuple(_object(name, child, layer, rng) for name, child in zip(names, children, strict=True))
            objects.append(_object(f"{number}|{index}", piece, layer, rng, inside))
    sky, lights = make_lights(spaces, ids, layers, height, rng)
    return House(
        rooms=tuple(
            Room(f"room|{number}", plan.types[room], tuple(plan.metres(p.a) for p in plan.rings[room]),
                 floor_material(rng), layers[room], {"ceilings": [], "children": []})
            for room, number in enumerate(ids)
        ),
        walls=walls,
        doors=tuple(_opening(plan, hole, index, rng) for index, hole in enumerate(holes) if hole.kind == "door"),
        windows=tuple(_opening(plan, hole, index, rng) for index, hole in enumerate(holes) if hole.kind == "window"),
        objects=tuple(objects),
        lights=lights,
        ceiling_material=wall_material(rng),
        skybox=sky,
        agent=_start(spaces, rng),
        parameters={"floorColliderThickness": 1.0, "receptacleHeight": 0.7, "reflections": []},
        metadata={"roomSpecId": "-".join(sorted(plan.types)), "warnings": {}},
        source=source,
    )  # fmt: skip


def _wall_id(plan: FloorPlan, panel: Panel, owner: str) -> str:
    (x0, z0), (x1, z1) = plan.metres(panel.a), plan.metres(panel.b)
    return f"wall|{owner}|{min(x0, x1):.2f}|{min(z0, z1):.2f}|{max(x0, x1):.2f}|{max(z0, z1):.2f}"


def _ids(plan: FloorPlan, panel: Panel) -> tuple[str, str]:
    """Ids of a panel and of the one behind it."""
    front = _wall_id(plan, panel, str(_FIRST_ROOM + panel.room))
    beyond = OUTSIDE if panel.neighbour == OUTDOORS else str(_FIRST_ROOM + panel.neighbour)
    return front, _wall_id(plan, panel, beyond)


def _walls(
    plan: FloorPlan, holes: list[Hole], height: float, layers: list[str], rng: np.random.Generator
) -> tuple[Wall, ...]:
    open_panels = {name for hole in holes if hole.kind == "empty" for name in _ids(plan, hole.panel)}
    facade = wall_material(rng)
    sides: list[Wall] = []

    def add(name: str, panel: Panel, material: Material, exterior: bool) -> None:
        a, b = plan.metres(panel.a), plan.metres(panel.b)
        p0, p1 = (b, a) if exterior else (a, b)
        room = f"room|{_FIRST_ROOM + panel.room}"
        sides.append(Wall(name, room, p0, p1, 0.0, height, material, exterior, name in open_panels, layers[panel.room]))

    for ring in plan.rings:
        material = wall_material(rng)
        for panel in ring:
            front, back = _ids(plan, panel)
            add(front, panel, material, False)
            if panel.neighbour == OUTDOORS:
                add(back, panel, facade, True)
    return tuple(sides)


def _opening(plan: FloorPlan, hole: Hole, index: int, rng: np.random.Generator) -> Opening:
    assert hole.asset is not None
    front, back = _ids(plan, hole.panel)
    outside = hole.panel.neighbour == OUTDOORS
    number = _FIRST_ROOM + hole.panel.room
    beyond = number if outside else _FIRST_ROOM + hole.panel.neighbour
    leaf = hole.kind == "door" and hole.asset.type == "Doorway"
    left, low = hole.x - hole.width / 2, hole.y - hole.height / 2
    name = f"door|{1 if outside else number}|{number if outside else beyond}" if hole.kind == "door" else ""
    return Opening(
        id=name or f"window|{number}|{index}",
        kind=hole.kind,
        room0=f"room|{number}",
        room1=f"room|{beyond}",
        wall0=front,
        wall1=back,
        hole=(left, max(low, 0.0), left + hole.width, low + hole.height),
        asset_id=hole.asset.asset_id,
        position=(hole.x, hole.y if hole.kind == "window" else hole.asset.size[1] / 2, 0.0),
        openness=(0.0 if outside else 1.0) if leaf else None,
        openable=(not outside and bool(rng.random() < 0.75)) if leaf else None,
    )


def _object(
    name: str, piece: Placed, layer: str, rng: np.random.Generator, children: tuple[HouseObject, ...] = ()
) -> HouseObject:
    kind = piece.asset.type
    return HouseObject(
        id=name,
        asset_id=piece.asset.asset_id,
        position=(piece.x, piece.y, piece.z),
        rotation=(0.0, piece.yaw, 0.0),
        kinematic=is_kinematic(kind) or kind == "Television",
        children=children,
        is_on=bool(rng.random() < 0.5) if kind == "FloorLamp" else None,
        is_dirty=bool(rng.random() < 0.2) if kind == "Bed" else None,
        layer=layer,
    )


def _start(spaces: list[RoomSpace], rng: np.random.Generator) -> AgentPose:
    """The agent's start: on AI2-THOR's grid of 0.25 m if possible, in the room with most free floor."""
    reach = [space.reachable() for space in spaces]
    points = reach[int(np.argmax([len(points) for points in reach]))]
    step = spaces[0].plan.cell
    on_grid = np.round(points / 0.25) * 0.25
    near = np.abs(on_grid - points).max(1) < 0.05 * step
    chosen = on_grid[near] if near.any() else points
    x, z = chosen[int(rng.integers(len(chosen)))]
    return AgentPose((float(x), 0.95, float(z)), (0.0, float(90 * rng.integers(4)), 0.0), 30.0, True)
