"""What is installed is what stands in the tree: every module, the type marker, no tests; its version is git's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import testspace
from testspace.experiments.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = (
    "__init__.py", "__main__.py", "py.typed", "pyproject.toml", "README.md", "LICENSE", "NOTICE",
    ".gitattributes", ".git_archival.txt",
)  # fmt: skip
DATA = {
    "testspace/py.typed",
    "testspace/envs/house/procthor_tables.json",
    "testspace/learners/generalist/generalist.safetensors",
}
ROOMS = ("agent", "core", "datasets", "envs", "experiments", "learners")


def modules() -> set[str]:
    """Every Python file of the package, as the wheel names it."""
    files = [
        ROOT / "__init__.py",
        ROOT / "__main__.py",
        *(file for room in ROOMS for file in (ROOT / room).rglob("*.py")),
    ]
    return {(Path("testspace") / file.relative_to(ROOT)).as_posix() for file in files}


def ran(*command: str | Path, cwd: Path) -> str:
    """What a command prints; its errors are shown where it fails. Nobody's settings of git count."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def commit(tree: Path) -> None:
    """Everything in the tree as a commit."""
    ran("git", "add", "--all", cwd=tree)
    told = ("-c", "user.name=nobody", "-c", "user.email=nobody@localhost")
    ran("git", *told, "commit", "--quiet", "--allow-empty", "--message", "as it is", cwd=tree)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist of a copy of the tree, tagged v9.8.7, and the wheel that is built from the sdist."""
    folder = tmp_path_factory.mktemp("release")
    tree = folder / "tree"
    tree.mkdir()
    for name in SHIPPED:
        shutil.copy(ROOT / name, tree / name)
    for room in (*ROOMS, "tests"):
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    if shutil.which("git") is None:
        pytest.skip("needs git")
    ran("git", "init", "--quiet", cwd=tree)
    commit(tree)
    ran("git", "tag", "v9.8.7", cwd=tree)
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, tree, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(release: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(release / "testspace-9.8.7-py3-none-any.whl")


def test_the_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == modules() | DATA


def test_the_sdist_holds_what_git_holds(release: Path) -> None:
    with tarfile.open(release / "testspace-9.8.7.tar.gz") as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames() if sdist.getmember(name).isfile()}
    held = set(ran("git", "ls-files", cwd=release / "tree").splitlines())
    made = {name for name in inside if name in ("PKG-INFO", "setup.cfg") or name.startswith("testspace.egg-info/")}
    assert inside - made == held


def test_the_version_is_that_of_the_tag(release: Path, tmp_path: Path) -> None:
    def version(tree: Path) -> str:
        return ran(sys.executable, "-m", "setuptools_scm", cwd=tree)

    def exported(name: str) -> Path:
        ran("git", "archive", "--output", tmp_path / f"{name}.tar", "HEAD", cwd=tree)
        with tarfile.open(tmp_path / f"{name}.tar") as archive:
            archive.extractall(tmp_path / name, filter="data")
        return tmp_path / name

    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", ".gitattributes", ".git_archival.txt"):
        shutil.copy(ROOT / name, tree / name)
    assert version(tree) == "0.1.0.dev0"  # neither git nor tags
    ran("git", "init", "--quiet", cwd=tree)
    commit(tree)
    assert re.fullmatch(r"0\.1\.0\.dev1\+g[0-9a-f]+", version(tree))  # git, but no tags
    ran("git", "clone", "--quiet", "--depth", "1", tree.as_uri(), tmp_path / "shallow", cwd=tmp_path)
    assert re.fullmatch(r"0\.1\.0\.dev1\+g[0-9a-f]+", version(tmp_path / "shallow"))
    assert version(exported("untagged")) == "0.0"
    ran("git", "tag", "v0.2.0", cwd=tree)
    assert version(tree) == version(exported("tagged")) == "0.2.0"
    commit(tree)
    assert re.fullmatch(r"0\.2\.1\.dev1\+g[0-9a-f]+", version(tree))


def test_the_version_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"testspace": "1.2.3"}[name])
    monkeypatch.delitem(vars(testspace), "__version__", raising=False)
    cli.main(["--version"])
    assert capsys.readouterr().out == "testspace 1.2.3\n"
    monkeypatch.delitem(vars(testspace), "__version__")

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert testspace.__version__ == "0+unknown"  # a tree that was not installed
    monkeypatch.delitem(vars(testspace), "__version__")


def test_the_wheel_declares_its_command_and_licence(wheel: zipfile.ZipFile) -> None:
    described = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert "testspace = testspace.experiments.cli.main:main" in described["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in described["METADATA"]
    assert "Apache License" in described["LICENSE"]


def test_every_folder_of_the_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert {Path(name).parent.as_posix().replace("/", ".") for name in modules()} == listed
