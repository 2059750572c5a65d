"""The generalist's benchmark at its smallest: that it measures what it says. How fast anything is, no test asserts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from testspace.core.errors import UserError
from testspace.experiments.bench import perception
from testspace.experiments.bench.perception import PerceptionBench, measure
from testspace.experiments.cli.main import main


def test_every_figure_is_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(perception, "SIZES", ((64, 48),))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    threads = torch.get_num_threads()
    main(["bench", "perception", "--rounds", "3", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    names = {"float32 rgb", "float32 rgb-d", "Perception 64 x 48 rgb", "Perception 64 x 48 rgb-d"}
    assert names <= set(figures["median_ms"])
    assert all(0 < figures["best_ms"][name] <= median for name, median in figures["median_ms"].items())
    printed = capsys.readouterr().out
    assert "Perception 64 x 48 rgb-d" in printed
    assert "onnxruntime: skipped: pip install 'testspace[onnx]'" in printed
    assert torch.get_num_threads() == threads


def test_no_rounds_are_refused() -> None:
    with pytest.raises(UserError, match="must be 1 or more"):
        measure(PerceptionBench(rounds=0))
