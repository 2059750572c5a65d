"""Files and folders that are written whole or not at all, and by one process at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Path to write to, which replaces the file at the end: a crash leaves either the old file or the new one.

    An error inside leaves the old file, and nothing else.
    """
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        _flush(unfinished)
        unfinished.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2) + "\n")


def write_arrays(file: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays into an .npz file, whole or not at all."""
    with replacing(file) as unfinished, unfinished.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)


def replace_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new folder, which then replaces this one: a crash leaves either the old one or the new one.

    Read it after `recover_folder`.
    """
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    write(new)
    for path in new.rglob("*"):
        if path.is_file():
            _flush(path)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def recover_folder(folder: Path) -> bool:
    """Whether the folder exists, after putting it back if `replace_folder` was killed between its two renames."""
    old = folder.with_name(f"{folder.name}.old")
    if not folder.exists() and old.exists():
        os.rename(old, folder)
    return folder.exists()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; the lock ends with its process, whatever ends that."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def _flush(file: Path) -> None:
    """Wait until the file's data is on the disk."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
