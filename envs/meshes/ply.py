"""PLY files, ASCII and binary of both byte orders, with every property of every element.

Libraries drop unknown properties, such as Replica's `object_id` of each face, so we read the format ourselves
(Turk, "The PLY Polygon File Format", 1994). A header's claims are compared with the size of the data before
anything is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mesh_errors import MeshError, read_bytes

MAX_HEADER = 2**16
"""Bytes of a header."""
MAX_ASCII = 2**28
"""Bytes of an ASCII file: its numbers take several times as much memory."""
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": ""}


@dataclass(frozen=True)
class _Property:
    name: str
    kind: str
    """numpy type without byte order."""
    count: str | None = None
    """numpy type of a list's length; None for a scalar."""


@dataclass
class Element:
    """The rows of one kind of element."""

    count: int
    scalars: dict[str, NDArray[Any]] = field(default_factory=dict)
    """(count,) by property."""
    lists: dict[str, list[tuple[NDArray[np.int64], NDArray[Any]]]] = field(default_factory=dict)
    """By property: groups of rows whose lists are equally long, as row numbers (n,) and values (n, length)."""


def read_ply(path: Path) -> dict[str, Element]:
    """The elements of a PLY file by name; MeshError names the file, the element and the invalid row."""
    data = read_bytes(path)
    order, layout, start = _header(path, data)
    body: NDArray[Any]
    if order:
        body = np.frombuffer(data, np.uint8, offset=start)
    else:
        body = _numbers(path, data, start)
    elements: dict[str, Element] = {}
    at = 0
    for name, count, properties in layout:
        least = sum(_width(p.count or p.kind, order) for p in properties)
        if count * least > len(body) - at:
            unit = "bytes" if order else "numbers"
            raise MeshError(
                path, f"element {name}",
                f"the header claims {count} rows of at least {least} {unit}, but {len(body) - at} are there:"
                " the file is cut off or its header is wrong",
            )  # fmt: skip
        elements[name], at = _rows(path, name, count, properties, body, at, order)
    return elements


def _width(kind: str, order: str) -> int:
    return np.dtype(kind).itemsize if order else 1


def _header(path: Path, data: bytes) -> tuple[str, list[tuple[str, int, list[_Property]]], int]:
    """Byte order ("" for ASCII), elements in the order of the file, and where the body begins."""
    if data[:3] != b"ply" or data[3:4] not in (b"\n", b"\r"):
        raise MeshError(path, "header", "it does not begin with 'ply': not a PLY file")
    head = data[:MAX_HEADER]
    end = head.find(b"end_header")
    newline = head.find(b"\n", end)
    if end < 0 or newline < 0:
        raise MeshError(path, "header", f"no end_header within {MAX_HEADER} bytes")
    order: str | None = None
    layout: list[tuple[str, int, list[_Property]]] = []
    for number, line in enumerate(head[:end].decode("latin-1").splitlines()[1:], start=2):
        words = line.split()
        try:
            match words:
                case [] | ["comment" | "obj_info", *_]:
                    continue
                case ["format", kind, "1.0"]:
                    order = _ORDERS[kind]
                case ["element", name, count] if count.isdecimal() and len(count) < 16:
                    if any(name == known for known, _, _ in layout):
                        raise ValueError
                    layout.append((name, int(count), []))
                case ["property", "list", length, kind, name] if _TYPES[length][0] != "f":
                    layout[-1][2].append(_Property(name, _TYPES[kind], _TYPES[length]))
                case ["property", kind, name]:
                    layout[-1][2].append(_Property(name, _TYPES[kind]))
                case _:
                    raise ValueError
        except (KeyError, IndexError, ValueError):
            raise MeshError(path, f"header line {number}", f"{line[:80]!r} is not PLY 1.0") from None
        if layout and len({p.name for p in layout[-1][2]}) != len(layout[-1][2]):
            raise MeshError(path, f"header line {number}", "the property is there twice")
    if order is None:
        raise MeshError(path, "header", "the line 'format' is missing")
    return order, layout, newline + 1


def _numbers(path: Path, data: bytes, start: int) -> NDArray[np.float64]:
    if len(data) > MAX_ASCII:
        raise MeshError(path, "", f"an ASCII file of {len(data)} bytes; convert it to binary")
    words = data[start:].split()
    try:
        return np.array(words, "S32").astype(np.float64)
    except ValueError:
        raise MeshError(path, "body", "something in it is not a number") from None


def _rows(
    path: Path, name: str, count: int, properties: list[_Property], body: NDArray[Any], at: int, order: str
) -> tuple[Element, int]:
    """The rows of one element, read run by run: a run has lists of the same lengths. Returns where they end too."""
    runs: list[tuple[int, int, dict[str, NDArray[Any]]]] = []
    first, window = 0, count if not any(p.count for p in properties) else 4096
    while first < count and properties:
        lengths = _lengths(path, f"element {name}, row {first}", properties, body, at, order)
        size = sum(_width(p.kind, order) * lengths.get(p.name, 1) for p in properties)
        size += sum(_width(p.count, order) for p in properties if p.count)
        n = min(window, count - first, (len(body) - at) // size)
        if n == 0:
            raise MeshError(path, f"element {name}, row {first}", "the file is cut off")
        columns = _view(body[at : at + n * size], n, properties, lengths, order)
        same = np.ones(n, np.bool_)
        for p in properties:
            if p.count:
                same &= columns[f"# {p.name}"] == lengths[p.name]
        if not same.all():
            n = int(np.argmin(same))
            columns = {key: column[:n] for key, column in columns.items()}
            window = max(16, 2 * n)
        else:
            window = min(2 * window, 2**24)
        runs.append((first, n, columns))
        first, at = first + n, at + n * size
    return _joined(count, properties, runs), at


def _joined(count: int, properties: list[_Property], runs: list[tuple[int, int, dict[str, NDArray[Any]]]]) -> Element:
    element = Element(count)
    for p in properties:
        if p.count is None:
            parts = [columns[p.name][:, 0] for _, _, columns in runs]
            element.scalars[p.name] = np.concatenate(parts) if parts else np.zeros(0, p.kind)
            continue
        groups: dict[int, list[tuple[NDArray[np.int64], NDArray[Any]]]] = {}
        for first, n, columns in runs:
            values = columns[p.name]
            groups.setdefault(values.shape[1], []).append((np.arange(first, first + n), values))
        element.lists[p.name] = [
            (np.concatenate([rows for rows, _ in group]), np.concatenate([values for _, values in group]))
            for group in groups.values()
        ]
    return element


def _lengths(
    path: Path, where: str, properties: list[_Property], body: NDArray[Any], at: int, order: str
) -> dict[str, int]:
    """Lengths of the lists in the row at `at`, by property."""
    lengths: dict[str, int] = {}
    for p in properties:
        if p.count is None:
            at += _width(p.kind, order)
            continue
        wide = _width(p.count, order)
        if at + wide > len(body):
            raise MeshError(path, where, "the file is cut off")
        length = float(body[at : at + wide].view(order + p.count)[0]) if order else float(body[at])
        if not 0 <= length <= 255 or length != int(length):
            raise MeshError(path, where, f"a list of {length:g} values; 0 to 255 are read")
        lengths[p.name] = int(length)
        at += wide + int(length) * _width(p.kind, order)
        if at > len(body):
            raise MeshError(path, where, "the file is cut off")
    return lengths


def _view(
    part: NDArray[Any], n: int, properties: list[_Property], lengths: dict[str, int], order: str
) -> dict[str, NDArray[Any]]:
    """Columns (n, length) of n rows of equal layout, without copying; a list's own lengths stand under "# name"."""
    names: list[tuple[str, str, int]] = []
    for p in properties:
        if p.count:
            names.append((f"# {p.name}", p.count, 1))
        names.append((p.name, p.kind, lengths.get(p.name, 1)))
    if order:
        layout = np.dtype([(str(i), order + kind, (width,)) for i, (_, kind, width) in enumerate(names)])
        table = part.view(layout) if layout.itemsize else np.zeros(n, layout)
        columns = {name: table[str(i)].reshape(n, width) for i, (name, _, width) in enumerate(names)}
    else:
        table, columns, start = part.reshape(n, -1), {}, 0
        for name, _, width in names:
            columns[name] = table[:, start : start + width]
            start += width
    return {name: column[:, 0] if name.startswith("# ") else column for name, column in columns.items()}
