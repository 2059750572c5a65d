"""`testspace pretrain` takes the options of TrainConfig, and costs other commands no import of torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from testspace.experiments.cli import main as cli
from testspace.learners.training import train as training
from testspace.learners.training.train_config import TrainConfig


def test_options_override_the_preset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    configs: list[TrainConfig] = []
    monkeypatch.setattr(training, "train", configs.append)
    cli.main(["pretrain", "small", "--out", str(tmp_path), "--learner.total-steps", "7", "--scaling.shard", "fsdp"])
    (config,) = configs
    assert (config.out, config.learner.total_steps, config.scaling.shard) == (tmp_path, 7, "fsdp")
    assert (config.learner.size, config.repeats) == ("small", 4)


def test_a_missing_source_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["pretrain", "nano", "--out", str(tmp_path)])
    assert capsys.readouterr().err == "testspace: error: train: name --frames, --buffer, or both\n"


def test_the_command_line_is_read_without_torch() -> None:
    code = "import sys, testspace.experiments.cli.main; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
