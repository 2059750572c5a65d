"""Memory that was freed and is still held."""

from __future__ import annotations

import ctypes


def release_freed() -> None:
    """Give freed memory back to the system, where the C library can.

    Tensors of training leave half a gigabyte in glibc's heap, which would count beside what comes next.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # not in every C library
    if trim is not None:
        trim(0)
