"""The package as it is released, in an empty environment without extras: takes minutes and a network, so asked for.

TESTSPACE_TEST_INSTALL=1 python -m pytest tests/test_install.py -s
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 1.9e9
"""Bytes of the environment, compiled files of Python included, where torch comes without CUDA: 1.83e9 as last measured.

Of these torch and what it needs have 0.84e9, numba with LLVM 0.21, OpenCV 0.16, SciPy 0.14, NumPy 0.07."""


def ran(*command: str | Path, cwd: Path) -> str:
    """What a command prints; its errors are shown where it fails."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


@pytest.mark.skipif("TESTSPACE_TEST_INSTALL" not in os.environ, reason="takes minutes and a network: see the docstring")
def test_the_release_installs_and_runs_in_an_empty_environment(tmp_path: Path) -> None:
    tree, dist = tmp_path / "tree", tmp_path / "dist"
    ran("git", "clone", "--quiet", ROOT, tree, cwd=tmp_path)
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, tree, cwd=tmp_path)  # wheel from the sdist
    files = sorted(dist.iterdir())
    assert [file.name.endswith((".tar.gz", ".whl")) for file in files] == [True, True]
    if importlib.util.find_spec("twine") is not None:
        ran(sys.executable, "-m", "twine", "check", "--strict", *files, cwd=tmp_path)
    shutil.rmtree(tree)

    ran(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    ran(python, "-m", "pip", "install", "--quiet", f"{next(dist.glob('*.whl'))}[learn]", cwd=tmp_path)
    cuda = ran(python, "-c", "import torch; print(torch.version.cuda or '')", cwd=tmp_path)
    site = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    sizes = {
        part.name: sum(file.stat().st_size for file in part.rglob("*") if file.is_file()) for part in site.iterdir()
    }
    size = sum(sizes.values())
    largest = ", ".join(f"{name} {sizes[name] / 1e6:.0f}" for name in sorted(sizes, key=sizes.__getitem__)[:-20:-1])
    print(f"\ninstalled: {size / 1e6:.0f} MB, CUDA {cuda or 'none'}; {largest}")
    assert cuda or size < LARGEST

    made = (
        "import gymnasium; env = gymnasium.make('testspace:testspace/House-v0', house=7, light='direct');"
        "frame, _ = env.reset(seed=0); print(frame['rgb'].shape, frame['depth'].max() > 0);"
        "several = gymnasium.make_vec('testspace/House-v0', num_envs=2, house=7, light='direct');"
        "print(several.reset(seed=0)[0]['rgb'].shape);"
        "import testspace; print(testspace.generate_house(3).rooms[0].type != '')"
    )
    assert ran(python, "-c", made, cwd=tmp_path) == "(64, 64, 3) True\n(2, 64, 64, 3)\nTrue"
    command = tmp_path / "venv" / "bin" / "testspace"
    assert "policies" in ran(command, "experiment", "--help", cwd=tmp_path)
    assert "machine" in ran(command, "doctor", cwd=tmp_path)
    for told in ([python, "-c", "import testspace"], [command, "--help"]):
        start = time.perf_counter()
        ran(*told, cwd=tmp_path)
        print(f"{told[0].name} {' '.join(map(str, told[1:]))}: {time.perf_counter() - start:.2f} s")
    ran(command, "run", "--seed", "7", "--preset", "smoke", "--out", "run", cwd=tmp_path)
    assert (tmp_path / "run" / "report.html").exists()
