"""Which assets the generalist must not know, so that the houses it is evaluated in are new to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...envs.house.assets import assets
from ...envs.house.house import House
from ..protocol.transfer_set import house_assets


def excluded_assets(houses: Iterable[House]) -> tuple[frozenset[str], frozenset[str]]:
    """Which assets training leaves out so that it knows nothing of these houses, and which it keeps all the same.

    Kept are those of types of which there are no others: the type would vanish.
    """
    shared = frozenset().union(*(house_assets(house) for house in houses))
    types = {entry.asset_id: entry.type for entry in assets().values()}
    left = {kind for name, kind in types.items() if name not in shared}
    excluded = frozenset(name for name in shared if types[name] in left)
    return excluded, shared - excluded


def known_assets(house: House, excluded: Collection[str]) -> frozenset[str]:
    """Those of the house's assets that training without `excluded` has used, or may have."""
    return frozenset(house_assets(house)) - frozenset(excluded)
