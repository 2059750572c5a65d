"""Endless labelled views of houses to train on, generated or real, for PyTorch and for plain numpy.

Public: `HouseViews`, `HouseViewsDataset`, `ViewOptions`, `CameraRange`, `poses`, `light`, `generated`.

`HouseViewsDataset` imports torch when it is first used; nothing else here does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .house_views import HouseViews
    from .torch_views import HouseViewsDataset
    from .view_options import CameraRange, ViewOptions

_WHERE = {
    "CameraRange": "view_options",
    "HouseViews": "house_views",
    "HouseViewsDataset": "torch_views",
    "ViewOptions": "view_options",
}

__all__ = ["CameraRange", "HouseViews", "HouseViewsDataset", "ViewOptions"]


def __getattr__(name: str) -> Any:
    """Load a name of the table on first use (PEP 562)."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_WHERE[name]}", __name__), name)
    globals()[name] = value
    return value
