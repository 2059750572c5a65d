"""Freed memory goes back to the system."""

from __future__ import annotations

from pathlib import Path

from testspace.core.memory import release_freed


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_freed_memory_is_given_back() -> None:
    small = [bytearray(60_000) for _ in range(2_000)]  # 120 MB in blocks too small to be mapped alone
    last = bytearray(60_000)
    before = resident()
    del small
    release_freed()
    assert before - resident() > 80e6
    assert len(last) == 60_000
