"""Digests stand for what they are of: a value whatever its order, and code with all that it imports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from testspace.core import digests
from testspace.core.digests import digest


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
    names = (
        "learners.objectives.tst",
        "learners.heads.transfer",
        "learners.data.replay_buffer",
        "agent.fusion.semantic_map",
        "agent.policies",
    )
    names += (
        "envs.render.raycast",
        "envs.assembly.building",
        "envs.gym_envs.house_env",
        "experiments.protocol.held_out",
        "experiments.stages.house_stages",
    )
    for name in names:
        assert digests._file(name) is not None, name
    imported = digests._imports(
        digests.ast.parse((digests.ROOT / "learners/objectives/tst.py").read_text()), "learners.objectives"
    )
    assert {"learners.masked.masked_model", "learners.masked.masking"} <= set(imported)
