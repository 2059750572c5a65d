"""What is kept on disk: made once for the same code, anew where the file or the code is another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from testspace.core import cache, frame
from testspace.core.cache import cached, cached_by_code, cached_parts
from testspace.envs.gym_envs import motion

CODE = frame.__name__


class Maker:
    """Counts how often it was asked."""

    calls = 0

    def __call__(self) -> NDArray[np.float32]:
        self.calls += 1
        return np.full((2, 3), self.calls, np.float32)


def test_what_follows_from_code_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    maker = Maker()
    first = cached_by_code("kind", CODE, (2, 3), np.float32, maker)
    assert np.array_equal(cached_by_code("kind", CODE, (2, 3), np.float32, maker), first)
    assert maker.calls == 1
    cached_by_code("kind", motion.__name__, (2, 3), np.float32, maker)
    assert maker.calls == 2, "other code gives other content"
    for file in tmp_path.rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    cached_by_code("kind", CODE, (2, 3), np.float32, maker)
    assert maker.calls == 3, "a file that is cut short is made anew"


def test_a_changed_byte_is_noticed_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    maker = Maker()
    expected = cached("kind", "key", (2, 3), np.float32, maker)
    file = tmp_path / "kind" / "key.npz"
    whole = file.read_bytes()
    at = whole.index(expected.tobytes())
    file.write_bytes(whole[:at] + b"\x01" + whole[at + 1 :])
    assert (cached("kind", "key", (2, 3), np.float32, maker) == 2).all()
    assert "it is made again" in capsys.readouterr().err


def test_parts_that_are_killed_go_on_from_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    made: list[int] = []

    def make(number: int) -> dict[str, NDArray[np.int64]]:
        if number == 2 and made == [0, 1]:
            raise KeyboardInterrupt
        made.append(number)
        return {"number": np.array([number, number])}

    with pytest.raises(KeyboardInterrupt):
        cached_parts("kind", "key", 3, make, lambda done, total: None)
    (tmp_path / "kind" / "key.parts" / "0.npz").write_bytes(b"PK")
    for _ in range(2):
        arrays, file = cached_parts("kind", "key", 3, make, lambda done, total: None)
        assert arrays["number"].tolist() == [0, 0, 1, 1, 2, 2]
    assert made == [0, 1, 0, 2]
    assert file == tmp_path / "kind" / "key.npz"
    assert not file.with_suffix(".parts").exists()


def test_a_key_moves_with_the_code_and_with_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [cache.code_key(name) for name in (frame.__name__, motion.__name__)]
    cache.code_key.cache_clear()
    monkeypatch.setattr(cache, "library_versions", lambda: {"numpy": "of tomorrow"})
    keys.append(cache.code_key(frame.__name__))
    cache.code_key.cache_clear()
    assert len({*keys}) == 3
    assert None not in keys


def test_code_without_source_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TESTSPACE_CACHE", str(tmp_path))
    maker = Maker()
    cached_by_code("kind", "testspace.no_such_module", (2, 3), np.float32, maker)
    cached_by_code("kind", "testspace.no_such_module", (2, 3), np.float32, maker)
    assert maker.calls == 2
    assert not list(tmp_path.iterdir())
