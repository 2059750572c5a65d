"""House files: ProcTHOR houses, one a file (.json) or one a line (.jsonl, .jsonl.gz).

Reading is bounded: a line is refused beyond MAX_LINE bytes and a file beyond MAX_FILE, both counted after
decompression, which streams and stops at the requested line. A file that is cut off, not gzip, not JSON or nested too
deep is a HouseError of one line.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Never

from ...core.digests import digest
from ...core.storage import replacing
from .house import House, HouseError
from .house_json import parse_house
from .house_write import house_to_json

__all__ = ["house_digest", "house_to_json", "load_house", "load_houses", "parse_house", "save_house"]

MAX_LINE = 32 * 2**20
"""Bytes of one house; real ones have about 41 kB."""
MAX_FILE = 4 * 2**30
"""Decompressed bytes that are read on the way to the requested line."""
MAX_HOUSES = 1000
"""Houses that are read from one file at once."""
_CHUNK = 2**16
_GZIP = b"\x1f\x8b"
_Fail = Callable[[str, str], Never]


def _split(ref: str) -> tuple[Path, int | None]:
    """ "FILE:LINE" as a path and a line; a file whose whole name is ``ref`` takes precedence."""
    name, colon, line = ref.rpartition(":")
    if colon and name and line.lstrip("-").isdecimal() and not os.path.lexists(ref):
        if line.startswith("-") or len(line) > 12:
            raise HouseError(ref, "", "there is no such line", "lines are counted from 0")
        return Path(name), int(line)
    return Path(ref), None


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    name = str(path)
    try:
        if not path.exists():
            raise HouseError(name, "", "there is no such file", "check the path")
        if not path.is_file():
            raise HouseError(name, "", "it is not a regular file", "name a .json, .jsonl or .jsonl.gz file")
        raw = path.open("rb")
    except (OSError, ValueError) as error:
        if isinstance(error, HouseError):
            raise
        raise HouseError(name, "", f"it cannot be read ({error})", "check the path and its permissions") from None
    packed = raw.read(2) == _GZIP
    raw.seek(0)
    if packed != (path.suffix == ".gz"):
        raw.close()
        if packed:
            raise HouseError(name, "", "it is compressed with gzip", "end its name in .gz or decompress it")
        raise HouseError(name, "", "it is not compressed with gzip", "drop .gz from its name or fetch it again")
    if not packed:
        return raw
    raw.close()  # a GzipFile closes only what it opened itself
    return gzip.GzipFile(path, mode="rb")


def _chunks(stream: gzip.GzipFile | IO[bytes], fail: _Fail) -> Iterator[bytes]:
    total = 0
    while True:
        try:
            chunk = stream.read(_CHUNK)
        except EOFError:
            fail("the file is cut off", "fetch it again")
        except (OSError, zlib.error) as error:
            fail(f"the file is damaged ({error})", "fetch it again")
        if not chunk:
            return
        total += len(chunk)
        if total > MAX_FILE:
            fail(f"more than {MAX_FILE // 2**30} GiB before the requested line", "split the file")
        yield chunk


def _line(stream: gzip.GzipFile | IO[bytes], index: int, fail: _Fail) -> bytes:
    """Line ``index`` (0-based) of a stream, read no further than its end."""
    number, length, kept = 0, 0, bytearray()
    for chunk in _chunks(stream, fail):
        start = 0
        while True:
            end = chunk.find(b"\n", start)
            piece = chunk[start:] if end < 0 else chunk[start:end]
            length += len(piece)
            if length > MAX_LINE:
                fail(f"line {number} is longer than {MAX_LINE // 2**20} MiB", "a house is far smaller: check the file")
            if number == index:
                kept += piece
            if end < 0:
                break
            if number == index:
                return bytes(kept)
            number, length, start = number + 1, 0, end + 1
    if number == index and length:
        return bytes(kept)
    count = number + (length > 0)
    remedy = f"name 0 to {count - 1}" if count else "it is empty"
    return fail(f"there is no line {index}: the file has {count}", remedy)


def _whole(stream: gzip.GzipFile | IO[bytes], fail: _Fail) -> bytes:
    kept = bytearray()
    for chunk in _chunks(stream, fail):
        kept += chunk
        if len(kept) > MAX_LINE:
            fail(f"the file is larger than {MAX_LINE // 2**20} MiB", "a house is far smaller: check the file")
    return bytes(kept)


def _decode(raw: bytes, source: str) -> Any:
    def constant(name: str) -> Never:
        raise HouseError(source, "", f"{name} is not a number of JSON", "make the house again with finite numbers")

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HouseError(source, "", f"it is not UTF-8 text (byte {error.start})", "name a file of houses") from None
    if not text.strip():
        raise HouseError(source, "", "there is nothing in it", "name a file or line that holds a house")
    try:
        return json.loads(text, parse_constant=constant)
    except json.JSONDecodeError as error:
        near_end = error.pos >= len(text.rstrip()) - 1 or error.msg.startswith("Unterminated string")
        what = f"JSON that is cut off at character {error.pos}" if near_end else f"not JSON ({error.msg})"
        remedy = "fetch the file again" if near_end else f"see character {error.pos}"
        raise HouseError(source, "", what, remedy) from None
    except RecursionError:
        raise HouseError(source, "", "JSON nested too deep", "a house has a dozen levels: check the file") from None
    except ValueError as error:
        if isinstance(error, HouseError):
            raise
        raise HouseError(source, "", f"not JSON ({str(error)[:80]})", "check the file") from None


def load_house(ref: str | Path) -> House:
    """The house at ``ref``: "FILE.json", "FILE.jsonl" or "FILE.jsonl.gz", with ":LINE" (from 0; default 0).

    Raises HouseError, one line naming file, line and field, for any fault.
    """
    path, line = _split(str(ref))
    by_line = path.name.removesuffix(".gz").endswith(".jsonl")
    if line is not None and not by_line:
        raise HouseError(str(path), "", f"line {line} of a file that holds one house", f"drop ':{line}' or use .jsonl")
    source = f"{path}:{line or 0}" if by_line else str(path)

    def fail(what: str, remedy: str) -> Never:
        raise HouseError(source, "", what, remedy) from None

    with _open(path) as stream:
        raw = _line(stream, line or 0, fail) if by_line else _whole(stream, fail)
    return parse_house(_decode(raw, source), source)


def load_houses(path: str | Path) -> list[House]:
    """Every house of a file, in order: the one of a .json, the lines of a .jsonl or .jsonl.gz.

    Raises HouseError for the first broken one, and if there are more than MAX_HOUSES.
    """
    path = Path(path)
    if not path.name.removesuffix(".gz").endswith(".jsonl"):
        return [load_house(path)]

    def fail(what: str, remedy: str) -> Never:
        raise HouseError(str(path), "", what, remedy) from None

    lines, last = 0, b"\n"
    with _open(path) as stream:
        for chunk in _chunks(stream, fail):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    lines += last != b"\n"
    if lines > MAX_HOUSES:
        fail(f"{lines} houses, more than {MAX_HOUSES}", "split the file")
    return [load_house(f"{path}:{line}") for line in range(lines)]


def house_digest(house: House) -> str:
    """A digest of everything in the house (`core.digests.digest`)."""
    return digest(house_to_json(house))


def save_house(house: House, path: str | Path) -> None:
    """Write the house as one JSON document, whole or not at all. HouseError if a value cannot be JSON."""
    path = Path(path)
    try:
        text = json.dumps(house_to_json(house), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise HouseError(str(path), "", f"the house cannot be written ({error})", "correct its values") from None
    with replacing(path) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")
