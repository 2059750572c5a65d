"""Ways in which a file is damaged, each a function of a seed alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

Damage = Callable[[bytes, np.random.Generator], bytes | None]
"""The new content of a file; None where it is gone."""


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    """Only its beginning is left."""
    return content[: int(rng.integers(len(content)))] if content else b""


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    """One bit of one byte differs."""
    if not content:
        return b""
    at = int(rng.integers(len(content)))
    return content[:at] + bytes([content[at] ^ 1 << int(rng.integers(8))]) + content[at + 1 :]


def replaced(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes are others."""
    values = bytearray(content)
    for at in rng.integers(len(values), size=min(8, len(values))) if values else ():
        values[int(at)] = int(rng.integers(256))
    return bytes(values)


def zeroed(content: bytes, rng: np.random.Generator) -> bytes:
    """A block of it was never written."""
    start = int(rng.integers(max(1, len(content))))
    end = min(len(content), start + int(rng.integers(1, 4097)))
    return content[:start] + bytes(end - start) + content[end:]


def repeated(content: bytes, rng: np.random.Generator) -> bytes:
    """A part of it is there twice."""
    start, end = sorted(int(at) for at in rng.integers(len(content) + 1, size=2))
    return content[:end] + content[start:]


DAMAGES: dict[str, Damage] = {
    "cut": cut,
    "empty": lambda content, rng: b"",
    "gone": lambda content, rng: None,
    "flipped": flipped,
    "replaced": replaced,
    "zeroed": zeroed,
    "repeated": repeated,
}
"""Damages by name."""

_WORDS = (b"-1", b"0", b"1e999", b"NaN", b"null", b"[]", b"{}", b"999999999999", b'""', b"\xff\xfe", b"true", b"1e-9")


def reworded(content: bytes, rng: np.random.Generator) -> bytes:
    """A number of a text is another value: what a file of the right form and the wrong content has."""
    import re

    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", content[:200_000]))
    if not numbers:
        return replaced(content, rng)
    found = numbers[int(rng.integers(len(numbers)))]
    return content[: found.start()] + _WORDS[int(rng.integers(len(_WORDS)))] + content[found.end() :]


def damage_file(file: Path, name: str, rng: np.random.Generator) -> None:
    """Damage a file in this way."""
    content = DAMAGES[name](file.read_bytes(), rng)
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
