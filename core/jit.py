"""How the project's kernels are compiled: without the GIL, and cached on disk under a checksum.

numba's own cache has none: a damaged file ends in a traceback of pickle's, or in machine code that is not what was
compiled. Here one line says so, and it is compiled again. A cache that cannot be written costs time later and nothing
else.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit
from numba.core.caching import IndexDataCacheFile
from numba.core.serialize import dumps

_DIGEST = hashlib.sha256().digest_size


def compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """A function that Python calls."""
    made: Callable[..., Any]
    try:
        made = njit(cache=True, nogil=True, **options)(function)
    except RuntimeError:  # no folder for a cache can be written
        made = njit(nogil=True, **options)(function)
    cache: Any = getattr(made, "_cache", None)  # none where NUMBA_DISABLE_JIT leaves it a Python function
    if hasattr(cache, "_cache_file"):
        cache._cache_file = _CheckedFiles.of(cache._cache_file)
    return made


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A small function that becomes part of every kernel that calls it."""
    return compiled(function, error_model="numpy", inline="always")


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that Python calls with arrays that it keeps alive during the call; it must not allocate arrays.

    numba would count a reference, atomically, to every array of a tuple wherever the tuple is used: in the ray
    caster's inner loop that costs up to five times the work itself. Without its runtime it counts none.
    """
    return compiled(function, error_model="numpy", _nrt=False)


class _CheckedFiles(IndexDataCacheFile):
    """The files of a function in numba's cache, each behind the SHA-256 of its content."""

    @classmethod
    def of(cls, files: Any) -> _CheckedFiles:
        """The same files; their names tell them from numba's own, and from those of other versions, whose content may
        not be readable at all."""
        base = files._index_name.removesuffix(".nbi")
        return cls(files._cache_path, f"{base}.checked-{numba.__version__}", files._source_stamp)

    def save(self, key: Any, data: Any) -> None:
        """Store what was compiled; without room or permission, the next process compiles it again."""
        with contextlib.suppress(OSError):
            super().save(key, data)

    def _load_index(self) -> dict[Any, str]:
        stamp, names = self._read(self._index_path) or (None, {})
        return names if stamp == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, ((self._version, self._source_stamp), overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _write(self, path: str, content: Any) -> None:
        data = dumps(content)
        with self._open_for_write(path) as out:
            out.write(hashlib.sha256(data).digest() + data)

    def _read(self, path: str) -> Any:
        """What was stored; None where the file is missing, unreadable or damaged."""
        try:
            data = Path(path).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
            print(f"{path}: a compiled kernel is damaged, and is compiled again", file=sys.stderr)
            with contextlib.suppress(OSError):
                Path(path).unlink()
            return None
        return pickle.loads(data[_DIGEST:])  # written here: whoever can write there can run code (SECURITY.md)
