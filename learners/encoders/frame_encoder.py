"""What a head takes: the one interface of every encoder, ours and the generalists'."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class FrameEncoder(nn.Module, ABC):
    """rgb frames to features on a grid. `layers` and `norm` are in the order of depth, for layer-wise learning rates;
    every parameter outside them counts as the embedding, below all layers."""

    dim: int
    """Width D of a feature."""
    grid: tuple[int, int]
    """Rows and columns of the features."""
    layers: nn.ModuleList
    norm: nn.Module

    @abstractmethod
    def forward(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, H, W, 3) to features (B, N, D), row by row; how pixels are normalised is the encoder's own."""

    @abstractmethod
    def set_drop_path(self, rate: float) -> None:
        """Stochastic depth in training: chances rise evenly from 0 at the first layer to `rate` at the last."""
