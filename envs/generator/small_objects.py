"""Placement of small objects on tables, beds and shelves, each at the height of the surface below it."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from ..house.assets import Asset
from ..house.footprints import Rect, footprint
from .door_placement import usable
from .furnishing import Placed
from .rates import ON_TOP
from .room_surfaces import resting_height
from .space import RoomSpace, Volume, volume_of

_FIXED = {"Faucet", "Television"}
"""Types placed first, with the yaw of the furniture below."""
_HOLLOW = {"Fridge"}
"""Closed furniture with objects inside."""
_RETRIES = 10


def surface_height(asset: Asset) -> float:
    """Height in metres of the surface on which objects rest; seats and mattresses are below the top of their asset's
    box."""
    height = asset.size[1]
    seat = {"Bed": (0.67, 0.5), "Sofa": (0.48, 0.46), "ArmChair": (0.51, 0.46), "Chair": (0.5, 0.46)}
    if asset.type in seat:
        share, usual = seat[asset.type]
        return min(max(share * height, min(usual, height)), height) if height < 1.0 else usual
    if asset.type == "Fridge":
        return 0.57 * height
    return height


def _surface(asset: Asset, kind: str) -> Rect:
    """Rectangle in the asset's (x, z) on which objects of a type may rest."""
    width, _, depth = asset.size
    x, back, front = width / 2 - 0.02, -depth / 2 + 0.02, depth / 2 - 0.02
    if asset.type == "Bed":
        # Pillows lie at the head, which is at the back; the rest below them.
        split = back + 0.3 * depth
        return (-x, back, x, split) if kind == "Pillow" else (-x, split, x, front)
    if asset.type in ("Sofa", "ArmChair", "Chair"):
        return -x + 0.1 * width, back + 0.3 * depth, x - 0.1 * width, front
    if asset.type in _HOLLOW:
        return -x + 0.08, back + 0.08, x - 0.08, front - 0.08
    if asset.type == "Toilet":
        return -x, back, x, back + 0.25 * depth
    if asset.type == "Sink":
        return -x, back, x, back + 0.35 * depth
    if asset.type == "CounterTop" and width > 1.0 and depth > 1.0:
        # Large counters are L- or U-shaped: only their back is certain to be covered.
        return -x, back, x, back + 0.58
    return -x, back, x, front


def _suits(kind: str, asset: Asset, parent: Asset) -> bool:
    width, height, depth = asset.size
    if kind == "HousePlant":
        return height < 0.6 and max(width, depth) < 0.45
    if kind == "Television":
        return width <= parent.size[0] + 0.1 and depth <= parent.size[2]
    return kind != "Sink" or height < 0.3


class SmallObjectPlacer:
    """Puts small objects on one piece of furniture after another."""

    def __init__(self, exclude: Collection[str], ceiling: float, rng: np.random.Generator) -> None:
        self.rng, self.ceiling = rng, ceiling
        kinds = sorted({kind for rates in ON_TOP.values() for kind in rates})
        self._choices = {kind: usable(kind, exclude) for kind in kinds}
        self._area = {k: max((a.size[0] * a.size[2] for a in of), default=0.0) for k, of in self._choices.items()}

    def place_on(self, parent: Placed, space: RoomSpace) -> list[Placed]:
        """Small objects on ``parent``, which stands in ``space``, in the house's frame."""
        rates = ON_TOP.get(parent.asset.type, {})
        drawn = [kind for kind, rate in rates.items() for _ in range(int(rate) + int(self.rng.random() < rate % 1))]
        drawn = [drawn[index] for index in self.rng.permutation(len(drawn)).tolist()]
        # The largest first: between small ones there would be no room left for them.
        drawn.sort(key=lambda kind: (kind not in _FIXED, -self._area[kind]))
        own = volume_of(parent.x, parent.y, parent.z, parent.asset.size, parent.yaw)
        held = next((volume for volume in space.volumes if np.allclose(volume, own)), None)
        return [placed for kind in drawn if (placed := self._place(kind, parent, space, held))]

    def _place(self, kind: str, parent: Placed, space: RoomSpace, held: Volume | None) -> Placed | None:
        choices = [asset for asset in self._choices[kind] if _suits(kind, asset, parent.asset)]
        if not choices:
            return None
        area = _surface(parent.asset, kind)
        s, c = math.sin(math.radians(parent.yaw)), math.cos(math.radians(parent.yaw))
        for _ in range(_RETRIES):
            asset = choices[int(self.rng.integers(len(choices)))]
            fixed = kind in _FIXED or kind == "Pillow"
            turn = 0.0 if fixed else float(90 * self.rng.integers(4))
            box = footprint(0.0, 0.0, asset.size[0], asset.size[2], turn)
            # Objects larger than the surface may overhang a little, as pillows and televisions do.
            slack_x = area[2] - area[0] - 2 * box[2]
            slack_z = area[3] - area[1] - 2 * box[3]
            if min(slack_x, slack_z) < -0.1:
                continue
            x, z = (area[0] + area[2]) / 2, (area[1] + area[3]) / 2
            if kind not in _FIXED:
                x += float(self.rng.uniform(-0.5, 0.5)) * max(slack_x, 0.0)
                z += float(self.rng.uniform(-0.5, 0.5)) * max(slack_z, 0.0)
            height = self._height(parent.asset, footprint(x, z, asset.size[0], asset.size[2], turn))
            if height is None:
                continue
            foot = parent.y - parent.asset.size[1] / 2
            y = foot + height + asset.size[1] / 2
            placed = Placed(asset, parent.x + x * c + z * s, y, parent.z - x * s + z * c, (parent.yaw + turn) % 360)
            volume = volume_of(placed.x, y, placed.z, asset.size, placed.yaw)
            if volume[5] < self.ceiling and space.inside(volume[:4]) and space.empty(volume, held):
                space.volumes.append(volume)
                return placed
        return None

    def _height(self, parent: Asset, rect: Rect) -> float | None:
        """Height above the parent's foot at which an object over ``rect`` rests on it."""
        usual = surface_height(parent)
        return usual if parent.type in _HOLLOW else resting_height(parent.asset_id, _under(rect), usual)


def _under(rect: Rect) -> NDArray[np.float64]:
    """The middle of a rectangle and four points half way to its corners."""
    x, z, w, d = (rect[0] + rect[2]) / 2, (rect[1] + rect[3]) / 2, (rect[2] - rect[0]) / 4, (rect[3] - rect[1]) / 4
    return np.array([(x, z), (x - w, z - d), (x + w, z - d), (x + w, z + d), (x - w, z + d)])
