"""`testspace doctor`: it names every extra, tells what is missing and what for, and fits a screen; bash completes."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from habitat_double import install
from scenes import box_room

from testspace.experiments.cli import doctor
from testspace.experiments.cli import main as cli

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def test_every_extra_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(doctor.EXTRAS) == set(PROJECT["optional-dependencies"])
    cli.main(["doctor"])
    told = capsys.readouterr().out
    assert len(told.splitlines()) <= 40
    assert max(map(len, told.splitlines())) <= 120
    for word in ("cores", "bfloat16", "GPU", "AI2-THOR", "furniture", *doctor.EXTRAS):
        assert word in told


def test_what_is_missing_is_told_with_what_it_is_good_for(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = importlib.util.find_spec
    hidden = {"stable_baselines3", "ai2thor"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in hidden else real(name))
    found = {one.name: one for one in doctor.examine()}
    assert not found["sb3"].available
    assert found["sb3"].text == "--policy ppo.zip; training PPO: pip install 'testspace[sb3]'"
    assert not found["AI2-THOR"].available
    assert "testspace[thor]" in found["AI2-THOR"].text
    assert found["cores"].available
    assert found["ray caster"].available


def test_simulators_are_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "habitat_sim" or real(name))
    install(monkeypatch, tmp_path / "child", box_room(), drawable=(-1,))
    found = {one.name: one for one in doctor.examine()}
    assert found["habitat-sim"].text == "--sim habitat: habitat-sim 0.3.3, draws on the CPU, with Bullet"
    install(monkeypatch, tmp_path / "child", box_room(), drawable=())
    monkeypatch.setattr("testspace.envs.thor.thor_places.ctypes.util.find_library", lambda name: None)
    monkeypatch.delenv("DISPLAY", raising=False)
    found = {one.name: one for one in doctor.examine()}
    assert not found["habitat-sim"].available
    assert found["habitat-sim"].text.startswith("habitat-sim cannot draw here (GPU 0: unable to find CUDA device 0")
    if found["thor"].available:
        assert not found["AI2-THOR"].available
        assert "no Vulkan" in found["AI2-THOR"].text


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    script = subprocess.run(
        [sys.executable, "-m", "testspace", "--tyro-print-completion", "bash"],
        capture_output=True,
        text=True,
        check=True,
    )
    (tmp_path / "completion").write_text(script.stdout)

    def completed(*words: str) -> set[str]:
        ask = (
            f"source {tmp_path / 'completion'}; COMP_WORDS=(testspace {' '.join(words)}); COMP_CWORD={len(words)};"
            ' $(complete -p testspace | sed "s/.*-F \\([^ ]*\\).*/\\1/"); printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True)
        return {line.strip() for line in done.stdout.splitlines()}

    assert {"run", "report", "render", "retrieve"} <= completed("r")
    assert "doctor" not in completed("r")
    assert "--policy" in completed("run", "--po")


def test_it_ends_without_a_word_where_nobody_reads_on() -> None:
    command = [sys.executable, "-m", "testspace", "doctor"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    _, told = process.communicate()
    assert (process.returncode, told) == (141, "")
