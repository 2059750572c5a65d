"""Stages are made once, go on where they were killed, and are made anew where what they follow from has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from testspace.experiments.progress import Advance, Progress
from testspace.experiments.stages import code
from testspace.experiments.stages.store import Store, digest


def test_a_stage_is_made_once_for_its_settings(tmp_path: Path) -> None:
    made = []

    def make(folder: Path, advance: Advance) -> None:
        made.append(folder.name)
        (folder / "content").write_text("done")

    for _ in range(2):
        store = Store(Progress(), tmp_path)
        first = store.get("walk", "a walk", {"frames": 3}, make)
        other = store.get("walk", "a walk", {"frames": 4}, make)
        assert set(store.used) == {f"walk/{first.key}", f"walk/{other.key}"}
    assert len(made) == 2
    assert first.key == digest({"frames": 3}) != other.key
    assert (first.folder / "content").read_text() == "done"


def test_a_stage_that_was_killed_goes_on_from_its_folder_and_is_not_taken_for_done(tmp_path: Path) -> None:
    def killed(folder: Path, advance: Advance) -> None:
        (folder / "half").write_text("")
        raise KeyboardInterrupt

    def goes_on(folder: Path, advance: Advance) -> None:
        assert (folder / "half").exists()

    store = Store(Progress(), tmp_path)
    with pytest.raises(KeyboardInterrupt):
        store.get("walk", "a walk", {}, killed)
    assert (store.get("walk", "a walk", {}, goes_on).folder / "half").exists()


def test_a_digest_is_of_the_value_and_not_of_its_order() -> None:
    assert digest({"a": 1, "b": [2.5, None]}) == digest({"b": [2.5, None], "a": 1}) != digest({"a": 1, "b": [2.5]})
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of three modules, of which `top` imports `low`."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "__init__.py").write_text("")
    (tmp_path / "room" / "top.py").write_text("from .low import f\n\n\ndef g() -> int:\n    return f()\n")
    (tmp_path / "room" / "low.py").write_text("def f() -> int:\n    return 1\n")
    (tmp_path / "room" / "aside.py").write_text("x = 1\n")
    monkeypatch.setattr(code, "ROOT", tmp_path)
    code._module.cache_clear()
    yield tmp_path / "room"
    shutil.rmtree(tmp_path / "room")
    code._module.cache_clear()


@pytest.mark.parametrize(
    ("file", "text", "changes"),
    [
        ("low.py", "def f() -> int:\n    return 2\n", True),
        ("low.py", 'def f() -> int:\n    """One."""\n    return 1  # one\n', False),
        ("top.py", "from .low import f\n\n\ndef g() -> int:\n    return f() + 1\n", True),
        ("aside.py", "x = 2\n", False),
    ],
)
def test_a_stage_follows_from_the_code_that_it_imports(package: Path, file: str, text: str, changes: bool) -> None:
    before = code.code_digest("room.top")
    (package / file).write_text(text)
    code._module.cache_clear()
    assert (code.code_digest("room.top") != before) == changes


def test_the_real_modules_are_found() -> None:
    """The digest of a module that does not exist would never change."""
    code._module.cache_clear()
    names = ("learners.pretrain", "learners.transfer", "learners.buffer", "agent.semantic_map", "agent.policies")
    names += ("envs.raycast", "envs.building", "envs.house_env", "experiments.held_out", "experiments.stages.house")
    for name in names:
        assert code._file(name) is not None, name
    imported = code._imports(code.ast.parse((code.ROOT / "learners/pretrain.py").read_text()), "learners")
    assert {"learners.model", "learners.masking"} <= set(imported)
