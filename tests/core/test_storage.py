"""A crash at any moment leaves the old file or folder, or the new one."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from testspace.core.storage import (
    DamagedError,
    read_arrays,
    recover_folder,
    replace_folder,
    replacing,
    write_arrays,
    write_json,
)


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    write_json(file, {"a": 1})

    def interrupted() -> None:
        with replacing(file) as unfinished:
            unfinished.write_text("half of a ")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert json.loads(file.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["value.json"]


def test_arrays_are_read_back(tmp_path: Path) -> None:
    arrays = {"one": np.arange(6).reshape(2, 3), "two": np.array([0.5], np.float32)}
    write_arrays(tmp_path / "some.npz", arrays)
    with np.load(tmp_path / "some.npz", allow_pickle=False) as stored:
        assert sorted(stored) == ["one", "two"]
        for name, array in arrays.items():
            np.testing.assert_array_equal(stored[name], array, strict=True)


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_a_folder_is_whole_wherever_its_writer_is_killed(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(text: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "text").write_text(text)

    folder, rename, done = tmp_path / "folder", os.rename, []

    class Killed(BaseException):
        pass

    def killed(*paths: Path) -> None:
        if len(done) == renames:
            raise Killed
        done.append(paths)
        rename(*paths)

    replace_folder(folder, lambda path: write("old", path))
    monkeypatch.setattr("testspace.core.storage.os.rename", killed)
    if renames < 2:
        with pytest.raises(Killed):
            replace_folder(folder, lambda path: write("new", path))
    else:
        replace_folder(folder, lambda path: write("new", path))
    monkeypatch.undo()
    assert recover_folder(folder)
    assert (folder / "text").read_text() == ("new" if renames == 2 else "old")


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "flipped", "sums"])
def test_the_folder_before_is_used_where_the_last_is_damaged(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(text: str, folder: Path) -> None:
        folder.mkdir()
        (folder / "text").write_text(text)

    folder = tmp_path / "folder"
    replace_folder(folder, lambda path: write("old", path))
    replace_folder(folder, lambda path: write("new", path))
    assert recover_folder(folder)
    assert capsys.readouterr().err == ""
    file = folder / "text"
    if damage == "gone":
        file.unlink()
    elif damage == "sums":
        (folder / "sums.json").write_text("{")
    else:
        file.write_text({"cut": "ne", "empty": "", "flipped": "mew"}[damage])
    assert recover_folder(folder)
    assert file.read_text() == "old"
    assert "what was stored before is used" in capsys.readouterr().err
    file.write_text("")
    assert not recover_folder(folder)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_damaged_arrays_are_one_line(tmp_path: Path) -> None:
    file = tmp_path / "some.npz"
    write_arrays(file, {"one": np.arange(600), "two": np.array([0.5], np.float32)})
    whole = file.read_bytes()
    assert sorted(read_arrays(file)) == ["one", "two"]
    for offset in range(0, len(whole), 97):
        file.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0x10]) + whole[offset + 1 :])
        with suppress(DamagedError):  # else the byte means nothing, such as one of a time stamp
            assert read_arrays(file)["one"].tolist() == list(range(600))
    for damaged in (b"", whole[:100], b"no zip at all", b"\x93NUMPY"):
        file.write_bytes(damaged)
        with pytest.raises(DamagedError, match=r"some\.npz"):
            read_arrays(file)


def test_an_error_without_a_file_name_gets_one(tmp_path: Path) -> None:
    told = r"No space left on device; what was stored before is whole: .*value\.json"
    with pytest.raises(OSError, match=told), replacing(tmp_path / "value.json"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_was_never_written_is_not_there(tmp_path: Path) -> None:
    assert not recover_folder(tmp_path / "folder")
