"""The Encoder: rgb to patch features. It is what pre-training leaves for the heads.

B: batch, N: patches of a frame, K: those of them that are seen, D: width of a feature, P: pixels along a patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from ..choices import SizeName
from ..encoders.frame_encoder import FrameEncoder
from ..modalities.modality import patchify
from ..nn.layers import Block, linear, norm, positions_2d
from ..nn.pretrained import Pretrained


@dataclass(frozen=True)
class Size:
    """Width and depth; every head is 64 wide."""

    dim: int
    layers: int
    decoder_layers: int

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.dim // 64


SIZES: dict[SizeName, Size] = {
    "nano": Size(192, 4, 4),
    "tiny": Size(384, 6, 6),
    "small": Size(512, 8, 8),
    "base": Size(768, 12, 12),
}
"""nano is ours; tiny, small (TST-S) and base (TST-B) are 4M's."""


def find_size(size: SizeName | Size) -> Size:
    """A size by its name, or as it is; ValueError for a name that is none."""
    if isinstance(size, Size):
        return size
    if size not in SIZES:
        raise ValueError(f"encoder: no size '{size}'; there are {', '.join(SIZES)}")
    return SIZES[size]


RGB_MEAN, RGB_STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
"""Normalisation of rgb in 0..1, as an Encoder starts with."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Normalisation of rgb in 0..1 that networks trained on photographs expect."""


class Encoder(FrameEncoder, Pretrained):
    """rgb to patch features: what pre-training leaves for the heads. A fresh one is the scratch baseline.

    `embed`, `layers` and `norm` are in the order of depth, for layer-wise learning rates.
    """

    def __init__(self, size: SizeName | Size = "nano", image_size: int = 64, patch: int = 8) -> None:
        super().__init__()
        if image_size < patch or image_size % patch:
            raise ValueError(f"encoder: image_size {image_size} is not a multiple of the patch, {patch}")
        shape = find_size(size)
        self.size, self.dim, self.patch, self.image_size = shape, shape.dim, patch, image_size
        self.grid = (image_size // patch, image_size // patch)
        self.embed = linear(patch * patch * 3, shape.dim)
        self.modality = nn.Parameter(torch.randn(shape.dim) * 0.02)
        self.positions: Tensor
        self.register_buffer("positions", positions_2d(shape.dim, *self.grid), persistent=False)
        self.layers = nn.ModuleList(Block(shape.dim, shape.heads) for _ in range(shape.layers))
        self.norm = norm(shape.dim)
        self.rgb_mean: Tensor
        self.rgb_std: Tensor
        self.register_buffer("rgb_mean", torch.tensor(RGB_MEAN))  # part of the weights: what they were trained with
        self.register_buffer("rgb_std", torch.tensor(RGB_STD))

    def hub_config(self) -> dict[str, Any]:
        """Size, pixels along a side and pixels of a patch, as JSON."""
        return {"size": asdict(self.size), "image_size": self.image_size, "patch": self.patch}

    @classmethod
    def from_hub_config(cls, config: Mapping[str, Any]) -> Self:
        """One with random weights, as `hub_config` described it."""
        return cls(Size(**config["size"]), int(config["image_size"]), int(config["patch"]))

    def forward(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, H, W, 3) to features (B, N, D) of all patches, row by row, after the final norm."""
        return self.encode(self.embed(self.patches(rgb)) + self.positions + self.modality)

    def encode(self, x: Tensor) -> Tensor:
        """Embedded tokens (B, K, D) of any modality through the layers and the final norm."""
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def patches(self, rgb: Tensor) -> Tensor:
        """Normalised pixels (B, N, P * P * 3) of rgb uint8 (B, H, W, 3)."""
        self.check(rgb)
        return patchify(self.normalise(rgb), self.patch)

    def normalise(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, H, W, 3), moved to the encoder's device, to float32 (B, 3, H, W) of mean 0 and deviation 1."""
        scale, shift = (1 / 255 / self.rgb_std)[:, None, None], (self.rgb_mean / self.rgb_std)[:, None, None]
        return rgb.to(scale.device).permute(0, 3, 1, 2).to(torch.float32).mul_(scale).sub_(shift)

    def set_normalisation(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Normalise rgb by another mean and deviation of the channels, in 0..1; both are saved with the weights."""
        self.rgb_mean.copy_(torch.tensor(mean))
        self.rgb_std.copy_(torch.tensor(std))

    def check(self, rgb: Tensor) -> None:
        """ValueError where the images have another size or dtype."""
        if rgb.shape[1:] != (self.image_size, self.image_size, 3) or rgb.dtype != torch.uint8:
            expected = f"uint8 (B, {self.image_size}, {self.image_size}, 3)"
            raise ValueError(f"encoder: rgb is {rgb.dtype} {tuple(rgb.shape)}, expected {expected}")

    def set_drop_path(self, rate: float) -> None:
        """Stochastic depth for fine-tuning: chances rise evenly from 0 at the first layer to `rate` at the last."""
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Block)
            layer.drop_path = rate * index / max(1, len(self.layers) - 1)
