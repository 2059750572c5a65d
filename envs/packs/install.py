"""Installing a furniture pack: by apt, without root, or from a folder, a Debian package or a library on disk."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from .library import Library, PackError
from .pack import NAMES, pack_folder

PACKAGE = "sweethome3d-furniture"
_XZ = b"\xfd7zXZ\0"
MAX_LIBRARY = 512 * 2**20
"""Bytes of one .sh3f file."""
MAX_PACKAGE = 2**30
"""Bytes of one .deb file."""
MAX_SWELL = 20
"""Largest compression ratio of a .deb file; its libraries are compressed already."""
MAX_MEMBERS = 20_000
"""Files and folders of a .deb file."""
MAX_DICTIONARY = 2**28
"""Bytes of memory for decompression of .xz; `xz -9` needs 65 MB."""
MAX_HEADER = 2**20
"""Bytes of a long name or of the attributes of a file in a .deb file."""


class _BoundedHeader(tarfile.TarInfo):
    """Refuses extended headers that tarfile would read into memory whatever their size."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size > MAX_HEADER and not self.isreg() and self.type not in (tarfile.DIRTYPE, tarfile.SYMTYPE):
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        made: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return made


def install(source: Path | None = None, name: str = NAMES[0]) -> list[Library]:
    """Put the libraries of `source` (a folder, a .deb or a .sh3f file; None: Debian's package, fetched by apt) into the
    user's cache, in place of those installed before. PackError if no library is usable."""
    target = pack_folder(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{name}-", dir=target.parent) as folder:
        fresh = Path(folder) / "fresh"
        fresh.mkdir()
        if source is None:
            _unpack(_fetched(Path(folder)), fresh)
        else:
            _collect(source, fresh)
        refused = []
        for file in sorted(fresh.glob("*.sh3f")):
            try:
                Library(file)
            except PackError as error:
                refused.append(str(error).replace(f"{fresh}/", ""))
                file.unlink()
        if not any(fresh.iterdir()):
            why = f": {refused[0]}" if refused else ""
            raise PackError(f"{source or PACKAGE}: no furniture library (*.sh3f) that can be used{why}")
        if target.exists():
            target.rename(Path(folder) / "old")
        fresh.rename(target)
    return installed(name)


def installed(name: str = NAMES[0]) -> list[Library]:
    """The libraries that are installed."""
    return [Library(file) for file in sorted(pack_folder(name).glob("*.sh3f"))]


def remove(name: str = NAMES[0]) -> bool:
    """Remove a pack; whether there was one."""
    folder = pack_folder(name)
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True


def _fetched(folder: Path) -> Path:
    """Debian's package, downloaded into a folder."""
    if shutil.which("apt-get") is None:
        raise PackError(
            f"this system has no apt-get: get Debian's package {PACKAGE} or Sweet Home 3D's furniture libraries, "
            "and run `testspace assets install --from FILE` (.deb or .sh3f) or --from FOLDER"
        )
    done = subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, capture_output=True, text=True, check=False)
    packages = sorted(folder.glob("*.deb"))
    if done.returncode or not packages:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["it says nothing"]
        raise PackError(f"`apt-get download {PACKAGE}` failed: {said[-1]}; or use --from FILE")
    return packages[0]


def _collect(source: Path, target: Path) -> None:
    if source.is_dir():
        for file in sorted(source.glob("*.sh3f")):
            shutil.copyfile(file, target / file.name)
        if not any(target.iterdir()):
            for file in sorted(source.glob("*.deb")):
                _unpack(file, target)
    elif source.suffix == ".sh3f" and source.is_file():
        shutil.copyfile(source, target / source.name)
    elif source.suffix == ".deb" and source.is_file():
        _unpack(source, target)
    else:
        raise PackError(f"{source}: neither a folder nor a .deb or .sh3f file")


def _unpack(package: Path, target: Path) -> None:
    """Write the libraries of a Debian package into a folder, by their file names only; paths in it are ignored."""
    try:
        data = _data(package)
        xz = data.startswith(_XZ)
        stream = io.BufferedReader(_Unpacked(data)) if xz else io.BytesIO(data)
        with tarfile.open(fileobj=stream, mode="r|" if xz else "r|*", tarinfo=_BoundedHeader) as archive:
            total = 0
            for count, member in enumerate(archive):
                total += member.size
                if count >= MAX_MEMBERS:
                    raise PackError(f"{package}: more than {MAX_MEMBERS} files")
                if total > MAX_SWELL * package.stat().st_size + 2**26:
                    raise PackError(f"{package}: too large when unpacked")
                name = PurePosixPath(member.name).name
                if not member.isfile() or not name.endswith(".sh3f"):
                    continue
                if member.size > MAX_LIBRARY:
                    raise PackError(f"{package}: {name!r}: too large ({member.size} bytes)")
                content = archive.extractfile(member)
                assert content is not None
                (target / name).write_bytes(content.read())
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise PackError(f"{package}: damaged: {error}") from None


class _Unpacked(io.RawIOBase):
    """The content of .xz data, with a bound on the memory that its header may ask for."""

    def __init__(self, data: bytes) -> None:
        self._data, self._decompressor = data, lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MAX_DICTIONARY)

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is content; its bytes, 0 at the end."""
        if self._decompressor.eof:
            return 0
        part = self._decompressor.decompress(self._data, max_length=len(buffer))
        self._data = b""  # the decompressor keeps what it has not read
        if not part and self._decompressor.needs_input:
            raise EOFError("it ends too soon")
        buffer[: len(part)] = part
        return len(part)


def _data(package: Path) -> bytes:
    """data.tar.* of a Debian package (deb(5)): an ar archive of version, control and data."""
    if package.stat().st_size > MAX_PACKAGE:
        raise PackError(f"{package}: too large for a furniture package")
    for name, data in _ar(package, package.read_bytes()):
        if name.startswith("data.tar"):
            if name.endswith(".zst"):
                raise PackError(f"{package}: packed with zstd: unpack it (`dpkg-deb -x`) and use --from FOLDER")
            return data
    raise PackError(f"{package}: not a Debian package: it has no data.tar")


def _ar(package: Path, raw: bytes) -> Iterator[tuple[str, bytes]]:
    if raw[:8] != b"!<arch>\n":
        raise PackError(f"{package}: not a Debian package")
    at = 8
    while at + 60 <= len(raw):
        header = raw[at : at + 60]
        digits = header[48:58].decode("latin-1").strip()
        size = int(digits) if digits.isdecimal() else -1
        if header[58:] != b"`\n" or size < 0 or at + 60 + size > len(raw):
            raise PackError(f"{package}: damaged at byte {at}")
        yield header[:16].decode("latin-1").strip().rstrip("/"), raw[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
