"""Packed convolutions say what the network's own do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from testspace.envs.house.classes import CLASSES
from testspace.learners.generalist.inference import folded
from testspace.learners.generalist.packed import PackedConv, pack
from testspace.learners.generalist.weights import load_generalist

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_shipped_network_answers_as_before_in_any_batch(dtype: torch.dtype) -> None:
    network, _ = load_generalist(CLASSES)
    plain, packed = folded(network, dtype, packed=False), folded(network, dtype)
    assert not any(isinstance(part, PackedConv) for part in plain.modules())
    assert sum(isinstance(part, PackedConv) for part in packed.modules()) > 60
    generator = torch.Generator().manual_seed(0)
    rgb = torch.randint(0, 256, (3, 128, 128, 3), dtype=torch.uint8, generator=generator)
    geometry = torch.randn(3, 5, 64, 64, generator=generator)
    with torch.inference_mode():
        for given in ((rgb,), (rgb, geometry), (rgb[:1],), (rgb[:, :96, :64],)):
            torch.testing.assert_close(packed(*given), plain(*given), rtol=1e-2, atol=1e-3)


def test_activations_are_part_of_the_convolution_and_what_is_not_reached_stays() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1),
        nn.Identity(),
        nn.ReLU6(),
        nn.Conv2d(8, 4, 1),
        nn.ReLU(),
        nn.Conv2d(4, 4, 1),
        nn.GELU(),
    ).eval()
    x = 10 * torch.randn(2, 3, 9, 9)
    with torch.inference_mode():
        expected = layers(x)
        pack(layers, x)
        torch.testing.assert_close(layers(x), expected)
    assert [type(layer).__name__ for layer in layers] == [
        "PackedConv", "Identity", "Identity", "PackedConv", "Identity", "PackedConv", "GELU"
    ]  # fmt: skip
    unused = nn.ModuleList([nn.Conv2d(3, 3, 1)])

    class Half(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts, self.unused = nn.Sequential(nn.Conv2d(3, 3, 1)), unused

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.parts(x)

    pack(half := Half(), x)
    assert isinstance(half.parts[0], PackedConv)
    assert isinstance(half.unused[0], nn.Conv2d)
