"""Muon is torch's in bfloat16; in float32 it does to singular values what its polynomial says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from testspace.learners.nn import muon, precision
from testspace.learners.nn.muon import Muon, iteration_dtype, orthogonalise


def trained(kind: type[torch.optim.Optimizer], **options: str) -> list[torch.Tensor]:
    """Two matrices, a wide and a tall one, after three steps."""
    torch.manual_seed(0)
    weights = [nn.Parameter(torch.randn(6, 9)), nn.Parameter(torch.randn(8, 5))]
    optimiser = kind(weights, lr=0.02, weight_decay=0.1, **options)
    for step in range(3):
        optimiser.zero_grad()
        torch.stack([(weight * (step + 1)).sin().square().sum() for weight in weights]).sum().backward()
        optimiser.step()
    return [weight.detach() for weight in weights]


def test_in_bfloat16_it_is_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "bf16_is_fast", lambda device: True)
    for mine, theirs in zip(trained(Muon), trained(torch.optim.Muon, adjust_lr_fn="match_rms_adamw"), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("shape", [(6, 9), (8, 5)])
def test_in_float32_singular_values_follow_the_polynomial(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, s, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    s = s / s.norm()
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(orthogonalise(matrix, torch.float32).double(), u * s @ v, atol=1e-4, rtol=1e-4)


def test_a_cpu_that_only_emulates_bfloat16_iterates_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for fast, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda fast=fast: fast)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        precision.bf16_is_fast.cache_clear()
        assert iteration_dtype(torch.device("cpu")) == dtype
    precision.bf16_is_fast.cache_clear()
