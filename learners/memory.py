"""Memory that the C library keeps for the next tensor, instead of handing it back to the kernel after each one.

Training at nano makes and frees thousands of tensors of a few megabytes a second. glibc gets each from the kernel
anew and
returns it, and the kernel clears every page: on a virtual machine that can cost more than the arithmetic.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # mallopt's names for them, malloc.h


def keep_freed_memory() -> bool:
    """Tell glibc to keep up to 2 GiB of freed memory for reuse by this process; returns whether it understood.

    Other C libraries are left as they are. Numbers do not change, only the time between them.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # 32 MiB is the largest block that glibc lets the heap hold; larger ones go to the kernel in any case
    return all([mallopt(_MMAP_THRESHOLD, 2**25), mallopt(_TRIM_THRESHOLD, 2**31 - 1), mallopt(_TOP_PAD, 2**26)])
