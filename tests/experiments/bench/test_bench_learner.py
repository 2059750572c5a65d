"""The learner's benchmark at smoke size: that it measures what it says. How fast anything is, no test asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from testspace.experiments.bench import learner
from testspace.experiments.bench.learner import LearnerBench, Work, flops, prepare
from testspace.experiments.bench.learner_table import verdict
from testspace.experiments.bench.peer_4m import masks
from testspace.experiments.cli import main as cli

TINY = Work("nano, cut to one layer", 64, 1, 8)


def test_flops_are_those_of_the_matrices_in_closed_form() -> None:
    """Forward and twice that backward; inputs need no gradient, so the maps of pixels have one product less."""
    batch, d, t = 2, 64, 8
    prepared = prepare(TINY, batch)
    hidden, attention = int(2 / 3 * 4 * d), 2 * t * d  # scores and their use, multiplications for each token
    encoder = 4 * d * d + 3 * d * hidden + attention
    decoder = 8 * d * d + 3 * d * hidden + 2 * attention
    heads = prepared.model.heads
    inputs, targets = prepared.draw()
    prepared.draw = lambda: (inputs, targets)  # type: ignore[method-assign]
    seen = prepared.model.index.group(inputs).counts[0]
    asked = prepared.model.index.group(targets).counts
    logits = sum(count * d * head.out_features for head, count in zip(heads.values(), asked[1:], strict=True))
    pixels = seen * d * 3 * 16**2
    expected = 3 * 2 * (batch * t * (encoder + decoder + d * d) + logits) + 2 * 2 * pixels
    assert flops(prepared) == pytest.approx(expected, rel=1e-6)


def test_the_peers_see_and_predict_the_tokens_that_we_do() -> None:
    prepared = prepare(TINY, 6)
    chosen = prepared.draw()
    for numbers, mask in zip(chosen, masks(prepared.model, chosen), strict=True):
        kept = (~torch.cat([mask[name] for name in prepared.model.names], dim=1)).nonzero()[:, 1].view(6, 8)
        assert torch.equal(kept, numbers.sort(dim=1).values)
    assert all(torch.equal(once, again) for once, again in zip(chosen, prepared.draw(), strict=True))


def test_every_figure_is_measured_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learner, "WORKS", (TINY,))
    monkeypatch.setattr(
        learner, "inference", lambda config, bf16: {"parameters": {"ours": 1}, "ms_a_frame_in_1": {"ours": 1.0}}
    )
    cli.main(["bench", "learner", "--rounds", "1", "--batch", "2", "--json", str(tmp_path / "figures.json")])
    figures = json.loads((tmp_path / "figures.json").read_text())
    (work,) = figures["training"]
    assert sum(work["where_a_step_goes"].values()) == pytest.approx(1.0)
    for name, rate in work["samples_per_s"].items():
        share = rate * work["gflops_a_sample"] / work["machine_gflops_per_s"]
        assert work["utilisation"][name] == pytest.approx(share)
    products = work["where_a_step_goes"]["matrix products"]
    for name, ratio in work["ratio"].items():
        assert work["ratio_if_matrix_products_were_all"][name] == pytest.approx(ratio / products)
    assert LearnerBench().batch == figures["settings"]["batch"] * 8
    assert "4M's way, restated" in capsys.readouterr().out


def test_a_target_that_needs_ml_4m_is_neither_met_nor_missed_without_it() -> None:
    work = {"work": "nano", "share_of_a_step": {"buffer": 0.01, "masking": 0.01}, "ratio": {"4M's way, restated": 9.0}}
    assert [line.split(":")[0] for line in verdict(work)] == ["met", "not known"]
    beside = {**work, "ratio": {"ml-4m": 1.9}, "ratio_if_matrix_products_were_all": {"ml-4m": 2.5}}
    assert verdict(beside)[1].startswith("MISSED: 1.90 ")
    assert "(2.50 if" in verdict(beside)[1]
