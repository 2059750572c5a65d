"""How the project's kernels are compiled: cached on disk, without the GIL, and without counting references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A small function that becomes part of every kernel that calls it."""
    compiled: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy", inline="always")(function)
    return compiled


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that Python calls with arrays that it keeps alive during the call; it must not allocate arrays.

    numba would count a reference, atomically, to every array of a tuple wherever the tuple is used: in the ray
    caster's inner loop that costs up to five times the work itself. Without its runtime it counts none.
    """
    compiled: Callable[..., Any] = njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)  # type: ignore[call-overload]
    return compiled
