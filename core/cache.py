"""Cache on disk for slow computations, under keys of everything that they depend on, their code included."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .digests import code_digest, digest, library_versions
from .storage import DamagedError, locked, read_arrays, replacing, write_arrays

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
    file = cache_folder() / kind / f"{key}.npz"
    stored = read_cached(file).get("value")
    if stored is not None and stored.shape == shape and stored.dtype == dtype and stored.flags.c_contiguous:
        return stored
    made = make()
    if store(file, lambda out: np.savez(out, allow_pickle=False, value=made)):
        with contextlib.suppress(OSError):
            files = sorted(file.parent.glob("*.npz"), key=lambda path: -path.stat().st_mtime_ns)
            for old in files[NEWEST:]:
                old.unlink(missing_ok=True)
    return made


def cached_parts(
    kind: str,
    key: str,
    count: int,
    make: Callable[[int], Mapping[str, NDArray[Any]]],
    advance: Callable[[int, int], Any],
) -> tuple[dict[str, NDArray[Any]], Path]:
    """Arrays of parts 0 to count - 1, each by `make`, joined along their first axis, and the file that holds them.

    From the cache where they were made before. Each part is stored as it is made: one that is killed goes on from
    there. Of processes side by side one makes them, and the others wait. A damaged file is made again.
    """
    file = cache_folder() / kind / f"{key}.npz"
    arrays = read_cached(file)
    if not arrays:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(file.with_suffix(".lock")):
            arrays = read_cached(file)
            if not arrays:
                folder = file.with_suffix(".parts")
                parts = list(_parts(folder, count, make, advance))
                arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
                write_arrays(file, arrays)
                shutil.rmtree(folder, ignore_errors=True)
    return arrays, file


def _parts(
    folder: Path, count: int, make: Callable[[int], Mapping[str, NDArray[Any]]], advance: Callable[[int, int], Any]
) -> Iterator[Mapping[str, NDArray[Any]]]:
    """Each part: as an earlier process has left it, or made and stored."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        file = folder / f"{number}.npz"
        part: Mapping[str, NDArray[Any]] = read_cached(file)
        if not part:
            part = make(number)
            write_arrays(file, part)
        yield part
        advance(number + 1, count)


def read_cached(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file of the cache; none where there is no such file, or a damaged one: a line on stderr says so,
    and it is removed."""
    try:
        return read_arrays(file) if file.exists() else {}
    except DamagedError as error:
        print(f"{error}; it is made again", file=sys.stderr, flush=True)
        with contextlib.suppress(OSError):
            file.unlink()
        return {}


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
