"""Synthetic frames for the learners' tests: boxes before a wall, with depth, normals and edges that agree."""

from __future__ import annotations

import torch
from torch import Tensor


def boxes(count: int, seed: int = 0, size: int = 64) -> dict[str, Tensor]:
    """Frames of the contract (without pose): three boxes each; a colour belongs to a depth and a direction."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.full((count, size, size, 3), 200, dtype=torch.uint8)
    depth = torch.full((count, size, size), 5.0)
    normals = torch.zeros(count, size, size, 3)
    normals[..., 2] = 1.0
    edges = torch.zeros(count, size, size, dtype=torch.uint8)
    directions = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.8, 0.0, 0.6], [-0.8, 0.0, 0.6]])
    for index in range(count):
        for _ in range(3):
            top, left, height, width, kind = torch.randint(0, size // 2, (5,), generator=generator).tolist()
            where = (index, slice(top, top + height + 8), slice(left, left + width + 8))
            kind %= 4
            rgb[where] = torch.tensor([60 * kind, 255 - 60 * kind, 90], dtype=torch.uint8)
            depth[where] = 1.0 + kind
            normals[where] = directions[kind]
            edges[where] = 0
            edges[index, top, where[2]] = edges[index, where[1], left] = 255
    return {"rgb": rgb, "depth": depth, "normals": normals, "edges": edges}
