"""Forms in which an image-like modality enters the masked model and is predicted: patches, codes, cells of classes.

B: batch, N: tokens of a modality, M: tokens of it that are targets in the whole batch, F: values of a patch, D: width.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..modalities.modality import MODALITIES, patchify, unpatchify
from ..modalities.tokenizers import Tokenizer
from ..nn.cross_entropy import cross_entropy
from ..nn.layers import linear

CELLS = 2
"""Cells along each side of a patch, for each of which a class is predicted."""
_FLAT_PATCH = 1e-3  # variance of two grey levels: below it a patch is flat, and its rendering noise not worth a target


class TokenKind(ABC):
    """What one token of a modality holds, how it is embedded, and how its prediction is scored."""

    key: str
    """Name of its values in a batch of tokens: "<modality> <form>"."""
    outputs: int
    """Values that a head predicts of a token."""

    @property
    def target_key(self) -> str:
        """Name of the values that are predicted: the same, but for sequences."""
        return self.key

    @abstractmethod
    def embedding(self, dim: int) -> nn.Module:
        """Module from values (M, ...) to embeddings (M, D), with random weights."""

    @abstractmethod
    def read(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Values (B, N, ...) of all tokens of frames (B, H, W, ...)."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean loss of a head's outputs (M, outputs) against values (M, ...); M is 1 or more."""

    def image(self, output: Tensor, grid: tuple[int, int]) -> Tensor:
        """Normalised image (B, C, H, W) of a head's outputs (B, N, outputs) on a grid of (rows, columns)."""
        raise ValueError(f"model: predictions of {self.key} are no image")


class Patches(TokenKind):
    """Normalised values of a patch, float32 (B, N, F); regressed by squared error (MultiMAE)."""

    def __init__(self, modality: str, patch: int) -> None:
        self.key, self.modality = f"{modality} patches", MODALITIES[modality]
        self.side = self.modality.side(patch)
        self.outputs = self.modality.channels * self.side**2

    def embedding(self, dim: int) -> nn.Module:
        """See TokenKind: a linear projection."""
        return linear(self.outputs, dim)

    def read(self, frames: Mapping[str, Tensor]) -> Tensor:
        """See TokenKind."""
        return patchify(self.modality.of(frames), self.side)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """See TokenKind. As in MAE, each rgb patch is a target of zero mean and unit deviation."""
        if self.modality.name == "rgb":
            variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) * (variance + _FLAT_PATCH).rsqrt()
        return F.mse_loss(output.float(), target)

    def image(self, output: Tensor, grid: tuple[int, int]) -> Tensor:
        """See TokenKind. An rgb patch is predicted up to its mean and deviation, and drawn around mid-grey."""
        return unpatchify(output, self.side, grid[0] * self.side, grid[1] * self.side)


class Codes(TokenKind):
    """A tokenizer's code of a patch, int64 (B, N); classified by cross-entropy (4M)."""

    def __init__(self, modality: str, codes: int, tokenizer: Tokenizer | None) -> None:
        """`tokenizer` None: the codes come from elsewhere, and can neither be read from frames nor drawn."""
        self.key, self.outputs, self.tokenizer = f"{modality} codes", codes, tokenizer

    def embedding(self, dim: int) -> nn.Module:
        """See TokenKind: a table."""
        return code_table(self.outputs, dim)

    def read(self, frames: Mapping[str, Tensor]) -> Tensor:
        """See TokenKind."""
        return self._tokenizer().encode(frames)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """See TokenKind."""
        return cross_entropy(output, target)

    def image(self, output: Tensor, grid: tuple[int, int]) -> Tensor:
        """See TokenKind: of the likeliest codes."""
        return self._tokenizer().decode(output.argmax(dim=-1), grid)

    def _tokenizer(self) -> Tokenizer:
        if self.tokenizer is None:
            raise ValueError(f"model: it has no tokenizer for {self.key}; pass them as tokens")
        return self.tokenizer


class Cells(TokenKind):
    """Classes at the centres of a patch's CELLS x CELLS cells, int64 (B, N, CELLS^2), 0 where unknown."""

    def __init__(self, modality: str, patch: int, classes: int) -> None:
        self.key, self.modality = f"{modality} cells", modality
        self.cell, self.outputs = patch // CELLS, CELLS**2 * classes

    def embedding(self, dim: int) -> nn.Module:
        """Never called: cells are only predicted."""
        raise ValueError(f"model: {self.key} are predicted only")

    def read(self, frames: Mapping[str, Tensor]) -> Tensor:
        """See TokenKind."""
        centres = slice(self.cell // 2, None, self.cell)
        return patchify(frames[self.modality][:, None, centres, centres].long(), CELLS)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """See TokenKind: over the cells of known class; 0 where there is none."""
        classes = target.flatten()
        known = (classes != 0).sum().clamp(min=1)
        logits = output.float().view(len(classes), -1)
        return F.cross_entropy(logits, classes, ignore_index=0, reduction="sum") / known


def code_table(codes: int, dim: int) -> nn.Embedding:
    """An embedding of each code, normally distributed."""
    table = nn.Embedding(codes, dim)
    nn.init.normal_(table.weight, std=0.02)
    return table
