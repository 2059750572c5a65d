"""Tokenizers: each modality's patches to discrete codes and back, trained on the agent's own unlabelled frames.

A small convolutional autoencoder around finite scalar quantisation (FSQ), or, for fidelity to 4M, around a cosine
codebook with moving averages (decay 0.99, commitment 1, dead codes replaced). Named departures from 4M: FSQ by default
(no dead codes, no moving averages), and a plain decoder in place of a diffusion one, since learning needs only the
codes. Each tokenizer carries its own normalisation: it takes frames, never prepared tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..choices import QuantiserName
from ..nn.precision import autocast
from .modality import MODALITIES, patchify, unpatchify

Sample = Callable[[int], Mapping[str, Tensor]]
"""Draws n frames of the contract."""


@dataclass(frozen=True)
class Quality:
    """How well a tokenizer keeps its modality."""

    variance_unexplained: float
    """Squared error of the round trip over the variance of the images: 0 is perfect, 1 no better than their mean."""
    perplexity: float
    """Normalised perplexity of the codes, over their number: near 0, most codes carry nothing."""


class Tokenizer(nn.Module):
    """Frames to codes int64 (B, N) below `codes`, one for each patch, row by row, and back to normalised images."""

    def __init__(
        self,
        modality: str,
        patch: int = 8,
        levels: tuple[int, ...] = (8, 5, 5, 5),
        width: int = 128,
        depth: int = 2,
        quantiser: QuantiserName = "fsq",
    ) -> None:
        """`patch`: pixels of rgb to a side of a token. A codebook has as many codes as FSQ of these levels would."""
        super().__init__()
        if quantiser not in ("fsq", "vq"):
            raise ValueError(f"tokenizer: no quantiser '{quantiser}'; there are fsq, vq")
        self.modality = MODALITIES[modality]
        self.patch = self.modality.side(patch)  # elements of its map to a side of a token
        self.codes = torch.Size(levels).numel()
        values = self.modality.channels * self.patch**2
        self.embed = nn.Linear(values, width)
        self.encoder = nn.Sequential(*(_Mix(width) for _ in range(depth)), nn.LayerNorm(width))
        self._fsq = quantiser == "fsq"
        self.quantise = _scalars(levels, width) if self._fsq else _codebook(width, self.codes)
        self.decoder = nn.Sequential(*(_Mix(width) for _ in range(depth)), nn.LayerNorm(width))
        self.restore = nn.Linear(width, values)

    @torch.no_grad()
    def encode(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Codes int64 (B, N) of this modality of the frames."""
        image = self.modality.of(frames)
        return self._quantised(image)[1].flatten(1).long()

    @torch.no_grad()
    def decode(self, codes: Tensor, grid: tuple[int, int]) -> Tensor:
        """Normalised images (B, C, H, W) from codes (B, N) of a grid of (rows, columns)."""
        meant = self.quantise.indices_to_codes(codes) if self._fsq else self.quantise.get_output_from_indices(codes)
        return self._restored(meant.unflatten(1, grid))

    def forward(self, frames: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The normalised images (B, C, H, W) and their round trip, through which gradients flow (straight-through)."""
        image = self.modality.of(frames)
        return image, self._restored(self._quantised(image)[0])

    def loss(self, frames: Mapping[str, Tensor]) -> Tensor:
        """What `fit` lowers: the squared error of the round trip, with a codebook also the commitment to it."""
        image = self.modality.of(frames)
        quantised, _, commitment = self._quantised(image, learn=True)
        return F.mse_loss(self._restored(quantised), image) + commitment

    @torch.no_grad()
    def quality(self, frames: Mapping[str, Tensor]) -> Quality:
        """Measured on these frames; they should not be those of the last training step."""
        image = self.modality.of(frames)
        quantised, codes, _ = self._quantised(image)
        error = F.mse_loss(self._restored(quantised), image) / image.var(dim=(0, 2, 3), correction=0).mean().clamp_min(
            1e-8
        )
        share = codes.flatten().long().bincount(minlength=self.codes).float() / codes.numel()
        return Quality(float(error), float(torch.special.entr(share).sum().exp() / self.codes))

    def _quantised(self, image: Tensor, learn: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Quantised features, codes, and the commitment loss; a codebook moves only with `learn`."""
        rows, columns = image.shape[2] // self.patch, image.shape[3] // self.patch
        x = self.encoder(self.embed(patchify(image, self.patch)).unflatten(1, (rows, columns)))
        flat, commitment = x.float().flatten(1, 2), image.new_zeros(())
        if self._fsq:
            quantised, codes = self.quantise(flat)
        else:
            quantised, codes, commitment = self.quantise(flat, freeze_codebook=not learn)
        return quantised.unflatten(1, (rows, columns)), codes.unflatten(1, (rows, columns)), commitment.sum()

    def _restored(self, quantised: Tensor) -> Tensor:
        _, rows, columns, _ = quantised.shape
        patches = self.restore(self.decoder(quantised)).float().flatten(1, 2)
        return unpatchify(patches, self.patch, rows * self.patch, columns * self.patch)


def _scalars(levels: tuple[int, ...], width: int) -> Any:
    from vector_quantize_pytorch import FSQ  # here: it imports sympy and torch's compiler, two seconds of a core

    return FSQ(list(levels), dim=width)


def _codebook(width: int, codes: int) -> Any:
    from vector_quantize_pytorch import VectorQuantize

    return VectorQuantize(
        width, codes, codebook_dim=32, use_cosine_sim=True, decay=0.99, commitment_weight=1.0, threshold_ema_dead_code=1
    )


class _Mix(nn.Module):
    """A residual block on a grid (B, rows, columns, width): depthwise 3 x 3, then an MLP."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(self.near(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)))


def fit(
    tokenizer: Tokenizer,
    sample: Sample,
    steps: int,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    progress: Callable[[int], None] | None = None,
) -> Quality:
    """Train for `steps` (3 or more) batches drawn from `sample`, and return the quality on a fresh draw."""
    optimiser = torch.optim.AdamW(tokenizer.parameters(), lr=learning_rate, betas=(0.9, 0.99), fused=True)
    rise = min(1.0, max(0.1, 2 / steps))  # torch divides by zero where the rise has no step of its own
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, learning_rate, total_steps=steps, pct_start=rise)
    for step in range(steps):
        with autocast(tokenizer.embed.weight.device.type):
            loss = tokenizer.loss(sample(batch_size))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tokenizer.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if progress is not None:
            progress(step + 1)
    return tokenizer.quality(sample(batch_size))
