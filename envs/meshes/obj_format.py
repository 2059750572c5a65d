"""The text of OBJ and MTL files (Wavefront, Advanced Visualizer manual, appendix B); no file is opened here.

Read are v (with colours), vt, vn, f, usemtl and mtllib; lines continued by a backslash, tabs, comments, relative
indices, and references to what follows later; of a material Kd, d and map_Kd with its options. Free-form curves and
surfaces, points and lines are not drawn.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .mesh_errors import MAX_TRIANGLES

_WIDTHS = {"v": 3, "vt": 2, "vn": 3}
_XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
"""CIE XYZ to linear light of sRGB (IEC 61966-2-1)."""
_OPTIONS = {
    "-blendu": 1, "-blendv": 1, "-bm": 1, "-boost": 1, "-cc": 1, "-clamp": 1, "-imfchan": 1, "-mm": 2, "-texres": 1,
    "-type": 1,
}  # fmt: skip
"""Options of a texture and how many words each takes; -o, -s and -t take one to three numbers."""
MAX_MATERIALS = 100_000
"""Materials of all MTL files of an OBJ file."""


class OBJSyntaxError(ValueError):
    """An invalid line of an OBJ or MTL file: its number, and what is wrong with it."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(f"line {line}: {what}")
        self.line, self.what = line, what


@dataclass
class Look:
    """The look of a material."""

    rgb: tuple[float, float, float] = (0.8, 0.8, 0.8)
    """sRGB, 0 to 1."""
    texture: str | None = None
    """Name of the texture's file, as written."""
    opacity: float = 1.0
    """0 to 1."""


@dataclass
class OBJData:
    """The contents of an OBJ file."""

    vertices: NDArray[np.float64]
    """(V, 3)."""
    colours: NDArray[np.float64] | None
    """(V, 3) sRGB, 0 to 1, if every vertex has one."""
    uv: NDArray[np.float64]
    """(T, 2), v growing upwards."""
    normals: NDArray[np.float64]
    """(N, 3)."""
    corners: NDArray[np.int64]
    """(F, 3, 3): of each corner of each triangle its rows of vertices, uv and normals; -1 for none."""
    material: NDArray[np.int64]
    """(F,) index into `names`."""
    names: list[str]
    """Names of the used materials; the first, "", is that of faces before any usemtl."""
    libraries: list[tuple[int, str]]
    """Line and text of every mtllib."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Counts of elements that are not drawn."""


def parse_obj(data: bytes, most: int = MAX_TRIANGLES) -> OBJData:
    """The contents of an OBJ file of at most so many triangles; polygons become fans.

    OBJSyntaxError names the first invalid line, and the first face with a vertex that is not there. References to
    missing vt and vn are left out, and counted.
    """
    reader = _Reader(most)
    for number, line in _lines(data):
        reader.line(number, line)
    return reader.data()


class _Reader:
    def __init__(self, most: int) -> None:
        self.most = most
        self.rows = {kind: array("d") for kind in _WIDTHS}
        self.colours = array("d")
        self.corners, self.lines, self.material = array("q"), array("q"), array("q")
        self.names: dict[str, int] = {"": 0}
        self.current = 0
        self.libraries: list[tuple[int, str]] = []
        self.skipped: Counter[str] = Counter()

    def line(self, number: int, line: str) -> None:
        kind, _, rest = line.partition(" ")
        try:
            if kind in _WIDTHS:
                self._row(kind, rest.split("#", 1)[0].split())
            elif kind == "f":
                self._face(number, rest.split("#", 1)[0].split())
            elif kind == "usemtl":
                self.current = self.names.setdefault(rest, len(self.names))
                if len(self.names) > MAX_MATERIALS:
                    raise ValueError(f"more than {MAX_MATERIALS} materials")
            elif kind == "mtllib":
                self.libraries.append((number, rest))
            elif kind in ("curv", "curv2", "surf"):
                self.skipped["free-form curves and surfaces"] += 1
        except ValueError as error:
            raise OBJSyntaxError(number, f"{line[:80]!r}: {error}") from None

    def _row(self, kind: str, words: list[str]) -> None:
        width = _WIDTHS[kind]
        numbers = [float(word) for word in words]
        if kind == "vt" and len(numbers) == 1:
            numbers.append(0.0)  # a texture of one dimension
        if len(numbers) < width:
            raise ValueError(f"{width} numbers are needed")
        self.rows[kind].extend(numbers[:width])
        if kind == "v" and len(numbers) >= 6:
            self.colours.extend(numbers[3:6])

    def _face(self, number: int, words: list[str]) -> None:
        if len(words) < 3:
            self.skipped["polygons of fewer than 3 corners"] += 1
            return
        if len(self.lines) + len(words) - 2 > self.most:
            raise ValueError(f"more than {self.most} triangles")
        corners = [self._corner(word) for word in words]
        for i in range(1, len(corners) - 1):
            for corner in (corners[0], corners[i], corners[i + 1]):
                self.corners.extend(corner)
            self.lines.append(number)
            self.material.append(self.current)

    def _corner(self, word: str) -> list[int]:
        """Indices from 0 of vertex, texture and normal; -1 for none."""
        indices = [-1, -1, -1]
        for place, (text, (kind, width)) in enumerate(zip(word.split("/"), _WIDTHS.items(), strict=False)):
            if not text:
                continue
            index, known = int(text), len(self.rows[kind]) // width
            if index == 0 or index < -known or index > 2**31:
                raise ValueError(f"names {kind} {text[:20]}, and {known} precede it")
            indices[place] = index - 1 if index > 0 else known + index
        if indices[0] < 0:
            raise ValueError("a corner without a vertex")
        return indices

    def data(self) -> OBJData:
        corners = np.array(self.corners, np.int64).reshape(-1, 3, 3)
        rows = {kind: np.frombuffer(self.rows[kind], np.float64).reshape(-1, width) for kind, width in _WIDTHS.items()}
        for place, kind in enumerate(_WIDTHS):
            beyond = corners[..., place] >= len(rows[kind])
            if beyond.any() and kind != "v":
                corners[..., place][beyond] = -1
                self.skipped[f"references to {kind} that are not there"] += int(beyond.sum())
            elif beyond.any():
                face = int(np.argmax(beyond.any(axis=1)))
                raise OBJSyntaxError(
                    self.lines[face],
                    f"a face names {kind} {corners[face, :, place].max() + 1}, but the file has {len(rows[kind])}",
                )
        colours = np.frombuffer(self.colours, np.float64).reshape(-1, 3)
        return OBJData(
            rows["v"], colours if len(colours) == len(rows["v"]) else None, rows["vt"], rows["vn"], corners,
            np.frombuffer(self.material, np.int64), list(self.names), self.libraries, self.skipped,
        )  # fmt: skip


def parse_mtl(data: bytes) -> tuple[dict[str, Look], list[OBJSyntaxError]]:
    """The materials of an MTL file by name, and its invalid lines, which have no effect.

    Numbers that are not finite are invalid; so are spectral curves (`Kd spectral FILE`), whose files are not read.
    """
    looks: dict[str, Look] = {}
    faults: list[OBJSyntaxError] = []
    look: Look | None = None
    for number, line in _lines(data):
        kind, _, rest = line.partition(" ")
        try:
            if kind == "newmtl":
                look = looks[rest] = Look()
                if len(looks) > MAX_MATERIALS:
                    raise ValueError(f"more than {MAX_MATERIALS} materials")
            elif kind in ("Kd", "map_Kd") and look is None:
                raise ValueError("it precedes newmtl")
            elif look is None:
                continue
            elif kind == "Kd":
                look.rgb = _colour(rest.split("#", 1)[0].split())
            elif kind == "map_Kd":
                look.texture = _texture(rest)
            elif kind == "d":
                look.opacity = min(max(*_finite(rest.split("#", 1)[0].split()[-1:]), 0.0), 1.0)
        except (ValueError, IndexError) as error:
            faults.append(OBJSyntaxError(number, f"{line[:80]!r}: {error}"))
    return looks, faults


def library_names(text: str) -> list[str]:
    """The files that an mtllib may name: all of its text, whose name may hold spaces, or one a word."""
    return list(dict.fromkeys([text, *text.split()]))


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """Number and text of each logical line that is no comment, its first word set apart by one space."""
    number, start, text = 0, 0, ""
    for piece in re.split(r"\r\n|\n|\r", data.decode("latin-1")):
        number += 1
        start = start or number
        if piece.rstrip().endswith("\\") and not piece.lstrip().startswith("#"):
            text += piece.rstrip()[:-1] + " "
            continue
        words = (text + piece).split(None, 1)
        if words and not words[0].startswith("#"):
            yield start, " ".join(words).rstrip()
        start, text = 0, ""
    if words := text.split(None, 1):
        yield start, " ".join(words).rstrip()


def _finite(words: list[str]) -> tuple[float, ...]:
    numbers = tuple(float(word) for word in words)
    if not numbers or not np.isfinite(numbers).all():
        raise ValueError("finite numbers are needed")
    return numbers


def _colour(words: list[str]) -> tuple[float, float, float]:
    """sRGB of `r`, `r g b` or `xyz x [y z]` (CIE XYZ): one number stands for all three."""
    if words[:1] == ["spectral"]:
        raise ValueError("a spectral curve, which is not read")
    xyz = words[:1] == ["xyz"]
    numbers = _finite(words[1:] if xyz else words)
    if len(numbers) not in (1, 3):
        raise ValueError("one number or three are needed")
    r, g, b = (min(max(number, 0.0), 1.0) for number in (numbers * 3 if len(numbers) == 1 else numbers))
    if xyz:
        linear = np.clip(_XYZ_TO_RGB @ (numbers * 3)[:3], 0.0, 1.0)
        r, g, b = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055).tolist()
    return r, g, b


def _texture(text: str) -> str:
    """The file's name, which may hold spaces, after the options."""
    while match := re.match(r"(-\w+)\s+", text):
        option = match[1].lower()
        if option in ("-o", "-s", "-t"):
            size = re.match(r"\S+\s+(?:[-+.\deE]+\s+){1,3}(?=\S)", text)
        elif option in _OPTIONS:
            size = re.match(rf"\S+\s+(?:\S+\s+){{{_OPTIONS[option]}}}", text)
        else:
            return text
        if size is None:
            raise ValueError(f"the option {option} lacks its values")
        text = text[size.end() :]
    if not text:
        raise ValueError("the file's name is missing")
    return text
