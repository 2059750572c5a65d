"""One library of furniture: a Sweet Home 3D .sh3f file, a zip with a catalogue, OBJ and MTL files and textures.

Nothing is unpacked to disk. Member names are checked all the same, and reading is bounded, so that a damaged or
hostile file ends in a `PackError`.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

MAX_MEMBERS = 20_000
MAX_MEMBER = 128 * 2**20
"""Bytes of one file of a library, unpacked."""
MAX_TOTAL = 2 * 2**30
"""Bytes of all files of a library, unpacked."""
MAX_SWELL = 400
"""Largest compression ratio of a large file; text and flat pictures stay far below."""
CATALOGUE = "PluginFurnitureCatalog.properties"
_FREE = re.compile(r"public domain|cc-?0|creative commons( \S+)? attribution", re.IGNORECASE)
_BOUND = re.compile(r"gpl|general public|share-?alike|non-?commercial|no-?deriv", re.IGNORECASE)


class PackError(ValueError):
    """A furniture pack that cannot be used; one line: which file, what of it, what is wrong, what to do."""


@dataclass(frozen=True)
class Entry:
    """One model of a library."""

    library: str
    """The library's file name without ".sh3f"."""
    name: str
    """Its name in the catalogue."""
    model: str
    """Its OBJ file in the zip."""
    size: tuple[float, float, float]
    """Width, height, depth in metres."""
    rotation: tuple[float, ...]
    """Row by row, what turns the OBJ's axes upright, front to +z."""
    creator: str
    licence: str
    rest: float | None = None
    """Height at which objects rest on it, as a share of its height; None for its top."""

    @property
    def key(self) -> str:
        """The name that `types` matches: "library/file"."""
        return f"{self.library}/{PurePosixPath(self.model).stem}"

    @property
    def turn(self) -> NDArray[np.float64]:
        """`rotation` as (3, 3)."""
        return np.array(self.rotation, np.float64).reshape(3, 3)


class Library:
    """An open .sh3f file. PackError if it is not such a file or has invalid contents."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, RuntimeError, ValueError) as error:
            raise PackError(f"{path}: not a furniture library: {str(error)[:120]}") from None
        self._members = {info.filename: info for info in self._checked(self._zip.infolist())}
        text = self.read(CATALOGUE).decode("latin-1")
        fields = dict(re.findall(r"^\s*([\w#]+)\s*[=:]\s*(.*?)\s*$", text, re.MULTILINE))
        self.licence = _unescaped(fields.get("license", ""))
        if not _FREE.search(self.licence) or _BOUND.search(self.licence):
            raise PackError(f"{path}: its licence is {self.licence!r}: only CC0 and CC-BY libraries are used")
        self.entries = self._entries(fields)

    def _checked(self, infos: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
        if len(infos) > MAX_MEMBERS:
            raise PackError(f"{self.path}: holds {len(infos)} files, more than {MAX_MEMBERS}")
        for info in infos:
            name = info.filename
            if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
                raise PackError(f"{self.path}: {name!r}: a path that leads out of the library")
            swollen = info.file_size > 2**20 and info.file_size > MAX_SWELL * max(1, info.compress_size)
            if info.file_size > MAX_MEMBER or swollen:
                raise PackError(f"{self.path}: {name!r}: too large when unpacked ({info.file_size} bytes)")
        if sum(info.file_size for info in infos) > MAX_TOTAL:
            raise PackError(f"{self.path}: too large when unpacked (more than {MAX_TOTAL} bytes)")
        return infos

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """The bytes of one file of the library."""
        try:
            return self._zip.read(self._members[name])
        except KeyError:
            raise PackError(f"{self.path}: {name!r} is not in it") from None
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
            raise PackError(f"{self.path}: {name!r}: damaged: {str(error)[:120]}") from None

    def _entries(self, fields: dict[str, str]) -> tuple[Entry, ...]:
        models = []
        for key, name in fields.items():
            if not key.startswith("name#"):
                continue
            number = key[5:]
            model = fields.get(f"model#{number}", "").lstrip("/")
            try:
                size = [float(fields[f"{side}#{number}"]) / 100 for side in ("width", "height", "depth")]
                turn = [float(v) for v in fields.get(f"modelRotation#{number}", "1 0 0 0 1 0 0 0 1").split()]
            except (KeyError, ValueError):
                raise PackError(f"{self.path}: catalogue entry {number}: no usable size or rotation") from None
            if len(turn) != 9 or not np.isfinite([*size, *turn]).all() or min(size) < 0:
                raise PackError(f"{self.path}: catalogue entry {number}: no usable size or rotation")
            if model.lower().endswith(".obj") and model in self._members:
                width, height, depth = size
                top = fields.get(f"dropOnTopElevation#{number}", "")
                share = float(top) / 100 / max(height, 1e-6) if re.fullmatch(r"\d+(\.\d+)?", top) else 1.0
                creator = _unescaped(fields.get(f"creator#{number}", "unknown"))
                size_m = (width, height, depth)
                rest = share if 0.02 < share < 0.98 else None
                models.append(
                    Entry(self.path.stem, _unescaped(name), model, size_m, tuple(turn), creator, self.licence, rest)
                )
        return tuple(models)


def _unescaped(text: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)
