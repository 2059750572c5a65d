"""What is installed is what stands in the tree: every module, the type marker, and nothing of the tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("agent", "envs", "experiments", "learners")


def modules() -> set[str]:
    """Every Python file of the package, as the wheel names it."""
    files = [
        ROOT / "__init__.py",
        ROOT / "__main__.py",
        *(file for room in ROOMS for file in (ROOT / room).rglob("*.py")),
    ]
    return {(Path("testspace") / file.relative_to(ROOT)).as_posix() for file in files}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the tree, built without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "tree"
    copy.mkdir()
    for name in ("__init__.py", "__main__.py", "py.typed", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    for room in (*ROOMS, "tests"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(copy)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_every_module_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == modules() | {"testspace/py.typed"}


def test_the_wheel_declares_its_command_and_licence(wheel: zipfile.ZipFile) -> None:
    described = {Path(name).name: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert "testspace = testspace.experiments.cli:main" in described["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in described["METADATA"]
    assert "Apache License" in described["LICENSE"]


def test_every_folder_of_the_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    assert {Path(name).parent.as_posix().replace("/", ".") for name in modules()} == listed
