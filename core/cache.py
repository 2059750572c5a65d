"""Where stages that runs share are kept on disk, and how files get there whole."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .storage import replacing

NEWEST = 3
"""Arrays of a kind that `kept` keeps."""


def cache_folder() -> Path:
    """$TESTSPACE_CACHE, else the user's cache folder."""
    own = os.environ.get("TESTSPACE_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "testspace"


def kept(
    kind: str, key: str, shape: tuple[int, ...], dtype: type[np.generic], make: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """What `make` gives, of that shape and dtype: from the disk where it was made before, else made and kept there.

    kind: folder in the cache. key: names everything that the array depends on. A file that is damaged is made anew; a
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


def kept_by_code(
    kind: str, modules: Sequence[str], shape: tuple[int, ...], dtype: type[np.generic], make: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """`kept` for what follows from code alone: the source of the named, imported modules, and numpy's version."""
    digest = hashlib.sha256(np.__version__.encode())
    try:
        for module in modules:
            digest.update(inspect.getsource(sys.modules[module]).encode())
    except OSError:  # no source to name the code by
        return make()
    return kept(kind, digest.hexdigest()[:32], shape, dtype, make)


def store(file: Path, write: Callable[[BinaryIO], None]) -> bool:
    """Let `write` fill a file of the cache, whole or not at all; False where the cache cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as unfinished, unfinished.open("wb") as out:
            write(out)
    except OSError:
        return False
    return True
