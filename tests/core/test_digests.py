"""Digests stand for what they are of: a value whatever its order, and code with all that it imports."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from testspace.core import digests
from testspace.core.digests import digest

ROOT = digests.ROOT


def test_a_digest_is_of_the_value_and_not_of_its_order() -> None:
    assert digest({"a": 1, "b": [2.5, None]}) == digest({"b": [2.5, None], "a": 1}) != digest({"a": 1, "b": [2.5]})
    with pytest.raises(ValueError, match="JSON"):
        digest(float("nan"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
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


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package."""
    folder = tmp_path_factory.mktemp("tree")
    for room in ("agent", "core", "envs", "experiments", "learners"):
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "results"))
    return folder


@pytest.fixture
def copy(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The copy, whose code the digests are of."""
    monkeypatch.setattr(digests, "ROOT", tree)
    digests._module.cache_clear()
    yield tree
    digests._module.cache_clear()


@pytest.mark.parametrize(
    ("stage", "file", "old", "new", "moves"),
    [
        (
            "collect_stage",
            "experiments/stages/collect_stage.py",
            'make_policy("frontier"',
            'make_policy("random"',
            True,
        ),
        ("collect_stage", "agent/actor.py", "collisions += bool", "collisions -= bool", True),
        ("collect_stage", "agent/policies/frontier.py", "0.5", "0.25", True),
        ("pretrain_stage", "learners/data/batch_sampler.py", "1_000_003 + step", "1_000_003", True),
        ("pretrain_stage", "experiments/protocol/preset.py", "steps // 10", "steps // 20", True),
        ("run_stage", "experiments/protocol/score.py", "MIN_SHARE = 0.002", "MIN_SHARE = 0.01", True),
        ("evaluate_stage", "experiments/protocol/score.py", "MIN_SHARE = 0.002", "MIN_SHARE = 0.01", True),
        ("views", "envs/render/kernel.py", "0.5", "0.25", True),
        ("pretrain_stage", "experiments/stages/pretrain_stage.py", 'f"loss {', 'f"the loss is {', False),
        ("collect_stage", "experiments/stages/collect_stage.py", "collecting in", "walking in", False),
        ("part_stage", "experiments/stages/part_stage.py", "give it more frames", "more frames", False),
        ("pretrain_stage", "learners/training/train.py", "import", "import json\nimport", False),
        ("run_stage", "experiments/cli/main.py", "of the floor seen", "of the floor", False),
        ("run_stage", "experiments/report/report_curves.py", "Scores over the run", "Scores over time", False),
        ("run_stage", "experiments/protocol/presets.py", "steps=600", "steps=700", False),
        ("pretrain_stage", "core/progress.py", "left", "to go", False),
    ],
)
def test_a_stages_key_moves_with_its_code_and_not_with_its_messages(
    copy: Path, stage: str, file: str, old: str, new: str, moves: bool
) -> None:
    module = "experiments.stages." + ("truth" if stage == "views" else stage)
    before = digests.code_digest(module)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    digests._module.cache_clear()
    try:
        assert (digests.code_digest(module) != before) == moves
    finally:
        (copy / file).write_text(text)


def test_every_stage_is_a_module_that_the_digest_finds() -> None:
    """The digest of a module that does not exist would never change."""
    digests._module.cache_clear()
    stages = sorted(
        file.stem for file in (ROOT / "experiments" / "stages").glob("*.py") if "store.get(" in file.read_text()
    )
    assert len(stages) >= 10
    assert len({digests.code_digest(f"experiments.stages.{name}") for name in stages}) == len(stages)
    for name in stages:
        source = (ROOT / "experiments" / "stages" / f"{name}.py").read_text()
        assert source.count("store.get(") == 1, f"{name}: one stage a module, so that its key is no wider than it"


def test_library_versions_are_those_installed() -> None:
    pytest.importorskip("torch")
    assert digests.library_versions()["torch"] == importlib.metadata.version("torch")
    assert digests._version("no-such-library") == ""
