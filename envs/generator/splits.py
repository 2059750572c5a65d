"""The split of each asset, so that no asset occurs in the houses of two splits.

The asset database gives most assets a split, and leaves those of some types (toilets, mugs, doors' hardware) free for
any. The free ones are distributed here, type by type in the database's order: the first to train, the second to test,
the third to val, the next three to train, and so on. A type with only one or two such assets does not occur in the
other splits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ..house.assets import assets

SPLITS = ("train", "val", "test")
_DEAL = ("train", "test", "val", "train", "train", "train")


@cache
def asset_splits() -> Mapping[str, str]:
    """The split of every asset by its id; read-only."""
    split_of: dict[str, str] = {}
    dealt: Counter[str] = Counter()
    for entry in assets().values():
        if entry.split is None:
            split_of[entry.asset_id] = _DEAL[dealt[entry.type] % len(_DEAL)]
            dealt[entry.type] += 1
        else:
            split_of[entry.asset_id] = entry.split
    return MappingProxyType(split_of)


@cache
def excluded_assets(split: str) -> frozenset[str]:
    """The assets that houses of a split may not use. ValueError if there is no such split."""
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, or None for all assets; got {split!r}")
    return frozenset(name for name, other in asset_splits().items() if other != split)
