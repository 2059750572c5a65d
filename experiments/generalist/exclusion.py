"""Assets excluded from the generalist's training, so that the houses it is evaluated in are unseen."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ...envs.house.assets import assets
from ...envs.house.house import House
from ..protocol.transfer_set import house_assets


def excluded_assets(houses: Iterable[House]) -> tuple[frozenset[str], frozenset[str]]:
    """The assets of these houses that training excludes, and those that it keeps.

    It keeps the assets of types that have no other asset, since the type would vanish.
    """
    present = frozenset().union(*(house_assets(house) for house in houses))
    types = {entry.asset_id: entry.type for entry in assets().values()}
    remaining_types = {kind for name, kind in types.items() if name not in present}
    excluded = frozenset(name for name in present if types[name] in remaining_types)
    return excluded, present - excluded


def known_assets(house: House, excluded: Collection[str]) -> frozenset[str]:
    """The house's assets that training without `excluded` may have used."""
    return frozenset(house_assets(house)) - frozenset(excluded)
