"""Which tokens the model sees and which it predicts: fixed budgets, shares by modality from a mixture of Dirichlets.

As 4M and 4M-21 do it, but for the whole batch at once, and always filling both budgets, so that no padding exists:
where a drawn share exceeds what a modality has left, the rest goes to tokens of the others, uniformly.
A token is numbered modality * positions + position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ABSENT = 1e-9
"""The concentration of a modality that is not to be drawn."""


@dataclass(frozen=True)
class Dirichlets:
    """One part of the mixture: concentrations by modality of the input's shares and of the target's shares."""

    weight: float
    inputs: tuple[float, ...]
    targets: tuple[float, ...]


def mixture(modalities: int, alphas: Sequence[float], rgb_only: float, target_only: int = 0) -> list[Dirichlets]:
    """4M-21's mixture without its captions: all to all at each alpha (weight 1), rgb alone to all (weight `rgb_only`).

    A low alpha makes nearly all tokens come from one modality, a high one mixes evenly. rgb is the first modality; the
    last `target_only` of them are predicted and never seen.
    """
    absent, seen = (ABSENT,) * target_only, modalities - target_only
    parts = [Dirichlets(1.0, (*(alpha,) * seen, *absent), (alpha,) * modalities) for alpha in alphas]
    if rgb_only > 0:
        parts.append(Dirichlets(rgb_only, (1000.0, *(ABSENT,) * (modalities - 1)), (0.5,) * modalities))
    if not parts:
        raise ValueError("masking: the mixture is empty; give alphas, or a weight for rgb alone")
    return parts


def draw_shares(alphas: Tensor, generator: torch.Generator) -> Tensor:
    """Dirichlet draws, float64 (B, M) summing to 1, for concentrations (B, M) as small as ABSENT.

    In logarithms, as Gamma(a) = Gamma(a + 1) U^(1/a): for small a the draws themselves would all be 0.
    """
    alphas = alphas.to(torch.float64)
    uniform = torch.rand(alphas.shape, generator=generator, dtype=torch.float64).clamp_min_(1e-300)
    return (torch._standard_gamma(alphas + 1, generator=generator).log() + uniform.log() / alphas).softmax(dim=-1)


def round_shares(shares: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """Whole numbers (B, M) that sum to `budget`, on average budget * shares (systematic rounding)."""
    ends = (shares.cumsum(dim=-1) * budget).clamp_(max=budget)
    ends[:, -1] = budget
    ends = (ends + torch.rand(len(shares), 1, generator=generator, dtype=torch.float64)).floor_().to(torch.int64)
    return ends.diff(dim=-1, prepend=torch.zeros_like(ends[:, :1]))


def choose(counts: Tensor, free: Tensor, budget: int, generator: torch.Generator) -> Tensor:
    """Token numbers int64 (B, budget): counts (B, M) free tokens of each modality, at random, made up to the budget.

    `free` is bool (B, M, N); what a modality lacks is taken from all other free tokens.
    """
    noise = torch.rand(free.shape, generator=generator).masked_fill_(~free, 2.0)
    order = noise.argsort(dim=-1)
    rank = torch.empty_like(order).scatter_(-1, order, torch.arange(free.shape[-1]).expand_as(order))
    chosen = free & (rank < counts[..., None])
    priority = noise.masked_fill_(~free, -2.0) + 2 * chosen
    return priority.flatten(1).topk(budget, dim=-1, sorted=False).indices


class Masking:
    """Draws input and target tokens for a batch."""

    def __init__(
        self,
        modalities: int,
        positions: int,
        input_budget: int,
        target_budget: int,
        parts: Sequence[Dirichlets],
        target_only: int = 0,
    ) -> None:
        """`target_only`: how many of the modalities, the last ones, are never drawn as inputs."""
        if input_budget > (modalities - target_only) * positions:
            raise ValueError(f"masking: {modalities - target_only} modalities do not hold {input_budget} input tokens")
        if input_budget < 1 or target_budget < 1 or input_budget + target_budget > modalities * positions:
            raise ValueError(
                f"masking: budgets {input_budget} + {target_budget} do not fit into {modalities} x {positions} tokens"
            )
        self.modalities, self.positions, self.seen = modalities, positions, modalities - target_only
        self.input_budget, self.target_budget = input_budget, target_budget
        self._weights = torch.tensor([part.weight for part in parts], dtype=torch.float64)
        self._inputs = torch.tensor([part.inputs for part in parts], dtype=torch.float64)
        self._targets = torch.tensor([part.targets for part in parts], dtype=torch.float64)

    def draw(self, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Input and target token numbers, int64 (batch, input_budget) and (batch, target_budget), disjoint."""
        part = torch.multinomial(self._weights, batch, replacement=True, generator=generator)
        free = torch.ones(batch, self.modalities, self.positions, dtype=torch.bool)
        free[:, self.seen :] = False
        counts = round_shares(draw_shares(self._inputs[part], generator), self.input_budget, generator)
        inputs = choose(counts, free, self.input_budget, generator)
        free[:, self.seen :] = True
        free.view(batch, -1).scatter_(1, inputs, False)
        counts = round_shares(draw_shares(self._targets[part], generator), self.target_budget, generator)
        return inputs, choose(counts, free, self.target_budget, generator)


def split_positions(batch: int, positions: int, keep: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Visible and hidden positions of one modality, int64 (batch, keep) and (batch, positions - keep): an MAE mask."""
    order = torch.rand(batch, positions, generator=generator).argsort(dim=-1)
    return order[:, :keep], order[:, keep:]
