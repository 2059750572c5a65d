"""Streams of tokens: the modalities of a masked model, in which form each enters and is predicted; token numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..choices import QuantiserName, TargetKind
from ..modalities.modality import MODALITIES, PSEUDOLABEL, Modality, find
from ..modalities.sequences import SequenceModality
from ..modalities.tokenizers import Tokenizer
from .sequence_ids import SequenceIds
from .token_kinds import Cells, Codes, Patches, TokenKind

RGB_TOKENS = "rgb_tokens"
"""Name of the stream of rgb's codes, where rgb has pixels and codes."""


@dataclass(frozen=True)
class TokenStream:
    """All tokens of one modality in one frame."""

    name: str
    """Name in the model, and of its loss."""
    modality: str
    """Modality whose content it holds."""
    grid: tuple[int, int]
    """Rows and columns of its tokens; a sequence has one row."""
    input: TokenKind | None
    """Form in which the encoder sees it; None: never."""
    target: TokenKind | None
    """Form in which the decoder predicts it; None: never."""

    @property
    def size(self) -> int:
        """Number of its tokens, N."""
        return self.grid[0] * self.grid[1]

    @property
    def is_sequence(self) -> bool:
        """Whether it holds the ids of a sequence rather than parts of an image."""
        return isinstance(self.input, SequenceIds)


def token_streams(
    modalities: Sequence[str],
    image_size: int,
    patch: int,
    targets: TargetKind,
    rgb_beside_tokens: bool = False,
    classes: int = 0,
    levels: tuple[int, ...] = (8, 5, 5, 5),
    quantiser: QuantiserName = "fsq",
    codes: Mapping[str, int] | None = None,
) -> tuple[TokenStream, ...]:
    """Streams of a model, with new tokenizers; ValueError for unknown modalities, and tokens that do not divide frames.

    rgb is one stream that enters as pixels, or, as in 4M, `rgb_beside_tokens`: pixels that are only seen, and codes as
    a stream of their own. With `classes` the agent's semantic map is one more, only predicted. `codes`: number of codes
    of those modalities whose codes come from elsewhere, and which get no tokenizer.
    """
    if targets not in ("tokens", "patches"):
        raise ValueError(f"model: no targets '{targets}'; there are tokens, patches")
    if rgb_beside_tokens and targets != "tokens":
        raise ValueError("model: rgb stands beside its tokens only with targets 'tokens'")

    def predicted(modality: Modality) -> TokenKind:
        if targets == "patches":
            return Patches(modality.name, patch)
        if codes is not None and modality.name in codes:
            return Codes(modality.name, codes[modality.name], None)
        tokenizer = Tokenizer(modality.name, patch, levels, quantiser=quantiser)
        return Codes(modality.name, tokenizer.codes, tokenizer)

    streams = []
    for modality in find(tuple(modalities)):
        name = modality.name
        if isinstance(modality, SequenceModality):
            ids = SequenceIds(modality)
            streams.append(TokenStream(name, name, (1, modality.length), ids, ids))
            continue
        grid, kind = modality.grid(image_size, image_size, patch), predicted(modality)
        if name != "rgb":
            streams.append(TokenStream(name, name, grid, kind, kind))
        elif rgb_beside_tokens:
            streams.append(TokenStream("rgb", "rgb", grid, Patches("rgb", patch), None))
            streams.append(TokenStream(RGB_TOKENS, "rgb", grid, kind, kind))
        else:
            pixels = kind if isinstance(kind, Patches) else Patches("rgb", patch)
            streams.append(TokenStream("rgb", "rgb", grid, pixels, kind))
    if classes:
        grid = MODALITIES["rgb"].grid(image_size, image_size, patch)
        streams.append(TokenStream(PSEUDOLABEL, PSEUDOLABEL, grid, None, Cells(PSEUDOLABEL, patch, classes)))
    return tuple(streams)


class TokenIndex:
    """Token numbers: stream by stream, position by position."""

    def __init__(self, sizes: Sequence[int]) -> None:
        """`sizes`: tokens of each stream."""
        self.sizes = tuple(sizes)
        ends = torch.tensor(self.sizes).cumsum(0)
        self.stream = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(self.sizes))  # of each number
        self.first = ends - torch.tensor(self.sizes)  # number of each stream's first token

    def group(self, numbers: Tensor, device: torch.device | str = "cpu") -> GroupedTokens:
        """Numbers (B, T), on the CPU, grouped by stream; what indexes values goes to `device`, where those are."""
        stream = self.stream[numbers]
        return GroupedTokens(stream, numbers - self.first[stream], self.sizes, device)


class GroupedTokens:
    """Tokens (B, T) sorted by stream, so that each stream's are one matrix."""

    def __init__(
        self, stream: Tensor, position: Tensor, sizes: tuple[int, ...], device: torch.device | str = "cpu"
    ) -> None:
        order = stream.flatten().argsort(stable=True)
        self.counts: list[int] = stream.flatten().bincount(minlength=len(sizes)).tolist()
        width = torch.tensor(sizes)[stream]
        rows = (torch.arange(len(stream))[:, None] * width + position).flatten()[order]
        self.order, self._rows = order.to(device), rows.to(device)  # (B * T,), indices into the flattened batch

    def rows(self) -> tuple[Tensor, ...]:
        """Rows of each stream's tokens in its values, flattened to (B * N, ...)."""
        return self._rows.split(self.counts)
