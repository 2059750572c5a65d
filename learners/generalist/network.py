"""The generalist's network: EfficientNet-Lite0 on rgb beside a pyramid on geometry, summed in one decoder.

    rgb 128 ─── Lite0 ─── 32 ──── 16 ──── 8 ───── 4   (side of the maps)
                          │       │       │       │
    logits 32 ─ mix ───── + ───── + ───── + ───── +   from coarse to fine, as in a feature pyramid network
                          │       │       │       │
    geometry 64 ─ conv ── 32 ──── 16 ──── 8 ───── 4   residual stages, attention on the coarsest

Where a sample has no geometry, or no rgb, learned vectors replace that branch's maps. The network works internally on
images rotated by 180 degrees, because of Lite0's padding (see `lite`); its inputs and outputs are upright.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .geometry import CHANNELS
from .lite import WIDTHS, Lite0


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network."""

    classes: int
    """Number of classes, including void."""
    widths: tuple[int, int, int, int] = (32, 64, 128, 192)
    """Channels of the geometry pyramid at strides 4, 8, 16 and 32 (of rgb)."""
    blocks: tuple[int, int, int] = (1, 2, 2)
    """Residual blocks at strides 8, 16 and 32 of the geometry pyramid."""
    attention: int = 2
    """Transformer blocks on the coarsest geometry map."""
    decoder: int = 96
    """Channels of the decoder."""
    grid: int = 4
    """Side of the map at stride 32: rgb has 32 times as many pixels a side, geometry 16 times."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions with a shortcut; the second norm starts at 0, so that the block starts as the shortcut.

    x (B, C, H, W) to (B, out, H / stride, W / stride).
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = conv(channels, out, 3, stride)
        self.second = conv(out, out, 3, activation=False)
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != out:
            self.shortcut = nn.Sequential(nn.AvgPool2d(stride), conv(channels, out, 1, activation=False))

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) to (B, out, H / stride, W / stride)."""
        return F.relu(self.shortcut(x) + self.second(self.first(x)))


class Attention(nn.Module):
    """A pre-norm transformer block; its branches start at 0. x (B, N, D), its shape kept."""

    def __init__(self, dim: int, heads: int, ratio: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.expand, self.shrink = nn.Linear(dim, ratio * dim), nn.Linear(ratio * dim, dim)
        for layer in (self.project, self.shrink):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, N, D), its shape kept."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # (B, heads, N, d)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + self.project(mixed)
        return x + self.shrink(F.relu(self.expand(self.norm2(x))))


class GeometryPyramid(nn.Module):
    """Maps at strides 4 to 32 of rgb, from geometry channels at stride 2; rotated or not, it does not matter."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        widths, coarse = config.widths, config.widths[-1]
        self.stem = conv(CHANNELS, widths[0], 3, 2)
        self.stages = nn.ModuleList(
            nn.Sequential(Residual(before, after, 2), *(Residual(after, after) for _ in range(blocks - 1)))
            for (before, after), blocks in zip(pairwise(widths), config.blocks, strict=True)
        )
        self.positions = nn.Parameter(torch.randn(1, config.grid**2, coarse) * 0.02)
        self.attention = nn.ModuleList(Attention(coarse, coarse // 64) for _ in range(config.attention))

    def forward(self, x: Tensor) -> list[Tensor]:
        """x (B, 5, h, w) to maps (B, widths[i], h / 2^(i+1), w / 2^(i+1))."""
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = [x]
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        tokens = x.flatten(2).transpose(1, 2) + self.positions
        for block in self.attention:
            tokens = block(tokens)
        maps[-1] = tokens.transpose(1, 2).reshape(x.shape).contiguous(memory_format=torch.channels_last)
        return maps


class Generalist(nn.Module):
    """Class logits from rgb, geometry, or both. Randomly initialised; `rgb.load_imagenet()` loads ImageNet weights."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.decoder
        self.rgb, self.geometry = Lite0(), GeometryPyramid(config)
        self.from_rgb, self.from_geometry = (
            nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in widths) for widths in (WIDTHS, config.widths)
        )
        self.no_rgb, self.no_geometry = (
            nn.ParameterList(nn.Parameter(torch.zeros(1, width, 1, 1)) for _ in WIDTHS) for _ in range(2)
        )
        fine = 2 * width // 3
        self.mix = nn.ModuleList((conv(width, fine, 3), conv(width, width, 3), conv(width, width, 3)))
        self.logits = nn.Conv2d(fine, config.classes, 1)

    def forward(
        self,
        rgb: Tensor,
        geometry: Tensor | None = None,
        has_rgb: Tensor | None = None,
        has_geometry: Tensor | None = None,
    ) -> Tensor:
        """Logits (B, classes, H / 4, W / 4) of rgb uint8 (B, H, W, 3) and geometry float (B, 5, H / 2, W / 2).

        H = W = 32 * grid. geometry=None: rgb only. has_rgb, has_geometry: bool (B,), which samples have it;
        without them, all.
        """
        return self.logits(self.features(rgb, geometry, has_rgb, has_geometry)).flip(2, 3)

    @property
    def feature_channels(self) -> int:
        """Channels of `features`."""
        return self.logits.in_channels

    def features(
        self,
        rgb: Tensor,
        geometry: Tensor | None = None,
        has_rgb: Tensor | None = None,
        has_geometry: Tensor | None = None,
    ) -> Tensor:
        """The decoder's finest map (B, feature_channels, H / 4, W / 4), still rotated by 180 degrees."""
        dtype = self.logits.weight.dtype
        pixels = (rgb.flip(1, 2).permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1).to(dtype)
        sums: list[Tensor] = _lateral_maps(self.rgb, self.from_rgb, pixels, has_rgb, self.no_rgb)
        if geometry is None:
            sums = [x + none for x, none in zip(sums, self.no_geometry, strict=True)]
        else:
            rotated = geometry.flip(2, 3).to(dtype)
            more = _lateral_maps(self.geometry, self.from_geometry, rotated, has_geometry, self.no_geometry)
            sums = [x + y for x, y in zip(sums, more, strict=True)]
        x = sums[3]
        for index in (2, 1, 0):
            x = self.mix[index](F.interpolate(x, scale_factor=2, mode="nearest") + sums[index])
        return x


def _lateral_maps(
    branch: nn.Module, laterals: nn.ModuleList, x: Tensor, has: Tensor | None, absent: nn.ParameterList
) -> list[Tensor]:
    """Contribution of a branch to the decoder: its lateral maps where a sample has the input, else `absent`."""
    if has is None or bool(has.all()):
        return [lateral(y) for lateral, y in zip(laterals, branch(x), strict=True)]
    if not bool(has.any()):
        return [none.expand(len(has), -1, -1, -1) for none in absent]
    maps = [lateral(y) for lateral, y in zip(laterals, branch(x[has]), strict=True)]  # of those samples only
    return [_scattered(y, has, none) for y, none in zip(maps, absent, strict=True)]


def conv(channels: int, out: int, kernel: int, stride: int = 1, activation: bool = True) -> nn.Sequential:
    """Convolution padded by half its kernel, batch norm, and a ReLU where `activation`."""
    layers: list[nn.Module] = [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if activation else []))


def _scattered(x: Tensor, has: Tensor, none: Tensor) -> Tensor:
    """(B, C, H, W): the maps x of those samples that have them, `none` (1, C, 1, 1) for the others."""
    filled = none.to(x.dtype).expand(len(has), -1, *x.shape[2:]).contiguous(memory_format=torch.channels_last)
    return filled.index_put((has.nonzero()[:, 0],), x)
