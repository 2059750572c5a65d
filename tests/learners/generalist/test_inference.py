"""The folded network against the network itself, and frames against their mirror images."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from testspace.core.frame import Camera
from testspace.learners.generalist.inference import folded, predict_frames
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


@pytest.mark.parametrize("depth", [False, True])
def test_a_frame_and_its_mirror_image_are_told_the_same(depth: bool) -> None:
    torch.manual_seed(1)
    network = folded(
        Generalist(NetworkConfig(6, widths=(16, 16, 32, 64), blocks=(1, 1, 1), attention=1)), torch.float32
    )
    frames = {
        "rgb": torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8),
        "depth": 1 + torch.rand(2, 128, 128),
        "normals": nn.functional.normalize(torch.randn(2, 128, 128, 3), dim=3),
        "pose": torch.tensor([[0.0, 1.5, 0.0, 30.0, -20.0, 0.0]]).expand(2, 6),
    }
    right = torch.tensor([-1.0, 1.0, 1.0])
    # every second pixel of depth and normals is looked at: mirrored, the odd ones become the even ones
    mirror = {key: value.roll(1, 2).flip(2) if value.ndim > 2 else value for key, value in frames.items()}
    mirror["rgb"], mirror["normals"] = frames["rgb"].flip(2), mirror["normals"] * right
    one, other = (predict_frames(network, which, Camera(128, 128), depth, mirrored=True) for which in (frames, mirror))
    assert one.shape == (2, 5, 32, 32)
    torch.testing.assert_close(other.flip(3), one, rtol=1e-3, atol=1e-4)
    alone = predict_frames(network, frames, Camera(128, 128), depth)
    assert float((alone - one).abs().max()) > 1e-3
