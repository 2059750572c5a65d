"""LZFSE is decompressed only where its blocks say what they become, and cannot become much more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testspace.envs.recordings import lzfse

library = pytest.importorskip("liblzfse", reason="pip install pyliblzfse")


@pytest.mark.parametrize("kind", ["short", "noise", "smooth", "even"])
def test_what_the_library_writes_has_the_size_it_tells(kind: str) -> None:
    rng = np.random.default_rng(0)
    data = {
        "short": b"depth" * 4,
        "noise": rng.bytes(100_000),
        "smooth": np.linspace(1, 3, 192 * 256).astype("<f4").tobytes(),
        "even": bytes(256 * 192 * 4),
    }[kind]
    packed = library.compress(data)
    lzfse.check_size(packed, len(data))
    assert library.decompress(packed) == data
    with pytest.raises(ValueError, match="not"):
        lzfse.check_size(packed, len(data) + 1)


def test_a_block_that_lies_about_its_size_is_refused() -> None:
    block = bytearray(library.compress(bytes(100_000)))
    at = block.index(b"bvx2")
    end = block.rindex(b"bvx$")
    one = bytes(block[at:end])
    counts = int.from_bytes(one[8:16], "little") | 0xFFFFF << 40
    many = (one[:8] + counts.to_bytes(8, "little") + one[16:]) * 200 + b"bvx$"
    with pytest.raises(ValueError, match="too large"):
        lzfse.check_size(many, 200 * 100_000)


@given(st.binary(max_size=200))
def test_no_bytes_take_long_to_check(data: bytes) -> None:
    for head in (b"", b"bvx2", b"bvxn", b"bvx-"):
        try:
            lzfse.check_size(head + data, 10)
        except ValueError:
            continue
