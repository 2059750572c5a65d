"""Stages are made once, go on where they were killed, and are made anew where what they follow from has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from testspace.core.progress import Advance, Progress
from testspace.experiments.stages import store as store_module
from testspace.experiments.stages.store import Store


def test_a_stage_is_made_once_for_its_settings(tmp_path: Path) -> None:
    made = []

    def make(folder: Path, advance: Advance) -> None:
        made.append(folder.name)
        (folder / "content").write_text("done")

    for _ in range(2):
        store = Store(Progress(), tmp_path)
        first = store.get("walk", {"frames": 3}, make, title="a walk")
        other = store.get("walk", {"frames": 4}, make, title="a walk")
        assert set(store.used) == {f"walk/{first.key}", f"walk/{other.key}"}
    assert len(made) == 2
    assert first.key != other.key
    assert (first.folder / "content").read_text() == "done"


def test_a_damaged_stage_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def walk(folder: Path, advance: Advance) -> None:
        (folder / "path").write_text("north")

    with Progress() as progress:
        entry = Store(progress, tmp_path).get("walk", {}, walk, title="a walk")
        (entry.folder / "path").write_text("south")
        again = Store(progress, tmp_path).get("walk", {}, walk, title="a walk")
    assert (again.folder / "path").read_text() == "north"
    assert "path: damaged, it differs from its checksum; the stage is made again" in capsys.readouterr().err


def test_a_stage_that_was_killed_goes_on_from_its_folder_and_is_not_taken_for_done(tmp_path: Path) -> None:
    def killed(folder: Path, advance: Advance) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    def goes_on(folder: Path, advance: Advance) -> None:
        assert (folder / "half").exists()

    store = Store(Progress(), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.get("walk", {}, killed, title="a walk")
    assert (store.get("walk", {}, goes_on, title="a walk").folder / "half").exists()


def test_the_seconds_of_a_stage_are_those_of_all_its_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def make(folder: Path, advance: Advance) -> None:
        for done in range(3):
            now[0] += 10
            advance(done, 3)
            if now[0] == 120:
                raise KeyboardInterrupt

    store = Store(Progress(), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.get("walk", {}, make, title="a walk")
    now[0] = 1000.0
    entry = store.get("walk", {}, make, title="a walk")
    assert entry.seconds == 20 + 30
    assert sorted(file.name for file in entry.folder.iterdir()) == ["stage.json", "sums.json"]


def test_another_version_of_a_library_or_another_setting_is_another_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(folder: Path, advance: Advance) -> None:
        pass

    now = Store(Progress(), tmp_path).get("walk", {"frames": 3}, make, title="a walk")
    monkeypatch.setattr(store_module, "library_versions", lambda: {"torch": "99.0"})
    assert Store(Progress(), tmp_path).get("walk", {"frames": 3}, make, title="another title").key != now.key
    monkeypatch.undo()
    assert Store(Progress(), tmp_path).get("walk", {"frames": 3}, make, title="another title").key == now.key
