"""The documentation is true: its code runs, its commands exist, its links lead somewhere, and the site builds."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tyro

from testspace.envs.recordings import LAYOUTS
from testspace.experiments.cli import documentation
from testspace.experiments.cli import main as cli
from testspace.experiments.cli.run_cli import parse_run
from testspace.experiments.protocol import presets
from testspace.experiments.protocol.transfer_set_config import TransferSetConfig
from testspace.experiments.run import live_run

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(DOCS.rglob("*.md"))
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_CODE = [page for page in PAGES if "```python" in page.read_text()]


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and text of each fenced block. What stands in `sh` and `python` is run; `console` is only read."""
    return FENCE.findall(page.read_text())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small_networks: None) -> Path:
    """A folder to run a page in, with preset smoke and networks made smaller still."""
    smoke = presets.PRESETS["smoke"]
    tiny = replace(
        smoke,
        episode=replace(smoke.episode, frames=100, rollout=25, learning_starts=50, replay_ratio=0.25),
        learner=replace(smoke.learner, targets="patches", batch_size=8),
        transfer_set=TransferSetConfig(houses=1, frames_per_house=8, camera=smoke.camera),
        transfer=replace(smoke.transfer, steps=3, batch_size=4),
        ttt=replace(smoke.ttt, steps=1, masks=1, refit_steps=1),
        eval_views=8,
        ttt_views=2,
    )
    monkeypatch.setitem(presets.PRESETS, "smoke", tiny)
    write = live_run.write_run_film
    monkeypatch.setattr(live_run, "write_run_film", lambda run, file, _, advance: write(run, file, 0.2, advance))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


COMMAND = re.compile(
    r"(?:testspace|python -m testspace)(?= )|(?:python|torchrun\b.*?) -m (?P<module>testspace\.[\w.]+)"
)


def commands_in(text: str, module: str | None = None) -> list[list[str]]:
    """The arguments of each `testspace ...` line, or, where a module is named, of each line that runs it by `python -m`
    or torchrun. A line that ends in a backslash goes on."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        command = COMMAND.match(line.strip())
        if command is not None and command["module"] == module:
            found.append(shlex.split(line.strip()[command.end() :], comments=True))
    return found


def modules_in(text: str) -> set[str]:
    """The modules that its lines run."""
    return set(re.findall(r" -m (testspace\.[\w.]+)", text))


def spans(page: Path) -> list[str]:
    """What stands in `code` within the text, line ends as blanks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", page.read_text()))]


def shortened(text: str) -> str:
    """A training of minutes, of one batch."""
    for name, value in (("MINUTES", 0), ("BATCH", 2), ("WORKERS", 0)):
        text = re.sub(rf"^{name} = \d+$", f"{name} = {value}", text, flags=re.MULTILINE)
    return text


@pytest.mark.parametrize("name", [page.relative_to(DOCS).as_posix() for page in WITH_CODE])
def test_a_pages_code_runs_as_it_stands(name: str, small: Path) -> None:
    if "matplotlib" in (DOCS / name).read_text():
        pytest.importorskip("matplotlib")
    scope: dict[str, Any] = {"__name__": "__main__"}
    for language, text in blocks(DOCS / name):
        if language == "python":
            exec(compile(shortened(text), name, "exec"), scope)
        elif language == "sh":
            for arguments in commands_in(text):
                cli.main(arguments)


def test_the_readmes_code_runs(small: Path) -> None:
    """As it stands, but for loops of hundreds of steps, which are made three."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    codes = [text for language, text in blocks(README) if language == "python"]
    assert codes
    for code in codes:
        exec(compile(re.sub(r"\brange\(\d{3,}\)", "range(3)", code), README.name, "exec"), scope)
    assert set(scope["info"]) == {"collision", "step"}


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.read_text().split()) <= 1200


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
    assert len(plt.get_fignums()) == 5
    plt.close("all")
    if importlib.util.find_spec("nbformat") is not None:
        import nbformat

        nbformat.validate(nbformat.from_dict(notebook))


def recorded(app: Any) -> Any:
    """The command line with commands that do nothing, to see whether they take their arguments."""
    other = tyro.extras.SubcommandApp()
    for name, command in app._subcommands.items():
        target = command.target
        if isinstance(target, type(app)):
            other.command(recorded(target), name=name, help=command.help)
        else:
            other.command(functools.wraps(target)(lambda *_, **__: None), name=name)
    return other


SHOWN = [*PAGES, README, ROOT / "CONTRIBUTING.md"]


def shown() -> list[str]:
    """Texts with commands for a shell: blocks, and spans within the text but for abbreviated ones."""
    texts = [text for page in SHOWN for language, text in blocks(page) if language in ("sh", "console")]
    within = [span for page in SHOWN for span in spans(page) if not re.search(r"\.\.\.|\|", span)]
    return texts + [span for span in within if " --" in span or " -m testspace." in span]


def test_every_command_that_is_shown_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    files = [text for page in SHOWN for language, text in blocks(page) if language == "toml"]
    assert files
    app = recorded(cli.app)
    commands = [arguments for text in shown() for arguments in commands_in(text)]
    for arguments in commands:
        if "--help" in arguments:
            continue
        if arguments[:1] == ["run"]:  # its options depend on the preset and on the file
            for text in files:
                Path("run.toml").write_text(text)
                parse_run(arguments[1:])
        elif "--tyro-print-completion" not in arguments:
            app.cli(args=arguments)
    assert len(commands) > 30
    with pytest.raises(SystemExit):
        parse_run(["--out", "x", "--colour", "blue"])
    with pytest.raises(SystemExit):
        app.cli(args=["render", "--colour", "blue"])


class Parsed(BaseException):
    """The arguments were taken."""


def stopping(real: Any) -> Any:
    """A reader of arguments that goes no further."""

    def read(*args: Any, **options: Any) -> None:
        real(*args, **options)
        raise Parsed

    return read


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, list[str]], None]:
    """Does what `python -m MODULE ARGUMENTS` does up to where it has read its arguments; then raises Parsed. SystemExit
    where it refuses them."""

    def run(module: str, arguments: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # it may have been imported before
            runpy.run_module(module, run_name="__main__", alter_sys=True)

    monkeypatch.setattr(tyro.extras, "overridable_config_cli", stopping(tyro.extras.overridable_config_cli))
    monkeypatch.setattr(tyro, "cli", stopping(tyro.cli))
    return run


MODULES = sorted({module for text in shown() for module in modules_in(text)})


@pytest.mark.parametrize("module", MODULES)
def test_every_module_that_is_shown_takes_its_arguments(module: str, parse: Callable[[str, list[str]], None]) -> None:
    taken = [arguments for text in shown() for arguments in commands_in(text, module)]
    for arguments in taken:
        with pytest.raises(Parsed):
            parse(module, arguments)
    assert taken
    with pytest.raises(SystemExit):
        parse(module, [*taken[0], "--colour", "blue"])


def test_every_option_that_is_named_exists() -> None:
    known = {"--version", "--help"} | set(re.findall(r"--[a-z][\w-]*", documentation.commands_part()))
    named = {option for page in SHOWN for span in spans(page) for option in re.findall(r"--[a-z][\w-]*", span)}
    assert len(named) > 10
    assert named - known == set()


def test_the_page_of_formats_names_every_layout_of_recordings() -> None:
    page = (DOCS / "formats.md").read_text()
    assert [name for name in LAYOUTS if name.split(" (")[0] not in page] == []


def test_every_extra_and_goal_of_make_that_is_named_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    text = "".join(page.read_text() for page in SHOWN)
    named = re.findall(r"pip install '(?:testspace|\.)\[(\w+)\]'|\bextra `(\w+)`", text)
    assert len(named) > 5
    assert {one or other for one, other in named} <= extras.keys()
    goals = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= goals


def anchor(heading: str) -> str:
    """The anchor that a heading of Markdown has on the pages of git's hosts."""
    return re.sub(r"[^\w -]", "", re.sub(r"\]\([^)]*\)", "", heading.strip()).lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(line) for line in re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)}


def dead_links(page: Path, text: str) -> list[str]:
    """Links and pictures of a text at the page's place that lead nowhere, be it to no file or to no heading of one."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)|<(?:a|img)\b[^>]*(?:href|src)=\"([^\"]+)", FENCE.sub("", text)):
        link = target[0] or target[1]
        if link.startswith(("https://", "http://")):
            continue
        file, _, heading = link.partition("#")
        led = page.parent / file if file else page
        if not led.exists() or (heading and heading not in anchors(led)):
            dead.append(link)
    return dead


LINKING = [*SHOWN, ROOT / "CHANGELOG.md", *ROOT.glob("experiments/**/*.md"), *DOCS.rglob("*.ipynb")]


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    text = page.read_text()
    if page.suffix == ".ipynb":
        text = "\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")
    assert dead_links(page, text) == []


def test_a_dead_link_is_seen() -> None:
    text = (
        '[a](docs/index.md) [b](#results) [c](nowhere.md) ![d](docs/none.png) [e](CHANGELOG.md#none) <img src="f.png">'
    )
    assert dead_links(README, text) == ["nowhere.md", "docs/none.png", "CHANGELOG.md#none", "f.png"]
    assert anchor("2. What falls short, and [`why`](why.md)") == "2-what-falls-short-and-why"


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
