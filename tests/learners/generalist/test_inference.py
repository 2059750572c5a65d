"""The folded network against the network itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from testspace.learners.generalist.inference import folded
from testspace.learners.generalist.network import Generalist, NetworkConfig


@pytest.mark.parametrize("with_geometry", [False, True])
def test_folding_changes_no_answer(with_geometry: bool) -> None:
    torch.manual_seed(0)
    network = Generalist(NetworkConfig(5, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2))
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.running_mean, -0.5, 0.5)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
    rgb = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    geometry = torch.randn(2, 5, 32, 32) if with_geometry else None
    used, short = folded(network, torch.float32), folded(network, torch.bfloat16)
    assert network.training
    assert not any(isinstance(part, nn.BatchNorm2d) for part in used.modules())
    with torch.inference_mode():
        expected = network.eval()(rgb, geometry)
        torch.testing.assert_close(used(rgb, geometry), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))
        approximate = short(rgb, geometry)
    assert approximate.dtype == torch.bfloat16
    assert float((approximate.float() - expected).abs().max()) < 0.05 * float(expected.abs().max())
