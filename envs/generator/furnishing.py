"""Placement of furniture: against walls, around tables, in the middle of a room, and on walls.

An asset's back is its -z side: against a wall its yaw points from the wall into the room, 3 cm away from it, as in
ProcTHOR's houses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from ..house.assets import Asset, table
from ..house.footprints import footprint
from .door_placement import usable
from .rates import CHAIRS, FURNITURE
from .space import RoomSpace, Side, Volume, volume_of

GAP = 0.03
_MIDDLE = {"DogBed", "BasketBall", "GarbageBag", "Cart"}
_OBLIQUE = {"FloorLamp", "HousePlant"}
_HUNG = {"Painting": 0.02, "Television": 0.02}
_CORNER = {"Bed": 0.65, "Dresser": 0.6, "Toilet": 0.7, "CounterTop": 0.7, "Sink": 0.55, "Fridge": 0.4}
"""Probability that a type stands in a corner; 0.2 for other types."""
_FREE_STANDING = {"DiningTable": 0.6, "Sofa": 0.25}
_PARTNERS = {"TVStand": ("Sofa",), "SideTable": ("Bed", "Sofa"), "Fridge": ("CounterTop",)}
"""Types next to which a type is placed, or opposite which, if it is watched from there."""
_TOGETHER = 0.7
_LARGE = ("CounterTop", "Bed", "Fridge", "Sofa", "DiningTable", "Toilet", "Sink", "TVStand", "Desk", "Dresser",
          "ShelvingUnit", "WashingMachine", "ClothesDryer", "ArmChair")  # fmt: skip
"""Types placed first, in this order; others follow in random order, and those on walls come last."""
_EXTRA = {"Bathroom": 1.0}
"""Factor of the rates by room type, else 1.15, since some draws cannot be placed."""


@dataclass(frozen=True)
class Placed:
    """A piece of furniture, its middle at (x, y, z)."""

    asset: Asset
    x: float
    y: float
    z: float
    yaw: float


def _suits(kind: str, asset: Asset) -> bool:
    """Whether this asset stands on the floor (or hangs on the wall) as its type should."""
    _, height, depth = asset.size
    if kind == "Sink":
        return height > 0.8
    if kind == "HousePlant":
        return height > 0.8
    if kind == "Television":
        return depth < 0.18
    return True


class Furnisher:
    """Furnishes one room after another, with one set of assets and one random generator."""

    def __init__(self, exclude: Collection[str], height: float, rng: np.random.Generator) -> None:
        self.rng, self.height = rng, height
        self._partner: Placed | None = None
        kinds = sorted({kind for rates in FURNITURE.values() for kind in rates} | {"Chair"})
        self._choices = {k: [a for a in usable(k, exclude) if _suits(k, a) and a.size[1] < height - 0.1] for k in kinds}

    def furnish(self, space: RoomSpace) -> list[Placed]:
        """The furniture of this room; marks ``space`` as occupied."""
        rates = FURNITURE[space.kind]
        drawn = [kind for kind, rate in rates.items() for _ in range(self._count(rate * _EXTRA.get(space.kind, 1.15)))]
        drawn = [drawn[index] for index in self.rng.permutation(len(drawn)).tolist()]
        rank = {kind: index for index, kind in enumerate(_LARGE)}
        drawn.sort(key=lambda kind: 1000 if kind in _HUNG else rank.get(kind, 100))
        pieces: list[Placed] = []
        for kind in drawn:
            partner = next((p for p in pieces if p.asset.type in _PARTNERS.get(kind, ())), None)
            self._partner = partner if self.rng.random() < _TOGETHER else None
            if self._choices[kind]:
                pieces += self._stand(kind, space)
        return pieces

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
            pieces = place(kind, self._pick(kind), space)
            if pieces:
                return pieces
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
        side, t0 = self._by_partner(kind, width, space) or (side, t0)
        if not side.free(t0, 0.0, t0 + width, height):
            return []
        x, z = side.point(t0 + width / 2, GAP + depth / 2)
        return self._settle(kind, Placed(asset, x, height / 2, z, side.yaw), space, (side, t0, width))

    def _by_partner(self, kind: str, width: float, space: RoomSpace) -> tuple[Side, float] | None:
        """Wall and position at which a piece of this width is next to, or opposite, its partner."""
        partner = self._partner
        if partner is None:
            return None
        opposite = kind == "TVStand"
        yaw = (partner.yaw + 180 * opposite) % 360
        sides = [side for side in space.sides if abs(side.yaw - yaw) < 1.0]
        if not sides:
            return None
        side = sides[int(self.rng.integers(len(sides)))]
        t = (partner.x - side.a[0]) * side.along[0] + (partner.z - side.a[1]) * side.along[1] - width / 2
        if not opposite:
            t += float(self.rng.choice((-1, 1))) * ((partner.asset.size[0] + width) / 2 + GAP)
        return (side, t) if GAP <= t <= side.length - width - GAP else None

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
        # The scene moves hanging objects from the wall's middle to its face.
        front = side.point(t, depth / 2 + 0.005 + GAP)
        volume = volume_of(front[0], y, front[1], asset.size, side.yaw)
        if not side.free(*part) or not space.fits(volume):
            return []
        # Low hanging objects are obstacles.
        if not space.put([volume]):
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
        """Place the piece with its chairs if all fit, or without them if only the chairs do not."""
        own = _volume(piece)
        if not space.fits(own):
            return []
        chairs = self._chairs(piece, own, space) if piece.asset.type in ("DiningTable", "Desk") else []
        while not space.put([own, *(_volume(chair) for chair in chairs)]):
            if not chairs:
                return []
            chairs = chairs[:-1]
        if wall is not None:
            side, t0, span = wall
            side.taken.append((t0, 0.0, t0 + span, piece.asset.size[1]))
        return [piece, *chairs]

    def _chairs(self, piece: Placed, own: Volume, space: RoomSpace) -> list[Placed]:
        """Chairs in a row along each side of a table, or one before a desk, turned to it, each slightly rotated."""
        if not self._choices["Chair"]:
            return []
        desk = piece.asset.type == "Desk"
        count = 1 if desk else int(self.rng.poisson(CHAIRS[space.kind]))
        chair = self._pick("Chair")
        width, height, depth = chair.size
        seats: list[tuple[float, float, float]] = []  # (facing, share of the reach outwards, metres to the side)
        for facing in [piece.yaw + 180] if desk else [0.0, 90.0, 180.0, 270.0]:
            long = own[3] - own[1] if facing % 180 == 90 else own[2] - own[0]
            reach = own[2] - own[0] if facing % 180 == 90 else own[3] - own[1]
            row = 1 if desk else max(int(long / (width + 0.1)), 1)
            seats += [(facing, reach / 2, (place + 0.5) * long / row - long / 2) for place in range(row)]
        seats = [seats[index] for index in self.rng.permutation(len(seats)).tolist()]
        pieces: list[Placed] = []
        for facing, reach, slide in seats:
            if len(pieces) == count:
                break
            yaw = facing + float(self.rng.uniform(-12, 12))
            sx, sz = math.sin(math.radians(facing)), math.cos(math.radians(facing))
            box = footprint(0.0, 0.0, width, depth, yaw)
            out = reach + box[2] * abs(sx) + box[3] * abs(sz) + float(self.rng.uniform(0.02, 0.1))
            x, z = piece.x - sx * out + sz * slide, piece.z - sz * out - sx * slide
            placed = Placed(chair, x, height / 2, z, yaw % 360)
            if space.fits(_volume(placed)) and not any(_meet(_volume(placed), _volume(other)) for other in pieces):
                pieces.append(placed)
        return pieces


def _volume(piece: Placed) -> Volume:
    return volume_of(piece.x, piece.y, piece.z, piece.asset.size, piece.yaw)


def _meet(a: Volume, b: Volume) -> bool:
    """Whether two pieces on the floor overlap."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def is_kinematic(kind: str) -> bool:
    """Whether ProcTHOR fixes objects of this type in place."""
    return bool(table("placement-annotations")["isKinematic"].get(kind, False))
