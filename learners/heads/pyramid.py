"""The simple feature pyramid of ViTDet (Li et al., 2022): every scale from the encoder's last map, unlinked.

ViTDet's scales are 4, 2, 1 and 1/2 of the map: strides 4 to 32 at patch 16. Upwards by transposed convolutions,
downwards by pooling, then a 1 x 1 and a 3 x 3 convolution to one width, each with a norm over the channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each place of (B, C, h, w)."""

    def forward(self, x: Tensor) -> Tensor:
        """x (B, C, h, w), its shape kept."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class SimplePyramid(nn.Module):
    """Features (B, N, dim) of a grid to maps (B, width, h, w), one a scale: h = rows x scale, for 4, 2, 1 or 0.5."""

    def __init__(self, dim: int, grid: tuple[int, int], width: int, scales: Sequence[float]) -> None:
        super().__init__()
        unknown = [scale for scale in scales if scale not in (4, 2, 1, 0.5)]
        if unknown or not scales:
            raise ValueError(f"pyramid: scales must be among 4, 2, 1 and 0.5, got {tuple(scales)}")
        if 0.5 in scales and (grid[0] % 2 or grid[1] % 2):
            raise ValueError(f"pyramid: a grid of {grid[0]} x {grid[1]} has no half; leave out the scale 0.5")
        self.grid = grid
        self.sizes = [(int(grid[0] * scale), int(grid[1] * scale)) for scale in scales]
        """Rows and columns of each map."""
        self.levels = nn.ModuleList(
            nn.Sequential(*_resize(dim, scale), *_settle(dim, scale, width)) for scale in scales
        )

    def forward(self, features: Tensor) -> list[Tensor]:
        """Features (B, N, dim) to one map (B, width, h, w) a scale."""
        last = features.transpose(1, 2).unflatten(2, self.grid)
        return [level(last) for level in self.levels]


def _resize(dim: int, scale: float) -> list[nn.Module]:
    if scale == 0.5:
        return [nn.MaxPool2d(2)]
    if scale == 1:
        return []
    double: list[nn.Module] = [nn.ConvTranspose2d(dim, dim // 2, 2, stride=2)]
    if scale == 4:
        double += [ChannelNorm(dim // 2), nn.GELU(), nn.ConvTranspose2d(dim // 2, dim // 4, 2, stride=2)]
    return double


def _settle(dim: int, scale: float, width: int) -> list[nn.Module]:
    inputs = int(dim / max(1, scale))
    near = nn.Conv2d(width, width, 3, padding=1, bias=False)
    return [nn.Conv2d(inputs, width, 1, bias=False), ChannelNorm(width), near, ChannelNorm(width)]


def centres(sizes: Sequence[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """The places of all maps, in the image's units (0..1): centres float32 (L, 2) as x, y, and their cells' (L, 2)."""
    points, cells = [], []
    for rows, columns in sizes:
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        points.append(torch.stack([(x + 0.5) / columns, (y + 0.5) / rows], -1).flatten(0, 1))
        cells.append(torch.tensor([1 / columns, 1 / rows]).expand(rows * columns, 2))
    return torch.cat(points), torch.cat(cells)
