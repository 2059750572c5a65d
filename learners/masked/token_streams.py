"""The slots of the masked model: its modalities, how each enters and how each is predicted; and token numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..choices import TargetKind
from ..modalities.modality import MODALITIES, PSEUDOLABEL, find
from ..modalities.sequences import SequenceModality

Form = Literal["patches", "codes", "cells", "sequence"]
"""Normalised values of a patch; a tokenizer's code; classes of CELLS x CELLS cells of a patch; ids of a sequence."""
CELLS = 2
"""Cells along each side of a patch for each of which a class is predicted."""
RGB_TOKENS = "rgb_tokens"
"""The slot of rgb's codes where they stand beside its pixels."""


@dataclass(frozen=True)
class Slot:
    """One kind of token."""

    name: str
    """Its name in the model and of its loss."""
    modality: str
    """The modality whose content it holds."""
    grid: tuple[int, int]
    """Rows and columns of its tokens; a sequence has one row."""
    sees: Form | None
    """As what the encoder sees it; None: never."""
    predicts: Form | None
    """As what the decoder predicts it; None: never."""

    @property
    def tokens(self) -> int:
        """How many tokens of it there are."""
        return self.grid[0] * self.grid[1]


def slots(
    modalities: Sequence[str], image_size: int, patch: int, targets: TargetKind, rgb_beside_tokens: bool, classes: int
) -> tuple[Slot, ...]:
    """The slots of a model; ValueError for modalities that do not exist or whose tokens do not divide the frames.

    rgb is one slot that enters as pixels, or, as in 4M, `rgb_beside_tokens`: pixels that are only seen, and codes of
    their own. With `classes` the agent's semantic map is one more, only predicted.
    """
    form: Form = "codes" if targets == "tokens" else "patches"
    if rgb_beside_tokens and targets != "tokens":
        raise ValueError("model: rgb stands beside its tokens only with targets 'tokens'")
    made = []
    for modality in find(tuple(modalities)):
        if isinstance(modality, SequenceModality):
            made.append(Slot(modality.name, modality.name, (1, modality.length), "sequence", "sequence"))
            continue
        grid = modality.grid(image_size, image_size, patch)
        if modality.name != "rgb":
            made.append(Slot(modality.name, modality.name, grid, form, form))
        elif rgb_beside_tokens:
            made += [Slot("rgb", "rgb", grid, "patches", None), Slot(RGB_TOKENS, "rgb", grid, "codes", "codes")]
        else:
            made.append(Slot("rgb", "rgb", grid, "patches", form))
    if classes:
        made.append(
            Slot(PSEUDOLABEL, PSEUDOLABEL, MODALITIES["rgb"].grid(image_size, image_size, patch), None, "cells")
        )
    return tuple(made)


class Numbering:
    """Token numbers: slot by slot, position by position."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes`: tokens of each slot."""
        self.sizes = tuple(sizes)
        ends = torch.tensor(self.sizes).cumsum(0)
        self.slot = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(self.sizes))  # of each number
        self.first = ends - torch.tensor(self.sizes)  # number of each slot's first token

    def split(self, numbers: Tensor, device: torch.device | str = "cpu") -> Tokens:
        """Numbers (B, T), on the CPU, sorted by slot; what indexes contents goes to `device`, where those are."""
        slot = self.slot[numbers]
        return Tokens(slot, numbers - self.first[slot], self.sizes, device)


class Tokens:
    """Tokens (B, T) sorted by slot, so that each slot's are handled as one matrix."""

    def __init__(
        self, slot: Tensor, position: Tensor, sizes: tuple[int, ...], device: torch.device | str = "cpu"
    ) -> None:
        order = slot.flatten().argsort(stable=True)
        self.counts: list[int] = slot.flatten().bincount(minlength=len(sizes)).tolist()
        width = torch.tensor(sizes)[slot]
        rows = (torch.arange(len(slot))[:, None] * width + position).flatten()[order]
        self.order, self._rows = order.to(device), rows.to(device)  # (B * T,), places in the flattened batch, by slot

    def rows(self) -> tuple[Tensor, ...]:
        """For each slot, the rows of its tokens in contents flattened to (B * tokens of the slot, ...)."""
        return self._rows.split(self.counts)
