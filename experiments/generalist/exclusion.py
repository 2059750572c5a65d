"""Which assets the generalist must not know, so that the houses it is evaluated in are new to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...envs.generator.splits import asset_splits
from ...envs.house.assets import assets
from ...envs.house.house import House
from ..protocol.transfer_set import house_assets


def excluded_assets(houses: Iterable[House]) -> tuple[frozenset[str], frozenset[str]]:
    """Which assets training leaves out so that it knows nothing of these houses, and which it keeps all the same.

    Kept are those of types of which the split "train" has no others: the type would vanish.
    """
    shared = frozenset().union(*(house_assets(house) for house in houses))
    types = {entry.asset_id: entry.type for entry in assets().values()}
    train = {name for name, split in asset_splits().items() if split == "train"}
    left = {types[name] for name in train - shared}
    excluded = frozenset(name for name in shared if types[name] in left)
    return excluded, (shared & train) - excluded


def known_assets(house: House, excluded: Collection[str]) -> frozenset[str]:
    """Those of the house's assets that training on the split "train" without `excluded` has used, or may have."""
    splits = asset_splits()
    return frozenset(name for name in house_assets(house) if splits.get(name) == "train" and name not in excluded)
