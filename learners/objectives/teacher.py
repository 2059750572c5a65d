"""An EMA teacher: the mean of past encoders, slower to forget than the one that learns (Arani et al., 2022)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from torch.nn import functional as F

from ..masked.masked_model import Encoder
from ..masked.masking import split_positions
from .dino_losses import follow as move


def mean_of(encoder: Encoder) -> Encoder:
    """A teacher that begins where the encoder is."""
    return copy.deepcopy(encoder).requires_grad_(False).eval()


def follow(teacher: Encoder, student: Encoder, decay: float, steps: int) -> None:
    """Keep `decay` of the teacher and take the rest from the student; after few `steps` less is kept, since what was
    there at the start is noise."""
    move(teacher, student, min(decay, (1 + steps) / (10 + steps)))


def distance(student: Encoder, teacher: Encoder, rgb: Tensor, patches: int, generator: torch.Generator) -> Tensor:
    """Mean squared distance of their features of the same random patches of rgb uint8 (B, H, W, 3)."""
    count = student.grid[0] * student.grid[1]
    keep, _ = split_positions(len(rgb), count, min(patches, count), generator)
    with torch.no_grad():
        taught = teacher.forward_masked(rgb, keep.to(rgb.device))
    return F.mse_loss(student.forward_masked(rgb, keep.to(rgb.device)).float(), taught.float())
