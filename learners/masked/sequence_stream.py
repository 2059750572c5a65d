"""Sequences in the masked model: spans in place of patches, a teacher-forced and causal decoder.

B: batch, L: ids of a sequence, T: targets of a sample over all streams, D: width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ..modalities.sequences import SequenceModality, Spans, cut, hide_spans
from .sequence_ids import SequenceIds
from .token_streams import TokenIndex, TokenStream


class SequenceMasking:
    """The part of masking that sequences need; with none of them it does nothing."""

    def __init__(self, sequences: Mapping[int, SequenceModality]) -> None:
        """`sequences` by the number of their stream."""
        self.modalities = dict(sequences)

    def hide(
        self, ids: Mapping[int, Tensor] | None, free: Tensor, counts: Tensor, generator: torch.Generator
    ) -> dict[int, Spans]:
        """Spans of each sequence's ids (B, L) that leave at most its share of `counts` (B, streams) visible.

        `free` bool (B, streams, N) and `counts` are set to what is left: exactly these tokens are inputs.
        """
        spans = {}
        for number, sequence in self.modalities.items():
            assert ids is not None
            spans[number] = hide_spans(ids[number], sequence.unit, counts[:, number], generator)
            _take_exactly(free, counts, number, spans[number].n_inputs)
        return spans

    def cut(self, spans: dict[int, Spans], free: Tensor, counts: Tensor, generator: torch.Generator) -> None:
        """Shorten the targets of `spans` to the share of `counts`; `free` and `counts` are set as in `hide`."""
        for number, sequence in self.modalities.items():
            spans[number] = cut(spans[number], sequence.first, counts[:, number], sequence.length, generator)
            _take_exactly(free, counts, number, spans[number].n_targets)


def _take_exactly(free: Tensor, counts: Tensor, number: int, sizes: Tensor) -> None:
    """Of stream `number` the first `sizes` (B,) tokens can be chosen, and all of them are."""
    free[:, number] = torch.arange(free.shape[2]) < sizes[:, None]
    counts[:, number] = sizes


class SequenceDecoding(nn.Module):
    """Teacher forcing: a sequence's ids, one step behind, replace its mask tokens, and the decoder is causal."""

    def __init__(self, streams: Sequence[TokenStream], index: TokenIndex, dim: int) -> None:
        super().__init__()
        self.streams, self.index = streams, index
        tables = {s.name: s.target.embedding(dim) for s in streams if isinstance(s.target, SequenceIds)}
        self.embed = nn.ModuleDict(tables)
        """Embedding of the ids of each sequence, by name of its stream."""

    def __len__(self) -> int:
        return len(self.embed)

    def forward(
        self, x: Tensor, blocked: Tensor, tokens: Mapping[str, Tensor], targets: Tensor, marks: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decoder inputs x (B, T, D) and mask blocked (B, 1, T, T), changed where targets (B, T) are of sequences.

        `marks` (S, D): modality and position embedding of every token.
        """
        group, flat = self.index.group(targets, x.device), x.flatten(0, 1)
        for stream, chosen, rows in zip(self.streams, group.order.split(group.counts), group.rows(), strict=True):
            if isinstance(stream.target, SequenceIds) and len(rows):
                ids = tokens[stream.target.decoder_key].flatten()[rows]
                embedded = self.embed[stream.name](ids) + marks[targets.to(x.device).flatten()[chosen]]
                flat = flat.index_copy(0, chosen, embedded.to(flat.dtype))
        sequential = torch.tensor([stream.is_sequence for stream in self.streams])[self.index.stream[targets]]  # (B, T)
        later = targets[:, None, :, None] < targets[:, None, None, :]
        return flat.view_as(x), blocked | (later & sequential[:, None, :, None])
