"""The losses of self-distillation that DINOv2 (Oquab et al., 2023) keeps: DINO, iBOT, KoLeo, and Sinkhorn centring."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def sinkhorn(logits: Tensor, temperature: float, iterations: int = 3) -> Tensor:
    """Teacher's assignments of B samples to K prototypes, float32 (B, K), from logits (B, K).

    exp(logits / temperature), its columns and rows scaled in turn so that each prototype gets B / K samples and each
    sample is 1 in sum (Caron et al., 2020): what keeps all samples from one prototype. In logarithms, so that no
    temperature overflows; after the last turn the rows are exact, the columns as good as the iterations made them.
    """
    scores = logits.float() / temperature
    for _ in range(iterations):
        scores = scores - scores.logsumexp(0, keepdim=True)
        scores = scores - scores.logsumexp(1, keepdim=True)
    return scores.exp()


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of the student's softmax of logits (B, K) at a temperature to the teacher's (B, K).

    Of whole crops it is DINO's loss (Caron et al., 2021), of masked patches iBOT's (Zhou et al., 2022).
    """
    return -(teacher * (student.float() / temperature).log_softmax(-1)).sum(-1).mean()


def koleo_loss(features: Tensor) -> Tensor:
    """-mean log of the distance of each feature (B, D), scaled to unit length, to its nearest: spreads them evenly.

    The differential entropy estimator of Kozachenko and Leonenko (Sablayrolles et al., 2019). B is 2 or more.
    """
    unit = F.normalize(features.float(), dim=-1)
    with torch.no_grad():  # which is nearest has no gradient; how far it is has
        similarity = unit @ unit.T
        nearest = similarity.fill_diagonal_(-2).argmax(1)
    return -((unit - unit[nearest]).norm(dim=-1) + 1e-8).log().mean()


@torch.no_grad()
def update_ema(teacher: torch.nn.Module, student: torch.nn.Module, momentum: float) -> None:
    """Set each parameter of the teacher to momentum * teacher + (1 - momentum) * student."""
    pairs = zip(teacher.parameters(), student.parameters(), strict=True)
    for old, new in pairs:
        old.lerp_(new.to(old.dtype), 1 - momentum)
