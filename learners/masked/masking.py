"""Which tokens the model sees and which it predicts: fixed budgets, shares by modality from a mixture of Dirichlets.

As 4M and 4M-21 do it, but for the whole batch at once, and always filling both budgets, so that no padding exists:
where a drawn share exceeds what a modality has left, the rest goes to tokens of the others, uniformly.
Tokens are numbered modality by modality, position by position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..modalities.sequences import SequenceModality, Spans
from .sequence_stream import SequenceMasking

ABSENT = 1e-9
"""The concentration of a modality that is not to be drawn."""


@dataclass(frozen=True)
class Dirichlets:
    """One part of the mixture: concentrations by modality of the input's shares and of the target's shares."""

    weight: float
    inputs: tuple[float, ...]
    targets: tuple[float, ...]


def mixture(
    seen: Sequence[bool], predicted: Sequence[bool], alphas: Sequence[float], rgb_only: float
) -> list[Dirichlets]:
    """4M-21's mixture without its captions: all to all at each alpha (weight 1), rgb alone to all (weight `rgb_only`).

    A low alpha makes nearly all tokens come from one modality, a high one mixes evenly. rgb is the first modality; of
    the others, not all need be `seen` by the encoder, nor `predicted`.
    """

    def where(flags: Sequence[bool], alpha: float) -> tuple[float, ...]:
        return tuple(alpha if flag else ABSENT for flag in flags)

    parts = [Dirichlets(1.0, where(seen, alpha), where(predicted, alpha)) for alpha in alphas]
    if rgb_only > 0:
        parts.append(Dirichlets(rgb_only, (1000.0, *(ABSENT,) * (len(seen) - 1)), where(predicted, 0.5)))
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


class Drawn(NamedTuple):
    """Visible and target tokens of a batch."""

    inputs: Tensor
    """Token numbers int64 (B, input budget)."""
    targets: Tensor
    """Token numbers int64 (B, target budget)."""
    spans: dict[int, Spans]
    """Ids of each sequence by number of its stream; its tokens are these, from the first on."""


class Masking:
    """Draws input and target tokens for a batch. M: streams, N: most tokens of a stream, B: batch."""

    def __init__(
        self,
        sizes: Sequence[int],
        input_budget: int,
        target_budget: int,
        parts: Sequence[Dirichlets],
        seen: Sequence[bool] | None = None,
        predicted: Sequence[bool] | None = None,
        sequences: Mapping[int, SequenceModality] | None = None,
    ) -> None:
        """`sizes`: tokens of each stream; all are seen and predicted, and none is a sequence, unless stated.

        ValueError where the budgets could not always be filled: what a sequence holds differs by frame, so it does not
        count.
        """
        self.sequences = SequenceMasking(sequences or {})
        self.sizes, self.input_budget, self.target_budget = tuple(sizes), input_budget, target_budget
        self._seen = torch.tensor([True] * len(sizes) if seen is None else list(seen))  # (M,)
        self._predicted = torch.tensor([True] * len(sizes) if predicted is None else list(predicted))  # (M,)
        self._check_budgets()
        lengths = torch.tensor(self.sizes)
        most = int(lengths.max())
        self._exists = torch.arange(most) < lengths[:, None]  # (M, N)
        self._padding = (most - lengths).cumsum(0) - (most - lengths)  # (M,): places before a stream that are no token
        self._weights = torch.tensor([part.weight for part in parts], dtype=torch.float64)
        self._inputs = torch.tensor([part.inputs for part in parts], dtype=torch.float64)  # (parts, M)
        self._targets = torch.tensor([part.targets for part in parts], dtype=torch.float64)  # (parts, M)

    def draw(self, batch: int, generator: torch.Generator, ids: Mapping[int, Tensor] | None = None) -> Drawn:
        """Input and target tokens of `batch` frames, disjoint within a stream; `ids` (B, L) of each sequence."""
        part = torch.multinomial(self._weights, batch, replacement=True, generator=generator)  # (B,)
        free = (self._exists & self._seen[:, None]).repeat(batch, 1, 1)  # (B, M, N)
        counts = round_shares(draw_shares(self._inputs[part], generator), self.input_budget, generator)  # (B, M)
        spans = self.sequences.hide(ids, free, counts, generator)
        inputs = choose(counts, free, self.input_budget, generator)  # (B, input budget)
        free.copy_(self._exists & self._predicted[:, None])
        free.view(batch, -1).scatter_(1, inputs, False)
        counts = round_shares(draw_shares(self._targets[part], generator), self.target_budget, generator)
        self.sequences.cut(spans, free, counts, generator)
        targets = choose(counts, free, self.target_budget, generator)  # (B, target budget)
        return Drawn(self._numbers(inputs), self._numbers(targets), spans)

    def _numbers(self, chosen: Tensor) -> Tensor:
        """Token numbers of places in (M, N), flattened."""
        return chosen - self._padding[chosen // self._exists.shape[1]]

    def _check_budgets(self) -> None:
        fixed = torch.tensor([0 if n in self.sequences.modalities else size for n, size in enumerate(self.sizes)])
        visible, both = fixed[self._seen].sum(), fixed[self._seen & self._predicted].sum()
        if self.input_budget < 1 or self.target_budget < 1 or self.input_budget > visible:
            raise ValueError(f"masking: {int(visible)} tokens that may be seen do not hold {self.input_budget}")
        if self.target_budget > fixed[self._predicted].sum() - min(int(both), self.input_budget):
            raise ValueError(
                f"masking: budgets {self.input_budget} + {self.target_budget} do not fit into the tokens of modalities "
                f"that hold {', '.join(map(str, self.sizes))}"
            )


def split_patches(batch: int, patches: int, mask_ratio: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """MAE mask: visible and hidden patches of one modality, int64 (B, K) and (B, patches - K).

    `mask_ratio` of them are hidden, and at least one is visible and one hidden.
    """
    visible = min(max(1, round((1 - mask_ratio) * patches)), patches - 1)
    order = torch.rand(batch, patches, generator=generator).argsort(dim=-1)
    return order[:, :visible], order[:, visible:]
