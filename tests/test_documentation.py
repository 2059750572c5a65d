"""The documentation is true: its code runs, its commands exist, its links lead somewhere, and the site builds."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from testspace.experiments import cli, documentation, presets
from testspace.experiments.transfer_set import TransferSetConfig

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_CODE = [page for page in PAGES if "```python" in page.read_text()]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block. What stands in `sh` and `python` is run; `console` is only read."""
    return FENCE.findall(page.read_text())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder to run a page in, with preset smoke made smaller still."""
    smoke = presets.PRESETS["smoke"]
    tiny = replace(
        smoke,
        life=replace(smoke.life, replay_ratio=0.5),
        learner=replace(smoke.learner, targets="patches"),
        transfer_set=TransferSetConfig(houses=1, frames_per_house=8, camera=smoke.camera),
        transfer=replace(smoke.transfer, steps=3),
        ttt=replace(smoke.ttt, steps=1, masks=1, refit_steps=1),
        evaluation_frames=12,
        ttt_frames=2,
    )
    monkeypatch.setitem(presets.PRESETS, "smoke", tiny)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def commands_in(text: str) -> list[list[str]]:
    """The arguments of each `testspace ...` line; a line that ends in a backslash goes on."""
    lines = text.replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if line.strip().startswith("testspace ")]


@pytest.mark.parametrize("name", [page.relative_to(DOCS).as_posix() for page in WITH_CODE])
def test_a_pages_code_runs_as_it_stands(name: str, small: Path) -> None:
    if "matplotlib" in (DOCS / name).read_text():
        pytest.importorskip("matplotlib")
    scope: dict[str, Any] = {"__name__": "__main__"}
    for language, text in blocks(DOCS / name):
        if language == "python":
            exec(compile(text, name, "exec"), scope)
        elif language == "sh":
            for arguments in commands_in(text):
                cli.main(arguments)


def test_the_notebook_runs(small: Path) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    notebook = json.loads((DOCS / "tutorials" / "first_look.ipynb").read_text())
    scope: dict[str, Any] = {"__name__": "__main__"}
    for cell in notebook["cells"]:
        assert not cell.get("outputs"), "committed without outputs"
        if cell["cell_type"] == "code":
            text = re.sub(r"^(STEPS|LEARNING) = \d+$", r"\1 = 8", "".join(cell["source"]), flags=re.MULTILINE)
            exec(compile(text, cell["id"], "exec"), scope)
    assert len(plt.get_fignums()) == 4
    plt.close("all")
    if importlib.util.find_spec("nbformat") is not None:
        import nbformat

        nbformat.validate(nbformat.from_dict(notebook))


def recorded(app: Any) -> Any:
    """The command line with commands that do nothing, to see whether they take their arguments."""
    import functools

    import tyro

    other = tyro.extras.SubcommandApp()
    for name, command in app._subcommands.items():
        target = command.target
        if isinstance(target, type(app)):
            other.command(recorded(target), name=name, help=command.help)
        else:
            other.command(functools.wraps(target)(lambda *_, **__: None), name=name)
    return other


def test_every_command_that_is_shown_exists() -> None:
    app, shown = recorded(cli.app), 0
    for page in [*PAGES, ROOT / "README.md"]:
        for language, text in blocks(page):
            for arguments in commands_in(text) if language in ("sh", "console") else []:
                if "--tyro-print-completion" not in arguments:
                    app.cli(args=arguments)
                    shown += 1
    assert shown > 15
    with pytest.raises(SystemExit):
        app.cli(args=["run", "--colour", "blue"])


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", FENCE.sub("", page.read_text())):
        if not target.startswith(("https://", "http://")):
            assert (page.parent / target).exists(), target


def test_the_papers_table_names_files_that_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)`", (DOCS / "paper.md").read_text())
    assert len(named) > 30
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_every_command_and_environment_is_told() -> None:
    commands = documentation.filled((DOCS / "commands.md").read_text())
    assert {"run", "bench", "doctor"} <= {words[0] for words in documentation.commands()}
    assert ("bench", "learner") in documentation.commands()
    assert "## testspace bench learner" in commands
    assert "--policy" in commands
    environments = documentation.filled((DOCS / "environments.md").read_text())
    for name in ("`testspace/House-v0`", "`testspace/House-continuous-v0`", "`camera_height`", "`odometry`"):
        assert name in environments
    frame = documentation.filled((DOCS / "frame-contract.md").read_text())
    assert "| `depth` | float32 (H, W) | metres along the optical axis, 0 = no return |" in frame


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for needed in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip("the site needs pip install 'testspace[docs]'")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "OccupancyMap" in (tmp_path / "site" / "api.html").read_text()
    assert "--policy" in (tmp_path / "site" / "commands.html").read_text()
