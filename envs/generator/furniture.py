"""Furniture: what stands against walls, round tables, in the middle of a room, and what hangs on walls.

An asset's back is its -z side: against a wall its yaw points from the wall into the room, 3 cm away from it, as in
ProcTHOR's houses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from ..assets import Asset, table
from .openings import usable
from .rates import CHAIRS, FURNITURE
from .space import Rect, RoomSpace, Side, footprint, overlap

GAP = 0.03
_MIDDLE = {"DogBed", "BasketBall", "GarbageBag", "Cart"}
_OBLIQUE = {"FloorLamp", "HousePlant"}
_HUNG = {"Painting": 0.02, "Television": 0.02}
_CORNER = {"Bed": 0.65, "Dresser": 0.6, "Toilet": 0.7, "CounterTop": 0.7, "Sink": 0.55, "Fridge": 0.4}
"""How often a type stands in a corner; the others 0.2."""
_FREE_STANDING = {"DiningTable": 0.6, "Sofa": 0.25}
_LARGE = ("CounterTop", "Bed", "Fridge", "Sofa", "DiningTable", "Toilet", "Sink", "TVStand", "Desk", "Dresser",
          "ShelvingUnit", "WashingMachine", "ClothesDryer", "ArmChair")  # fmt: skip
"""What is placed first, in this order; the rest follows by chance, and what hangs on walls comes last."""
_EXTRA = {"Bathroom": 1.0}
"""Rates are raised by this much, else by 1.15, since some of what is drawn finds no place."""


@dataclass(frozen=True)
class Placed:
    """A piece of furniture, its middle at (x, y, z)."""

    asset: Asset
    x: float
    y: float
    z: float
    yaw: float


def _suits(kind: str, asset: Asset) -> bool:
    """Whether this asset stands on the floor (or hangs on the wall), where its type has others that do not."""
    _, height, depth = asset.size
    if kind == "Sink":
        return height > 0.8
    if kind == "HousePlant":
        return height > 0.8
    if kind == "Television":
        return depth < 0.18
    return True


class Furnisher:
    """Furnishes one room after another, with one choice of assets and one stream of chance."""

    def __init__(self, exclude: Collection[str], height: float, rng: np.random.Generator) -> None:
        self.rng, self.height = rng, height
        kinds = sorted({kind for rates in FURNITURE.values() for kind in rates} | {"Chair"})
        self._choices = {k: [a for a in usable(k, exclude) if _suits(k, a) and a.size[1] < height - 0.1] for k in kinds}

    def furnish(self, space: RoomSpace) -> list[Placed]:
        """Everything that stands in this room or hangs on its walls; ``space`` is filled."""
        rates = FURNITURE[space.kind]
        drawn = [kind for kind, rate in rates.items() for _ in range(self._count(rate * _EXTRA.get(space.kind, 1.15)))]
        drawn = [drawn[index] for index in self.rng.permutation(len(drawn)).tolist()]
        rank = {kind: index for index, kind in enumerate(_LARGE)}
        drawn.sort(key=lambda kind: 1000 if kind in _HUNG else rank.get(kind, 100))
        found: list[Placed] = []
        for kind in drawn:
            if self._choices[kind]:
                found += self._stand(kind, space)
        return found

    def _count(self, rate: float) -> int:
        return int(rate) + int(self.rng.random() < rate % 1)

    def _stand(self, kind: str, space: RoomSpace) -> list[Placed]:
        place: Callable[[str, Asset, RoomSpace], list[Placed]]
        if kind in _HUNG:
            place = self._hang
        elif kind in _MIDDLE or self.rng.random() < _FREE_STANDING.get(kind, 0.0):
            place = self._in_the_middle
        elif kind in _OBLIQUE:
            place = self._oblique
        else:
            place = self._against_wall
        for _ in range(12):
            found = place(kind, self._pick(kind), space)
            if found:
                return found
        return []

    def _pick(self, kind: str) -> Asset:
        choices = self._choices[kind]
        return choices[int(self.rng.integers(len(choices)))]

    def _against_wall(self, kind: str, asset: Asset, space: RoomSpace) -> list[Placed]:
        width, height, depth = asset.size
        if width * depth > 0.3 * space.area:
            return []
        side = self._side(space)
        slack = side.length - width - 2 * GAP
        if slack < 0:
            return []
        corner = self.rng.random() < _CORNER.get(kind, 0.2)
        t0 = GAP + (slack * int(self.rng.integers(2)) if corner else float(self.rng.uniform(0, slack)))
        if not side.free(t0, 0.0, t0 + width, height):
            return []
        x, z = side.point(t0 + width / 2, GAP + depth / 2)
        return self._settle(kind, Placed(asset, x, height / 2, z, side.yaw), space, (side, t0, width))

    def _in_the_middle(self, kind: str, asset: Asset, space: RoomSpace) -> list[Placed]:
        x, z = self._somewhere(space)
        yaw = float(90 * self.rng.integers(4))
        return self._settle(kind, Placed(asset, x, asset.size[1] / 2, z, yaw), space)

    def _oblique(self, kind: str, asset: Asset, space: RoomSpace) -> list[Placed]:
        side, (width, height, depth) = self._side(space), asset.size
        yaw = float(self.rng.uniform(0, 360))
        box = footprint(0.0, 0.0, width, depth, yaw)
        half_t, half_out = (box[2], box[3]) if side.along[0] else (box[3], box[2])
        if side.length < 2 * half_t + 0.1:
            return []
        near_corner = self.rng.random() < 0.5
        ends = (half_t + 0.05, side.length - half_t - 0.05)
        t = ends[int(self.rng.integers(2))] if near_corner else float(self.rng.uniform(*ends))
        if not side.free(t - half_t, 0.0, t + half_t, height):
            return []
        x, z = side.point(t, half_out + float(self.rng.uniform(0.03, 0.2)))
        return self._settle(kind, Placed(asset, x, height / 2, z, yaw), space)

    def _hang(self, kind: str, asset: Asset, space: RoomSpace) -> list[Placed]:
        side, (width, height, depth) = self._side(space), asset.size
        slack, top = side.length - width - 0.2, self.height - 0.1 - height / 2
        y = float(np.clip(self.rng.normal(1.75, 0.25), height / 2 + 0.5, top))
        if slack < 0 or top < height / 2 + 0.5:
            return []
        t = 0.1 + width / 2 + float(self.rng.uniform(0, slack))
        part = (t - width / 2, y - height / 2, t + width / 2, y + height / 2)
        x, z = side.point(t, depth / 2 + 0.005)
        box = footprint(x, z, width, depth, side.yaw)
        if not side.free(*part) or not space.inside(box):
            return []
        # Nothing hangs through what stands on the floor, and nothing low juts out where one walks.
        if any(overlap(box, other) for other in space.solid) or (y - height / 2 < 1.0 and not space.put([box])):
            return []
        side.taken.append(part)
        return [Placed(asset, x, y, z, side.yaw)]

    def _side(self, space: RoomSpace) -> Side:
        lengths = np.array([side.length for side in space.sides])
        return space.sides[int(self.rng.choice(len(lengths), p=lengths / lengths.sum()))]

    def _somewhere(self, space: RoomSpace) -> tuple[float, float]:
        points = space.reachable()
        if not len(points):
            return space.centre()
        x, z = points[int(self.rng.integers(len(points)))]
        return float(x), float(z)

    def _settle(
        self, kind: str, piece: Placed, space: RoomSpace, wall: tuple[Side, float, float] | None = None
    ) -> list[Placed]:
        """Put the piece down, with its chairs, where all that fits; the chairs are left out where only they do not."""
        width, height, depth = piece.asset.size
        box = footprint(piece.x, piece.z, width, depth, piece.yaw)
        if not space.fits(box):
            return []
        chairs = self._chairs(piece, box, space) if kind in ("DiningTable", "Desk") else []
        boxes = [footprint(c.x, c.z, c.asset.size[0], c.asset.size[2], c.yaw) for c in chairs]
        while not space.put([box, *boxes]):
            if not chairs:
                return []
            chairs, boxes = chairs[:-1], boxes[:-1]
        if wall is not None:
            side, t0, span = wall
            side.taken.append((t0, 0.0, t0 + span, height))
        return [piece, *chairs]

    def _chairs(self, piece: Placed, box: Rect, space: RoomSpace) -> list[Placed]:
        """Chairs at the sides of a table, turned to it, each a little askew."""
        if not self._choices["Chair"]:
            return []
        wanted = int(self.rng.poisson(CHAIRS[space.kind])) if piece.asset.type == "DiningTable" else 1
        chair = self._pick("Chair")
        width, height, depth = chair.size
        found: list[Placed] = []
        boxes = [box]
        for _ in range(8 * wanted):
            if len(found) >= wanted:
                break
            front = piece.asset.type == "Desk"
            facing = piece.yaw + 180 if front else float(90 * self.rng.integers(4))
            yaw = facing + float(self.rng.uniform(-20, 20))
            sx, sz = math.sin(math.radians(facing)), math.cos(math.radians(facing))
            own = footprint(0.0, 0.0, width, depth, yaw)
            reach = (box[2] - box[0]) / 2 * abs(sx) + (box[3] - box[1]) / 2 * abs(sz)
            out = reach + own[2] * abs(sx) + own[3] * abs(sz) + float(self.rng.uniform(0.02, 0.12))
            along = max((box[2] - box[0]) / 2 * abs(sz) + (box[3] - box[1]) / 2 * abs(sx) - 0.25, 0.0)
            slide = float(self.rng.uniform(-along, along))
            x, z = piece.x - sx * out + sz * slide, piece.z - sz * out - sx * slide
            place = footprint(x, z, width, depth, yaw)
            if space.fits(place) and not any(overlap(place, other) for other in boxes):
                found.append(Placed(chair, x, height / 2, z, yaw % 360))
                boxes.append(place)
        return found


def is_kinematic(kind: str) -> bool:
    """Whether ProcTHOR fixes objects of this type in place."""
    return bool(table("placement-annotations")["isKinematic"].get(kind, False))
