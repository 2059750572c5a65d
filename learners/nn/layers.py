"""Transformer parts as 4M has them: pre-norm, no biases, SwiGLU."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def norm(dim: int) -> nn.LayerNorm:
    """LayerNorm without a bias."""
    return nn.LayerNorm(dim, eps=1e-6, bias=False)


def linear(inputs: int, outputs: int, parts: int = 1) -> nn.Linear:
    """Bias-free linear map, Xavier uniform; `parts` matrices stacked in one are each initialised by their own size."""
    layer = nn.Linear(inputs, outputs, bias=False)
    for matrix in layer.weight.chunk(parts):
        nn.init.xavier_uniform_(matrix)
    return layer


def attend(query: Tensor, key: Tensor, value: Tensor, blocked: Tensor | None = None) -> Tensor:
    """softmax(query key^T / sqrt(d)) value for (B, heads, tokens, d); `blocked` bool (B, 1, queries, keys) is left out.

    Written out, since the backward pass of torch's fused attention takes far longer than this on CPUs at our sizes.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if blocked is not None:
        scores = scores.masked_fill(blocked, -math.inf)
    return scores.softmax(dim=-1).to(value.dtype) @ value


class SelfAttention(nn.Module):
    """Attention among the tokens x (B, T, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = linear(dim, 3 * dim, parts=3)
        self.out = linear(dim, dim)

    def forward(self, x: Tensor, blocked: Tensor | None = None) -> Tensor:
        """x (B, T, D), its shape kept; `blocked`, bool, broadcasts to (B, heads, T, T): who must not see whom."""
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, h, T, d)
        return self.out(attend(query, key, value, blocked).transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Attention of the tokens x (B, T, D) to a context (B, K, D)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = linear(dim, dim)
        self.kv = linear(dim, 2 * dim, parts=2)
        self.out = linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """x (B, T, D), its shape kept, and a context (B, K, D)."""
        query = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(attend(query, key, value).transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """silu(gate) * value between two linear maps; the hidden width keeps the parameters of an MLP of ratio 4."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        hidden = int(2 / 3 * 4 * dim)
        self.gate_value = linear(dim, 2 * hidden, parts=2)
        self.out = linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., D), its shape kept."""
        gate, value = self.gate_value(x).chunk(2, dim=-1)
        return self.out(F.silu(gate) * value)


class Block(nn.Module):
    """An encoder layer. `drop_path` is the chance that a sample skips a branch in training (stochastic depth)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.drop_path = 0.0
        self.norm1, self.attention = norm(dim), SelfAttention(dim, heads)
        self.norm2, self.mlp = norm(dim), SwiGLU(dim)

    def forward(self, x: Tensor) -> Tensor:
        """x (B, T, D), its shape kept."""
        x = x + self._drop(self.attention(self.norm1(x)))
        return x + self._drop(self.mlp(self.norm2(x)))

    def _drop(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0.0:
            return branch
        kept = torch.rand(branch.shape[0], 1, 1, device=branch.device) >= self.drop_path
        return branch * (kept / (1 - self.drop_path)).to(branch.dtype)


class DecoderBlock(nn.Module):
    """A decoder layer: self-attention (`blocked` across modalities), cross-attention to the encoder's output, MLP."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.attention = norm(dim), SelfAttention(dim, heads)
        self.norm_query, self.norm_context, self.cross = norm(dim), norm(dim), CrossAttention(dim, heads)
        self.norm2, self.mlp = norm(dim), SwiGLU(dim)

    def forward(self, x: Tensor, context: Tensor, blocked: Tensor | None) -> Tensor:
        """x (B, T, D), its shape kept; a context (B, K, D); `blocked` as SelfAttention has it, or None."""
        x = x + self.attention(self.norm1(x), blocked)
        x = x + self.cross(self.norm_query(x), self.norm_context(context))
        return x + self.mlp(self.norm2(x))


def positions_2d(dim: int, height: int, width: int) -> Tensor:
    """Fixed sine-cosine positions of a grid, float32 (height * width, dim): half for the row, half for the column."""
    if dim % 4:
        raise ValueError(f"positions: the width must be a multiple of 4, got {dim}")
    rate = 10000.0 ** -(torch.arange(dim // 4, dtype=torch.float64) / (dim // 4))
    row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    angles = [index.flatten()[:, None] * rate for index in (row, column)]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1).to(torch.float32)


def positions_1d(dim: int, length: int) -> Tensor:
    """Fixed sine-cosine positions of a sequence, float32 (length, dim): sines, then cosines."""
    rate = 10000.0 ** -(torch.arange(dim // 2, dtype=torch.float64) / (dim // 2))
    angles = torch.arange(length)[:, None] * rate
    return torch.cat([angles.sin(), angles.cos()], dim=1).to(torch.float32)
