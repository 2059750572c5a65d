"""Objects that are moved, swapped, removed and added.

Strength is the share of the small objects that change: those that can be picked up, and loose ones on the floor. At one
seed, they are the first of a fixed order and each changes once, so a weak change is part of a stronger one. A moved
object lies wholly on a level surface of the furniture as drawn, or on free floor; it overlaps nothing, does not block
doors or windows, and keeps all rooms connected that were connected.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from ..house.assets import asset, assets_of, table
from ..house.footprints import footprint
from ..house.house import House, HouseObject
from .clearance import Volume, Walk, clearances, too_close, volume_of
from .floor_places import floor_place
from .support_surfaces import surfaces

ACTS: dict[str, float] = {"move": 0.6, "swap": 0.2, "remove": 0.1, "add": 0.1}
"""Probability of each; an act that is impossible becomes a move."""
CLOSED = ("Fridge", "Microwave", "Safe", "Sink", "GarbageCan", "LaundryHamper", "Box", "WashingMachine")
"""Nothing is put into these."""
ELSEWHERE = 0.6
"""Probability that an object is put on another suitable piece of furniture in its room."""
PARTNERS, HOLDERS, CELLS = 12, 6, 8
"""Tries: objects to swap with, pieces of furniture to put an object on, and places on each."""
FIXED = ("Faucet", "Television", "Painting")


@dataclass
class _Thing:
    """The current state of an object."""

    now: HouseObject
    holder: int | None
    """Index of the furniture on which it lies; None if it stands on the floor."""
    volume: Volume


def change_objects(house: House, strength: float, rng: np.random.Generator, *, new_assets: bool) -> House:
    """The house with small objects elsewhere; furniture and all fixed objects stay."""
    return _Mover(house, rng, new_assets).run(strength)


class _Mover:
    def __init__(self, house: House, rng: np.random.Generator, new_assets: bool) -> None:
        self.house, self.rng, self.new_assets = house, rng, new_assets
        self.tops: list[_Thing | None] = [_Thing(top, None, volume_of(top)) for top in house.objects]
        self.kids = [
            _Thing(child, index, volume_of(child)) for index, top in enumerate(house.objects) for child in top.children
        ]
        self.kids_before = list(self.kids)
        self.deeper = [volume_of(t) for kid in self.kids for c in kid.now.children for t in [c, *c.children]]
        self.added: list[_Thing] = []
        self.walk = Walk(house, list(house.objects))
        self.free_floor, self.free_above = clearances(house, floor=True), clearances(house, floor=False)
        self.room = [self.walk.room_of(top.position[0], top.position[2]) for top in house.objects]
        self.left = Counter(thing.asset_id for thing in house.all_objects())
        self.names = {thing.id for thing in house.all_objects()}
        self.touched: set[int] = set()

    def run(self, strength: float) -> House:
        loose = [kid for kid in self.kids if _is_small(kid.now)]
        loose += [top for top in self.tops if top is not None and _is_loose(top.now)]
        for place in self.rng.permutation(len(loose))[: math.ceil(strength * len(loose))].tolist():
            thing = loose[place]
            act = str(self.rng.choice(list(ACTS), p=list(ACTS.values())))
            if id(thing) in self.touched:
                continue
            self.touched.add(id(thing))
            done = (
                (act == "swap" and self._swap(thing, loose))
                or (act == "remove" and self._remove(thing))
                or (act == "add" and self._add(thing))
            )
            if not done:
                self._put(thing, thing.now)
        return self._house()

    def _others(self, thing: _Thing, but: int | None = None) -> list[Volume]:
        """Volumes of all other objects, except the one that it lies on."""
        tops = [top for index, top in enumerate(self.tops) if top is not None and index != but]
        return (
            [t.volume for t in tops if t is not thing]
            + [t.volume for t in (*self.kids, *self.added) if t is not thing]
            + self.deeper
        )

    def _clear(self, thing: _Thing, volume: Volume, holder: int) -> bool:
        return not any(too_close(volume, other) for other in (*self._others(thing, holder), *self.free_above))

    def _remove(self, thing: _Thing) -> bool:
        if self.left[thing.now.asset_id] < 2 and not self.new_assets:
            return False
        self.left[thing.now.asset_id] -= 1
        if thing.holder is None:
            self.walk.stand(thing.now, -1)
            self.tops[next(k for k, top in enumerate(self.tops) if top is thing)] = None
        else:
            self.kids = [kid for kid in self.kids if kid is not thing]
        return True

    def _add(self, thing: _Thing) -> bool:
        entry = asset(thing.now.asset_id)
        choices = [a.asset_id for a in assets_of(entry.type)] if self.new_assets else [entry.asset_id]
        name, number = f"{thing.now.id}|copy", 2
        while name in self.names:
            name, number = f"{thing.now.id}|copy{number}", number + 1
        asset_id = choices[int(self.rng.integers(len(choices)))]
        copy = _Thing(replace(thing.now, id=name, asset_id=asset_id), thing.holder, thing.volume)
        if thing.holder is None:
            self.tops.append(copy)
            self.room.append(self.walk.room_of(thing.now.position[0], thing.now.position[2]))
        if not self._put(copy, copy.now, new=True):
            if thing.holder is None:
                self.tops.pop()
                self.room.pop()
            return False
        if thing.holder is not None:
            self.added.append(copy)
        self.names.add(name)
        self.left[asset_id] += 1
        return True

    def _swap(self, thing: _Thing, loose: list[_Thing]) -> bool:
        """Exchange with another object that lies on furniture."""
        if thing.holder is None:
            return False
        partners = [
            other
            for other in loose
            if other.holder is not None and id(other) not in self.touched and other.now.asset_id != thing.now.asset_id
        ]
        for index in self.rng.permutation(len(partners))[:PARTNERS].tolist():
            other = partners[index]
            if math.dist(other.now.position, thing.now.position) < 0.05:
                continue
            mine, its = self._in_place_of(thing, other), self._in_place_of(other, thing)
            if mine is None or its is None or too_close(volume_of(mine), volume_of(its)):
                continue
            assert other.holder is not None
            kept = thing.volume, other.volume
            thing.volume = other.volume = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
            places = (thing, volume_of(mine), other.holder), (other, volume_of(its), thing.holder)
            if not all(self._clear(*place) for place in places):
                thing.volume, other.volume = kept
                continue
            self.touched.add(id(other))
            thing.now, other.now, thing.holder, other.holder = mine, its, other.holder, thing.holder
            thing.volume, other.volume = volume_of(mine), volume_of(its)
            return True
        return False

    def _in_place_of(self, thing: _Thing, other: _Thing) -> HouseObject | None:
        """The object in the other's place; None if that surface cannot hold it."""
        assert other.holder is not None
        holder = self.house.objects[other.holder]
        if other.holder != thing.holder and not _takes(holder, thing.now):
            return None
        (_, foot_y, _), size = holder.position, asset(thing.now.asset_id).size
        bottom = other.now.position[1] - asset(other.now.asset_id).size[1] / 2 - foot_y
        turn = thing.now.rotation[1] - (0.0 if thing.holder is None else self.house.objects[thing.holder].rotation[1])
        x, z = _to_local(holder, other.now.position[0], other.now.position[2])
        box = footprint(0.0, 0.0, size[0], size[2], turn)
        for surface in surfaces(holder.asset_id):
            if abs(surface.y - bottom) < 0.03 and surface.holds(x, z, box[2], box[3], size[1]):
                return self._laid(thing.now, holder, x, surface.y, z, turn)
        return None

    def _laid(self, thing: HouseObject, holder: HouseObject, x: float, y: float, z: float, turn: float) -> HouseObject:
        """The object on its holder, at (x, z) in the holder's axes, `y` above its middle."""
        world_x, world_z = _to_world(holder, x, z)
        height = holder.position[1] + y + asset(thing.asset_id).size[1] / 2
        yaw = (holder.rotation[1] + turn) % 360
        return replace(thing, position=(world_x, height, world_z), rotation=(0.0, yaw, 0.0), layer=holder.layer)

    def _put(self, thing: _Thing, now: HouseObject, *, new: bool = False) -> bool:
        """Put an object elsewhere; False, changing nothing, if no place is free."""
        if thing.holder is None:
            return self._stand(thing, now, new)
        room = self.room[thing.holder]
        holders = [
            index
            for index, top in enumerate(self.house.objects)
            if index != thing.holder and self.tops[index] is not None and self.room[index] == room and _takes(top, now)
        ]
        order = [holders[k] for k in self.rng.permutation(len(holders)).tolist()]
        order.insert(0 if self.rng.random() >= ELSEWHERE else len(order), thing.holder)
        for index in [*order[:HOLDERS], thing.holder]:
            placed = self._place_on(thing, now, index)
            if placed is not None:
                thing.now, thing.holder, thing.volume = placed, index, volume_of(placed)
                return True
        return False

    def _place_on(self, thing: _Thing, now: HouseObject, index: int) -> HouseObject | None:
        holder, size = self.house.objects[index], asset(now.asset_id).size
        if _tilted(holder) or asset(holder.asset_id).type in CLOSED:
            return None
        turn = float(90 * self.rng.integers(4) + self.rng.uniform(-15, 15))
        box = footprint(0.0, 0.0, size[0], size[2], turn)
        spots = [(s, cell) for s in surfaces(holder.asset_id) for cell in s.cells(2 * box[2], 2 * box[3], size[1])]
        for _ in range(CELLS if spots else 0):
            surface, cell = spots[int(self.rng.integers(len(spots)))]
            placed = self._laid(now, holder, surface.middle(cell)[0], surface.y, surface.middle(cell)[1], turn)
            if self._clear(thing, volume_of(placed), index) and self._within_room(volume_of(placed), self.room[index]):
                return placed
        return None

    def _within_room(self, volume: Volume, room: int | None) -> bool:
        x0, z0, x1, z1 = volume[:4]
        return all(self.walk.room_of(x, z) == room for x in (x0 - 0.02, x1 + 0.02) for z in (z0 - 0.02, z1 + 0.02))

    def _stand(self, thing: _Thing, now: HouseObject, new: bool) -> bool:
        """Put an object elsewhere on the floor of its room."""
        index = next(k for k, top in enumerate(self.tops) if top is thing)
        room = self.room[index]
        if room is None:
            return False
        if not new:
            self.walk.stand(now, -1)
        placed = floor_place(self.walk, room, now, [*self._others(thing), *self.free_floor], self.rng)
        if placed is None:
            if not new:
                self.walk.stand(now, 1)
            return False
        thing.now, thing.volume = placed, volume_of(placed)
        return True

    def _house(self) -> House:
        """The house as it is now; unchanged furniture stays the same Python object."""
        lying: dict[int, list[HouseObject]] = {}
        at = {id(thing): thing for thing in self.kids}
        for thing in self.kids_before:  # unmoved objects keep their place in the list
            if id(thing) in at and thing.holder is not None:
                lying.setdefault(thing.holder, []).append(thing.now)
        for thing in self.added:
            assert thing.holder is not None
            lying.setdefault(thing.holder, []).append(thing.now)
        objects = []
        for index, top in enumerate(self.tops):
            if top is None:
                continue
            old = top.now.children
            new = tuple(lying.get(index, ()))
            objects.append(top.now if old == new else replace(top.now, children=new))
        return replace(self.house, objects=tuple(objects))


def _tilted(thing: HouseObject) -> bool:
    return any(min(angle % 360, -angle % 360) > 1e-3 for angle in (thing.rotation[0], thing.rotation[2]))


def _is_small(thing: HouseObject) -> bool:
    """Whether it lies on something and can be picked up."""
    kind = asset(thing.asset_id).type
    held = table("placement-annotations")["isPickupable"].get(kind) or asset(thing.asset_id).primary == "CanPickup"
    return bool(held) and kind not in FIXED and not thing.children and not _tilted(thing)


def _is_loose(thing: HouseObject) -> bool:
    """Whether it stands on the floor by itself and can be moved by hand."""
    entry = asset(thing.asset_id)
    stands = abs(thing.position[1] - entry.size[1] / 2) < 0.03
    return stands and not thing.kinematic and entry.type not in FIXED and not thing.children and not _tilted(thing)


def _takes(holder: HouseObject, thing: HouseObject) -> bool:
    """Whether objects of this type lie on furniture of that type in ProcTHOR's houses."""
    kind = asset(holder.asset_id).type
    known = table("receptacles").get(kind, ())
    return kind not in CLOSED and not _tilted(holder) and asset(thing.asset_id).type in known


def _to_world(holder: HouseObject, x: float, z: float) -> tuple[float, float]:
    s, c = math.sin(math.radians(holder.rotation[1])), math.cos(math.radians(holder.rotation[1]))
    return holder.position[0] + x * c + z * s, holder.position[2] - x * s + z * c


def _to_local(holder: HouseObject, x: float, z: float) -> tuple[float, float]:
    s, c = math.sin(math.radians(holder.rotation[1])), math.cos(math.radians(holder.rotation[1]))
    dx, dz = x - holder.position[0], z - holder.position[2]
    return dx * c - dz * s, dx * s + dz * c
