"""The AI2-THOR asset database: `procthor_tables.json`.

Types, sizes, splits and materials of 1,653 assets, the holes that doors and windows need, and ProcTHOR's tables for
furnishing houses (https://github.com/allenai/procthor, Apache-2.0), without what is not used here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

Size = tuple[float, float, float]


@dataclass(frozen=True)
class Asset:
    """One model of the asset database, in its own frame: x to the right, y up, z forward (its front is +z)."""

    asset_id: str
    """AI2-THOR's name for it."""
    type: str
    """AI2-THOR object type, "Chair"."""
    size: Size
    """Extent of its box along x, y, z, in metres."""
    split: str | None
    """ "train", "val" or "test"; None if it may be used in any."""
    materials: tuple[str, ...]
    """Unity material names, in the database's order, each once."""
    primary: str
    """Main interaction: "CanPickup", "Moveable", "Static"; "" if the database has none."""
    properties: tuple[str, ...]
    """Further properties: "Receptacle", "CanOpen", "CanToggleOnOff", ..."""


TABLES = Path(__file__).with_name("procthor_tables.json")


@cache
def table(name: str) -> Any:
    """One of ProcTHOR's tables as parsed JSON, by its file's name there. Shared: do not change what it returns."""
    return _tables()[name]


@cache
def _tables() -> dict[str, Any]:
    return dict(json.loads(TABLES.read_text(encoding="utf-8")))


def _size(box: Mapping[str, float]) -> Size:
    return float(box["x"]), float(box["y"]), float(box["z"])


@cache
def assets() -> Mapping[str, Asset]:
    """Every asset by its id, in the database's order; read-only."""
    by_id: dict[str, Asset] = {}
    for kind, rows in table("asset-database").items():
        for name, size, split, materials, primary, properties in rows:
            by_id[name] = Asset(name, kind, tuple(size), split, tuple(materials), primary, tuple(properties))
    return MappingProxyType(by_id)


@cache
def assets_of(kind: str) -> tuple[Asset, ...]:
    """The assets of one object type, in the database's order; empty where there is no such type."""
    return tuple(entry for entry in assets().values() if entry.type == kind)


def near_names(asset_id: str) -> list[str]:
    """Up to three asset ids that look like ``asset_id``."""
    lower = {name.lower(): name for name in assets()}
    return [lower[match] for match in difflib.get_close_matches(asset_id.lower()[:100], lower, n=3, cutoff=0.6)]


def asset(asset_id: str) -> Asset:
    """The asset of this id; KeyError, with ids that look like it, where there is none."""
    try:
        return assets()[asset_id]
    except KeyError:
        near = near_names(asset_id)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise KeyError(f"no asset {asset_id[:100]!r} in the asset database{hint}") from None


@dataclass(frozen=True)
class WallHole:
    """The hole in a wall that a door or window asset needs."""

    width: float
    """Metres along the wall."""
    height: float
    """Metres upwards."""
    offset: Size
    """From the corner of the asset's box to the corner of the hole, in metres."""


@cache
def wall_holes() -> Mapping[str, WallHole]:
    """Holes by door or window asset id; read-only. Doorframes use the hole of the doorway of the same number."""
    holes = {}
    for name, entry in table("wall-holes").items():
        low, high, offset = _size(entry["min"]), _size(entry["max"]), _size(entry["offset"])
        holes[name] = WallHole(high[0] - low[0], high[1] - low[1], offset)
    return MappingProxyType(holes)
