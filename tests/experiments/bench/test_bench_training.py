"""The benchmark of training, below smoke size: that it measures what it says. How fast anything is, no test asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from testspace.experiments.bench import training
from testspace.experiments.bench.training import model_flops, random_frames
from testspace.experiments.cli import main as cli
from testspace.learners.objectives.tst_config import TSTConfig
from testspace.learners.training.scaling import ScaledLearner

TINY = TSTConfig(image_size=32, input_budget=8, target_budget=8, decoder_layers=1, total_steps=10)


def test_a_decoder_layer_more_costs_its_products_in_closed_form() -> None:
    """Forward and twice that backward, a multiplication and an addition each: self-attention, attention to the encoder
    and the gated layer, for each predicted token."""
    one, two = (
        model_flops(ScaledLearner(TSTConfig(image_size=32, input_budget=8, target_budget=8, decoder_layers=layers)))
        for layers in (1, 2)
    )
    d, tokens = 192, 8
    layer = 8 * d * d + 3 * d * int(2 / 3 * 4 * d) + 2 * (2 * tokens * d)
    assert two - one == pytest.approx(3 * 2 * tokens * layer, rel=1e-6)


def test_frames_are_those_of_the_contract() -> None:
    frames = random_frames(3, 32, torch.device("cpu"))
    assert {name: (value.shape, value.dtype) for name, value in frames.items()} == {
        "rgb": ((3, 32, 32, 3), torch.uint8),
        "depth": ((3, 32, 32), torch.float32),
        "normals": ((3, 32, 32, 3), torch.float32),
        "edges": ((3, 32, 32), torch.uint8),
    }
    assert torch.allclose(frames["normals"].norm(dim=-1), torch.ones(3, 32, 32))


def test_every_figure_is_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "pretraining", lambda size, batch_size: TINY)
    file = tmp_path / "figures.json"
    cli.main(["bench", "training", "--sizes", "small", "--batch", "64", "--steps", "1", "--json", str(file)])
    figures = json.loads(file.read_text())
    (each,) = figures["training"]
    assert each["flops_per_s"] == pytest.approx(each["samples_per_s"] * each["gflops_a_sample"] * 1e9)
    assert each["utilisation"] == pytest.approx(each["flops_per_s"] / figures["matrix_flops_per_s"])
    assert figures["machine"]["device"] == "CPU"
    assert "small" in capsys.readouterr().out
