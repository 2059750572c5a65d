"""Errors and warnings of the mesh readers, and the limits that protect the machine from damaged files."""

from __future__ import annotations

from pathlib import Path

MAX_BYTES = 2 * 2**30
"""Bytes of one mesh file."""
MAX_TRIANGLES = 2**25
"""Triangles of one mesh."""
FARTHEST = 1e5
"""Metres from the origin beyond which a vertex counts as damaged."""
MAX_IMAGE_BYTES = 64 * 2**20
"""Bytes of one encoded texture."""
MAX_IMAGE_SIDE = 8192
"""Rows or columns of one texture."""


class MeshError(ValueError):
    """A mesh that cannot be used. One line: which file, which element, what is wrong."""

    def __init__(self, source: str | Path, element: str, what: str) -> None:
        super().__init__(" ".join(": ".join(part for part in (str(source), element, what) if part).split()))


class MeshWarning(UserWarning):
    """Elements of a mesh were ignored; the message names the file and counts them."""


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """The whole file, at most `most` bytes; MeshError if it is missing, larger or no regular file."""
    try:
        if not path.is_file():
            raise MeshError(path, "", "it is no regular file" if path.exists() else "there is no such file")
        size = path.stat().st_size
        if size > most:
            raise MeshError(path, "", f"it has {size} bytes, more than the {most} that are read")
        return path.read_bytes()
    except OSError as error:
        raise MeshError(path, "", f"it cannot be read ({error.strerror})") from None


def inside(source: Path, name: str, element: str) -> Path:
    """The path of a file that `source` references; MeshError, naming the element, if it lies outside its folder."""
    folder = source.parent.resolve()
    file = folder / name.replace("\\", "/")
    try:
        within = file.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        within = False
    if not within:
        raise MeshError(source, element, f"names {name[:80]!r}, which lies outside its folder")
    return file
