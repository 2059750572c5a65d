"""The network: its shapes, what stands for missing modalities, and that it sees upright pictures upright."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from testspace.learners.generalist.network import Generalist, NetworkConfig

TINY = NetworkConfig(7, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1, decoder=24, grid=2)


@pytest.fixture(scope="module")
def network() -> Generalist:
    torch.manual_seed(0)
    made = Generalist(TINY)
    for parameter in made.parameters():
        if not parameter.any():  # nothing may hide behind a branch that starts at 0
            torch.nn.init.normal_(parameter, std=0.1)
    return made.eval()


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    rgb = torch.randint(0, 256, (4, 64, 64, 3), generator=generator, dtype=torch.uint8)
    return rgb, torch.randn(4, 5, 32, 32, generator=generator)


@torch.no_grad()
def test_samples_do_not_depend_on_what_others_have(network: Generalist, seen: tuple[Tensor, Tensor]) -> None:
    rgb, geometry = seen
    has_rgb, has_geometry = torch.tensor([True, True, False, True]), torch.tensor([True, False, True, False])
    mixed = network(rgb, geometry, has_rgb, has_geometry)
    assert mixed.shape == (4, 7, 16, 16)
    torch.testing.assert_close(mixed[:1], network(rgb[:1], geometry[:1]), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(mixed[1:2], network(rgb[1:2]), rtol=1e-3, atol=1e-4)
    other = torch.zeros_like(rgb[2:3])
    alone = network(other, geometry[2:3], torch.tensor([False]), torch.tensor([True]))
    torch.testing.assert_close(mixed[2:3], alone, rtol=1e-3, atol=1e-4)  # of rgb that is not there, nothing is used
    changed = network(rgb, torch.zeros_like(geometry), has_rgb, has_geometry)
    torch.testing.assert_close(mixed[[1, 3]], changed[[1, 3]])
    assert not torch.allclose(mixed[[0, 2]], changed[[0, 2]])


@torch.no_grad()
def test_what_is_above_stays_above(network: Generalist, seen: tuple[Tensor, Tensor]) -> None:
    rgb, geometry = seen
    before = network(rgb[:1], geometry[:1])
    painted = rgb[:1].clone()
    painted[:, :8, :8] = 255 - painted[:, :8, :8]
    held = geometry[:1].clone()
    held[:, :, :4, :4] *= -1
    for after in (network(painted, geometry[:1]), network(rgb[:1], held)):
        change = (after - before).abs().sum(1)[0]
        assert int(change.flatten().argmax()) // 16 < 4
        assert int(change.flatten().argmax()) % 16 < 4


def test_training_reaches_every_parameter(seen: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    network = Generalist(TINY)
    has = torch.tensor([True, True, False, True]), torch.tensor([True, False, True, True])
    for _ in range(2):  # branches that start at 0 pass nothing back in the first step
        network(*seen, *has).square().mean().backward()
        for parameter in network.parameters():
            parameter.data.add_(torch.randn_like(parameter), alpha=0.01)
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_default_is_small_enough_to_ship() -> None:
    network = Generalist(NetworkConfig(112))
    assert 2 * sum(value.numel() for value in network.state_dict().values()) <= 15e6
