"""Curves in Weights & Biases: the numbers of TensorBoard's, kept offline without an account, one run over sessions."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from testspace.experiments.cli import main as cli
from testspace.experiments.rundir.run_folder import RunFolder

PARENT = str(Path(cli.__file__).parents[3])
installed = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="the extra `wandb`")


def python(code: str, folder: Path, **environment: str) -> str:
    """What a program prints that finds no settings and no account of anybody: wandb keeps both for a whole process."""
    mine = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    told = {"HOME": str(folder), "NETRC": str(folder / "netrc"), "PYTHONPATH": PARENT, "WANDB_SILENT": "true"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env={**mine, **told, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


SESSION = """
from pathlib import Path
from testspace.experiments.rundir.run_folder import RunFolder
from testspace.experiments.rundir.wandb_curves import check_wandb

check_wandb()
run = RunFolder(Path("first"), {"seed": 1}, resume=True, wandb="lives")
run.log("rollout", 10, loss=0.515625, note="not a number")
run.log("evaluation", 20, method="scratch", miou=0.28125)
run.close()
"""


@installed
def test_offline_the_numbers_of_tensorboard_are_kept_and_a_later_session_goes_on(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        python(SESSION, tmp_path, WANDB_MODE="offline")
    events = EventAccumulator(str(tmp_path / "first" / "tensorboard"))
    events.Reload()
    curves = {name: events.Scalars(name)[0].value for name in events.Tags()["scalars"]}
    assert curves == {"rollout/loss": 0.515625, "evaluation/scratch/miou": 0.28125}
    identity = (tmp_path / "first" / "wandb" / "id.txt").read_text()
    stored = sorted((tmp_path / "first" / "wandb").glob("offline-run-*/*.wandb"))
    assert [file.name for file in stored] == [f"run-{identity}.wandb"] * len(stored)
    for file in stored:
        data = file.read_bytes()
        for name, value in curves.items():
            assert name.encode() in data
            assert str(value).encode() in data
        assert b"not a number" not in data


@installed
def test_without_an_account_one_line_says_what_to_do(tmp_path: Path) -> None:
    code = "from testspace.experiments.rundir.wandb_curves import WandbError, check_wandb\n"
    code += "try:\n    check_wandb()\nexcept WandbError as error:\n    print(error)"
    told = python(code, tmp_path)
    assert told == "--wandb: no account is logged in; call `wandb login`, or set WANDB_MODE=offline"


def test_where_the_package_is_missing_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--preset", "smoke", "--out", str(tmp_path / "run"), "--wandb", "lives"])
    assert "--wandb needs Weights & Biases: pip install 'testspace[wandb]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    RunFolder(tmp_path, {}, resume=False).close()  # which needs none
