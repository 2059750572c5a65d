"""Files that are there whole or not at all, and made by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A path to write to, which takes the file's place at the end: a crash leaves either the old one or the new one."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


def write_json(file: Path, value: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(file) as unfinished:
        unfinished.write_text(json.dumps(value, indent=2) + "\n")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """One process at a time; the lock ends with its process, whatever ends that."""
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(handle, fcntl.LOCK_UN)
