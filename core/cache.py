"""Cache on disk for slow computations, under keys of everything that they depend on, their code included."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .digests import code_digest, digest, library_versions
from .storage import replacing

NEWEST = 3
"""Number of arrays of one kind that `cached` leaves on disk; the oldest are deleted."""


def cache_folder() -> Path:
    """$TESTSPACE_CACHE, else the user's cache folder."""
    own = os.environ.get("TESTSPACE_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "testspace"


@cache
def code_key(module: str) -> str | None:
    """Key of a module, given by its `__name__`: its code, that of all its imports in the package, and the libraries'
    versions.

    None if the source is missing: nothing should be cached then.
    """
    code = code_digest(module.removeprefix("testspace."))
    if code == code_digest():
        return None
    return digest([code, library_versions()])


def cached(
    kind: str, key: str, shape: tuple[int, ...], dtype: type[np.generic], make: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """The array that `make` computes, of that shape and dtype: read from the disk, or computed and stored there.

    kind: folder in the cache. key: names everything that the array depends on. A damaged file is computed again; a
    cache that cannot be written costs time later and nothing else.
    """
    file = cache_folder() / kind / f"{key}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        stored: NDArray[Any] = np.load(file, allow_pickle=False)
        if stored.shape == shape and stored.dtype == dtype and stored.flags.c_contiguous:
            return stored
    made = make()
    if store(file, lambda out: np.save(out, made)):
        with contextlib.suppress(OSError):
            files = sorted(file.parent.glob("*.npy"), key=lambda path: -path.stat().st_mtime_ns)
            for old in files[NEWEST:]:
                old.unlink(missing_ok=True)
    return made


def cached_by_code(
    kind: str, module: str, shape: tuple[int, ...], dtype: type[np.generic], make: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """`cached` for arrays that depend only on the code of a module, given by its `__name__` (see `code_key`)."""
    key = code_key(module)
    return make() if key is None else cached(kind, key, shape, dtype, make)


def store(file: Path, write: Callable[[BinaryIO], None]) -> bool:
    """Let `write` fill a file of the cache, whole or not at all; False if the cache cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as unfinished, unfinished.open("wb") as out:
            write(out)
    except OSError:
        return False
    return True
