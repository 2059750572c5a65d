"""Reconstruction quality of a tokenizer, in the unit of its modality.

Each number is compared with that of the mean image: a tokenizer that is no better than that keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from .modality import MODALITIES, depth_metres
from .tokenizers import Tokenizer

BAD = 0.5
"""Fraction of variance unexplained above which a tokenizer is called bad."""


@dataclass(frozen=True)
class Measure:
    """Comparison of normalised images (B, C, H, W) with their round trip."""

    name: str
    unit: str
    of: Callable[[Tensor, Tensor], Tensor]


def psnr(truth: Tensor, other: Tensor) -> Tensor:
    """Peak signal-to-noise ratio, in dB, of rgb as it is drawn (0 to 255)."""
    drawn = [MODALITIES["rgb"].draw(image).double() for image in (truth, other)]
    return 20 * torch.log10(255 / (drawn[0] - drawn[1]).square().mean().sqrt().clamp_min(1e-6))


def relative_error(truth: Tensor, other: Tensor) -> Tensor:
    """Mean of |other - truth| / truth of depth in metres, in percent."""
    metres = depth_metres(truth)
    return 100 * ((depth_metres(other) - metres).abs() / metres).mean()


def angle(truth: Tensor, other: Tensor) -> Tensor:
    """Mean angle between normals, in degrees, where there are any."""
    there = truth.square().sum(1) > 0.25
    cosine = F.cosine_similarity(truth, other, dim=1)[there].clamp(-1, 1)
    return torch.rad2deg(cosine.arccos()).mean()


def f1(truth: Tensor, other: Tensor) -> Tensor:
    """F1, in percent, of edge pixels: those above a half."""
    edge, predicted = truth > 0.5, other > 0.5
    return 100 * 2 * (edge & predicted).sum() / (edge.sum() + predicted.sum()).clamp_min(1)


def cosine(truth: Tensor, other: Tensor) -> Tensor:
    """Mean cosine between features of a place."""
    return F.cosine_similarity(truth, other, dim=1).mean()


MEASURES = {
    "rgb": Measure("PSNR", "dB", psnr),
    "depth": Measure("relative error", "%", relative_error),
    "normals": Measure("angle", "°", angle),
    "edges": Measure("F1", "%", f1),
}
"""Measure of each modality; of all others the cosine."""
COSINE = Measure("cosine", "", cosine)


@dataclass(frozen=True)
class Fidelity:
    """Quality of a round trip through the codes."""

    modality: str
    measure: str
    """Name of the number."""
    unit: str
    value: float
    """Measure of the round trip."""
    of_mean: float
    """The same of the mean image, which carries no information."""
    variance_unexplained: float
    """Squared error over the variance: 0 is perfect, 1 no better than the mean."""
    perplexity: float
    """Normalised perplexity of the codes, over their number."""

    @property
    def bad(self) -> bool:
        """Whether more than BAD of the variance is lost."""
        return not self.variance_unexplained <= BAD


@torch.no_grad()
def fidelity(tokenizer: Tokenizer, frames: Mapping[str, Tensor]) -> tuple[Fidelity, Tensor, Tensor]:
    """On frames of the contract; also the images and their round trips, normalised, float32 (B, C, H, W)."""
    name = tokenizer.modality.name
    measure = MEASURES.get(name, COSINE)
    truth, restored = tokenizer(frames)
    mean = truth.mean((0, 2, 3), keepdim=True).expand_as(truth)
    quality = tokenizer.quality(frames)
    value, of_mean = (float(measure.of(truth, other)) for other in (restored, mean))
    kept = Fidelity(name, measure.name, measure.unit, value, of_mean, quality.variance_unexplained, quality.perplexity)
    return kept, truth, restored
