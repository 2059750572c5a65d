"""Digests stand for what they are of: a value whatever its order, and code with all that it imports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from testspace.experiments import digests
from testspace.experiments.digests import digest


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
    monkeypatch.setattr(digests, "ROOT", tmp_path)
    digests._module.cache_clear()
    yield tmp_path / "room"
    shutil.rmtree(tmp_path / "room")
    digests._module.cache_clear()


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
    before = digests.code_digest("room.top")
    (package / file).write_text(text)
    digests._module.cache_clear()
    assert (digests.code_digest("room.top") != before) == changes


def test_the_real_modules_are_found() -> None:
    """The digest of a module that does not exist would never change."""
    digests._module.cache_clear()
    names = ("learners.pretrain", "learners.transfer", "learners.buffer", "agent.semantic_map", "agent.policies")
    names += ("envs.raycast", "envs.building", "envs.house_env", "experiments.held_out", "experiments.stages.house")
    for name in names:
        assert digests._file(name) is not None, name
    imported = digests._imports(digests.ast.parse((digests.ROOT / "learners/pretrain.py").read_text()), "learners")
    assert {"learners.model", "learners.masking"} <= set(imported)
