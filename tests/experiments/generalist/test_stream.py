"""The stream: the same sequence for any number of workers and any first chunk, and no process that outlives it."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from testspace.experiments.generalist.stream import ChunkConfig, HouseStream, StreamError
from testspace.experiments.protocol.generated_views import house_views
from testspace.learners.generalist.views import Views

CONFIG = ChunkConfig(houses=2, views=2)


def same(a: Views, b: Views) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.usefixtures("forked_children")
def test_chunks_are_the_houses_in_order_for_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HouseStream(7, (), CONFIG, 2, chunks=3) as stream:
        chunks = [stream.next_chunk() for _ in range(3)]  # more than the ring has room for
    monkeypatch.setattr("testspace.experiments.generalist.stream._SHARED_MEMORY", tmp_path / "none")
    with HouseStream(7, (), CONFIG, 1, first_chunk=2, folder=tmp_path, chunks=1) as stream:
        assert list(tmp_path.iterdir()) == []  # the memory has no name once it is shared
        resumed = stream.next_chunk()
    assert multiprocessing.active_children() == []
    assert resumed is not None
    assert chunks[2] is not None
    assert same(chunks[2], resumed)
    for number in (0, 3, 5):
        chunk = chunks[number // 2]
        assert chunk is not None
        at = 2 * (number % 2)
        assert same(chunk.part(slice(at, at + 2)), house_views(7, number, (), 2))


def test_the_death_of_a_worker_is_reported_and_waiting_can_be_stopped() -> None:
    with HouseStream(7, (), ChunkConfig(houses=200, views=2), 1) as stream:
        assert stream.next_chunk(lambda: True) is None
        multiprocessing.active_children()[0].kill()
        with pytest.raises(StreamError, match="exit code -9"):
            stream.next_chunk()


def test_a_worker_does_without_torch() -> None:
    light = "import sys, testspace.experiments.generalist.stream; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", light], check=False).returncode == 0


def test_the_order_uses_each_view_the_given_number_of_times() -> None:
    order = ChunkConfig(3, 4, 2).order(0, 5)
    np.testing.assert_array_equal(np.bincount(order), np.full(12, 2))
    np.testing.assert_array_equal(np.sort(order[:12]), np.arange(12))
    assert not np.array_equal(order, ChunkConfig(3, 4, 2).order(0, 6))
