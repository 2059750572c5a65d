"""Decoder of ROS 2 messages: common data representation (OMG DDS-XTypes, section 7.4.3), read field by field.

Only values are read; no code of a message or its definition is run.
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray


class CdrError(ValueError):
    """A message that ends too soon or is of another encoding."""


class Cdr:
    """Reads the fields of one message in their order."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 4 or data[1] not in (0, 1):
            raise CdrError("not plain CDR")
        self._data, self._order, self._at = memoryview(data)[4:], "<" if data[1] else ">", 0

    def number(self, kind: str) -> float:
        """One number; kind is struct's letter (B, I, i, d ...)."""
        return float(self._numbers(kind, 1)[0])

    def numbers(self, kind: str, count: int) -> NDArray[np.float64]:
        """An array of fixed length."""
        return np.array(self._numbers(kind, count), np.float64)

    def sequence(self, kind: str) -> NDArray[np.float64]:
        """An array that begins with its length."""
        return self.numbers(kind, self._length(struct.calcsize(kind)))

    def length(self) -> int:
        """The number of elements that follow."""
        return self._length(1)

    def bytes(self) -> memoryview:
        """A sequence of bytes."""
        return self._take(self._length(1))

    def text(self) -> str:
        """A string."""
        return bytes(self._take(self._length(1))).rstrip(b"\0").decode("utf-8", "replace")

    def header(self) -> tuple[float, str]:
        """std_msgs/Header: the stamp in seconds, and the frame."""
        seconds, rest = self.number("i"), self.number("I")
        return seconds + rest * 1e-9, self.text()

    def _numbers(self, kind: str, count: int) -> tuple[float, ...]:
        size = struct.calcsize(kind)
        self._at += -self._at % size
        return struct.unpack(f"{self._order}{count}{kind}", self._take(size * count))

    def _length(self, size: int) -> int:
        count = int(self.number("I"))
        if count * size > len(self._data) - self._at:
            raise CdrError(f"{count} values are claimed, more than there are")
        return count

    def _take(self, count: int) -> memoryview:
        part = self._data[self._at : self._at + count]
        if len(part) < count:
            raise CdrError("it ends too soon")
        self._at += count
        return part
