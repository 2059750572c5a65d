"""Files and folders that are written whole or not at all, and by one process at a time.

A folder's `SUMS` has the digest of each of its files, so that a damaged one is noticed before it is used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import UserError

SUMS = "sums.json"
"""File with the digests of the files beside it."""


class DamagedError(UserError):
    """A file that is not as it was written."""


class LockedError(UserError):
    """Another process has the lock."""


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Path to write to, which replaces the file at the end: a crash leaves either the old file or the new one.

    An error inside leaves the old file, and nothing else.
    """
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        with naming(file):
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


def read_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file. DamagedError where it is not as it was written: each has a checksum."""
    try:
        # np.load leaves a file open that it opened itself and found damaged
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("no .npz file")
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError:
        raise DamagedError(f"{file}: the file is gone") from None
    except (
        OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError,
        MemoryError, SyntaxError,
    ) as error:  # fmt: skip
        raise DamagedError(f"{file}: damaged ({error})") from None


def replace_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a new folder, which then replaces this one: a crash leaves either the old one or the new one.

    The one before is kept as FOLDER.old, for where the new one is damaged later. Read it after `recover_folder`.
    """
    new, old = folder.with_name(f"{folder.name}.new"), folder.with_name(f"{folder.name}.old")
    shutil.rmtree(new, ignore_errors=True)
    with naming(folder):
        write(new)
        (new / SUMS).write_text(json.dumps(_digests(new), indent=2) + "\n")
        for path in new.rglob("*"):
            if path.is_file():
                _flush(path)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.rename(folder, old)
        os.rename(new, folder)
        _flush_folder(folder.parent)


def recover_folder(folder: Path) -> bool:
    """Whether the folder exists and is whole, after putting back the one before where it is not.

    The one before is taken where `replace_folder` was killed between its two renames, and where a file differs from its
    digest, which a line on stderr says. A damaged folder stays as FOLDER.damaged.
    """
    old, damaged = folder.with_name(f"{folder.name}.old"), folder.with_name(f"{folder.name}.damaged")
    wrong = check_folder(folder) if folder.exists() else None
    if wrong is not None:
        shutil.rmtree(damaged, ignore_errors=True)
        os.rename(folder, damaged)
    if not folder.exists() and old.exists() and check_folder(old) is None:
        os.rename(old, folder)
    if wrong is not None:
        instead = "what was stored before is used" if folder.exists() else "nothing was stored before it"
        print(f"{wrong}; {instead}", file=sys.stderr, flush=True)
    return folder.exists()


def check_folder(folder: Path) -> str | None:
    """What is wrong with a folder that `replace_folder` or `seal` wrote, in one line; None where nothing is, or where
    it has no digests."""
    if not (folder / SUMS).exists():
        return None
    try:
        names = json.loads((folder / SUMS).read_text()).items()
    except (OSError, ValueError, AttributeError):
        return f"{folder / SUMS}: damaged"
    for name, expected in names:
        try:
            found = _digest(folder / name)
        except OSError:
            return f"{folder / name}: the file is gone"
        if found != expected:
            return f"{folder / name}: damaged, it differs from its checksum"
    return None


def seal(folder: Path) -> None:
    """Write the digests of a folder's files, which no longer change, for `check_folder`."""
    write_json(folder / SUMS, _digests(folder))


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / SUMS)
    return {str(path.relative_to(folder)): _digest(path) for path in files}


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """An OSError inside that names no file (disk full) names this one, and says what to do."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, f"{error.strerror}; what was stored before is whole", str(file)) from error


def reserve(file: Path, start: int, end: int) -> None:
    """Take room on the disk for the bytes from `start` to `end` of a file that is to be mapped.

    OSError where there is none: a write to a mapped page that the disk has no room for would end the process.
    """
    with naming(file), file.open("rb+") as handle:
        os.posix_fallocate(handle.fileno(), start, end - start)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; the lock ends with its process, whatever ends that."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)


def try_lock(file: Path) -> Any:
    """The open file, locked until it is closed or its process ends, and holding the process id. LockedError where
    another process has it."""
    handle = file.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read(20).strip()
        handle.close()
        raise LockedError(f"{file.parent}: process {holder} runs here; wait for it, or end it first") from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def clear_unfinished(folder: Path) -> None:
    """Remove what processes that were killed left half written in a folder: nobody else may write there now."""
    for path in folder.rglob("*.tmp"):
        with contextlib.suppress(OSError):
            path.unlink()


def _flush(file: Path) -> None:
    """Wait until the file's data is on the disk."""
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _flush_folder(folder: Path) -> None:
    """Wait until the names of the files in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
