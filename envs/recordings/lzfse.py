"""Depth maps that Record3D compresses by LZFSE, by the library pyliblzfse, within bounds.

The library grows its output as long as there is any, so the blocks are counted first. A block begins with four letters
and the number of its bytes when decompressed (Apple's lzfse_internal.h), but in the kind "bvx2" nothing holds it to
that number: what it can become at most follows from how many matches and literals it has.
"""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable

MAX_MATCH, MAX_BEFORE = 2359, 315
"""Bytes that one match can copy, and that can stand before it."""
MAX_BYTES = 2**29
"""Bytes that the matches of all blocks could become."""
_HEADER = 32  # of "bvx2", before its tables


def decompressor() -> Callable[[bytes], bytes] | None:
    """The library's function, None if it is missing."""
    try:
        module = importlib.import_module("liblzfse")
    except ImportError:
        return None
    unpack: Callable[[bytes], bytes] = module.decompress
    return unpack


def check_size(data: bytes, size: int) -> None:
    """ValueError if the data are not LZFSE, or can become something else than `size` bytes."""
    at = raw = most = 0
    while data[at : at + 4] != b"bvx$":
        kind, length, payload = data[at : at + 4], _number(data, at + 4), 0
        if kind == b"bvx-":
            payload = 8 + length
            most += length
        elif kind == b"bvxn":
            payload = 12 + _number(data, at + 8)
            most += length
        elif kind == b"bvx2" and at + _HEADER <= len(data):
            counts, states, sizes = struct.unpack_from("<QQQ", data, at + 8)
            literals, literal_bytes, matches = (counts >> shift & 0xFFFFF for shift in (0, 20, 40))
            payload = (sizes & 0xFFFFFFFF) + literal_bytes + (states >> 40 & 0xFFFFF)
            most += literals + matches * (MAX_MATCH + MAX_BEFORE)
        if payload < 12 or most > MAX_BYTES:
            raise ValueError("its blocks are not those of LZFSE, or can become too large")
        raw += length
        at += payload
    if raw != size:
        raise ValueError(f"it has {raw} bytes when decompressed, not {size}")


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
