"""Sequence modalities: bounding boxes, or any list of units of ids, masked in spans as T5 and 4M do.

    ids            a  b  c  d  e  END
    kept           a     c        END      (whole units are kept or hidden)
    input          a  S0 c  S1    END
    target         S0 b  S1 d  e  S2       S2 closes it

The decoder is teacher-forced and causal: from the target without its last id it predicts the target without its first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

PAD, END, SENTINEL = 0, 1, 2
"""Ids that every sequence shares: padding, the end, and the first of its numbered sentinels."""


@dataclass(frozen=True)
class SequenceModality:
    """Units of `unit` ids each, one after the other, then END, then PAD."""

    name: str
    """Its key in a Frame."""
    contents: int
    """Number of its ids, without PAD, END and the sentinels; they start at `first`."""
    unit: int
    """Ids of one unit; a unit is kept or hidden as a whole."""
    units: int
    """Maximum number of units of a frame."""
    compute: Callable[[Tensor], Tensor] | None = None
    """rgb uint8 (B, H, W, 3) to ids int64 (B, length), run without gradients. None: the frames hold it."""
    mirror: Callable[[Tensor], Tensor] = torch.clone
    """Function to the ids that a mirrored camera would have sensed."""

    @property
    def length(self) -> int:
        """Ids of a frame, END included."""
        return self.unit * self.units + 1

    @property
    def first(self) -> int:
        """The first id of its own: behind as many sentinels as spans can be hidden, and the closing one."""
        return SENTINEL + self.units // 2 + 2

    @property
    def vocabulary(self) -> int:
        """All ids are below this."""
        return self.first + self.contents

    def sense(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Ids int64 (B, length): what the frames hold, else computed from rgb. ValueError where neither can be."""
        if self.name in frames:
            return frames[self.name].long()
        if self.compute is None:
            raise ValueError(f"modalities: the frames hold no '{self.name}', and it cannot be computed from rgb")
        with torch.no_grad():
            return self.compute(frames["rgb"])


@dataclass(frozen=True)
class Spans:
    """Sequences with hidden spans. int64 (B, L), PAD after the first `n_inputs` and `n_targets` ids."""

    inputs: Tensor
    """Ids that the encoder sees."""
    n_inputs: Tensor
    """(B,) how many they are."""
    decoder_inputs: Tensor
    """Inputs of the decoder: the targets, one step behind."""
    targets: Tensor
    """Ids that the decoder predicts, place by place."""
    n_targets: Tensor
    """(B,) how many they are."""


def hide_spans(ids: Tensor, unit: int, most: Tensor, generator: torch.Generator) -> Spans:
    """Keep each unit with a chance drawn for each sample from 0..1, so that the input has at most `most` (B,) ids.

    As in 4M the chance is lowered by a tenth until that holds. No input is left where `most` is 0: all is target.
    """
    batch, length = ids.shape
    present, units = ids != PAD, torch.arange(length) // unit
    luck = torch.rand(batch, length, generator=generator)[:, units]
    chance = torch.rand(batch, 1, generator=generator)
    while True:
        kept = present & (luck < chance)
        hidden = present & ~kept
        starts = hidden & ~torch.cat([torch.zeros_like(hidden[:, :1]), hidden[:, :-1]], dim=1)
        seen = kept.sum(1) + starts.sum(1)
        over = seen > most
        if not bool((over & kept.any(1)).any()):
            break
        chance = torch.where(over[:, None], torch.where(chance < 1e-3, -1.0, 0.9 * chance), chance)
    seen, run = torch.where(over, 0, seen), starts.cumsum(1) - 1
    inputs = _squeeze(torch.where(kept, ids, SENTINEL + run), kept | starts, length)
    inputs = torch.where(over[:, None], PAD, inputs)
    # Two places for each id: where a span starts, its sentinel goes before its first id.
    pairs = torch.stack([SENTINEL + run, ids], dim=2).flatten(1)
    target = _squeeze(pairs, torch.stack([starts, hidden], dim=2).flatten(1), 2 * length + 1)
    runs, size = starts.sum(1), starts.sum(1) + hidden.sum(1)
    target.scatter_(1, size[:, None], torch.where(runs > 0, SENTINEL + runs, PAD)[:, None])
    return Spans(inputs, seen, target[:, :-1], target[:, 1:], size)


def cut(spans: Spans, first: int, most: Tensor, length: int, generator: torch.Generator) -> Spans:
    """Spans with at most `most` (B,) targets, from a random span on where there are more, in tensors (B, length).

    Ids from SENTINEL to below `first` are sentinels.
    """
    places = torch.arange(spans.decoder_inputs.shape[1])
    sentinel = (spans.decoder_inputs >= SENTINEL) & (spans.decoder_inputs < first) & (places < spans.n_targets[:, None])
    noise = torch.rand(sentinel.shape, generator=generator).masked_fill_(~sentinel, -1.0)
    start = torch.where(spans.n_targets > most, noise.argmax(1), 0)
    n_targets = torch.minimum(spans.n_targets - start, most).clamp(max=length)
    taken = (start[:, None] + torch.arange(length)).clamp_(max=len(places) - 1)
    beyond = torch.arange(length) >= n_targets[:, None]
    decoder_inputs, targets = (
        ids.gather(1, taken).masked_fill_(beyond, PAD) for ids in (spans.decoder_inputs, spans.targets)
    )
    return Spans(spans.inputs, spans.n_inputs, decoder_inputs, targets, n_targets)


def _squeeze(values: Tensor, chosen: Tensor, length: int) -> Tensor:
    """The chosen values (B, N) moved to the front, PAD behind them: (B, length)."""
    place = torch.where(chosen, chosen.cumsum(1) - 1, length)
    return values.new_full((len(values), length + 1), PAD).scatter_(1, place, values)[:, :length].contiguous()


def boxes(
    name: str, classes: int, most: int = 20, bins: int = 1000, compute: Callable[[Tensor], Tensor] | None = None
) -> SequenceModality:
    """Bounding boxes as 4M writes them: xmin, ymin, xmax, ymax, each in `bins` ids of its own, then the class.

    `write_boxes` makes the ids; `compute` is that of the SequenceModality.
    """
    sequence = SequenceModality(name, 4 * bins + classes, unit=5, units=most, compute=compute)

    def mirror(ids: Tensor) -> Tensor:
        corners, labels, there = read_boxes(ids, sequence, bins)
        flipped = torch.stack([1 - corners[..., 2], corners[..., 1], 1 - corners[..., 0], corners[..., 3]], dim=-1)
        return write_boxes(flipped, labels, there, sequence, bins)

    return replace(sequence, mirror=mirror)


def write_boxes(
    corners: Tensor, classes: Tensor, there: Tensor, sequence: SequenceModality, bins: int = 1000
) -> Tensor:
    """Ids int64 (B, length) of boxes (B, K, 4), x and y in 0..1, of classes (B, K), where `there` (B, K).

    By distance to the upper left corner of the image, as 4M; boxes beyond the sequence's length are dropped.
    """
    far = corners[..., :2].square().sum(-1).masked_fill(~there, torch.inf)
    order = far.argsort(dim=1, stable=True)[:, : sequence.units]
    corners = corners.gather(1, order[..., None].expand(-1, -1, 4))
    classes, there = classes.gather(1, order), there.gather(1, order)
    places = (corners * bins).long().clamp(0, bins - 1) + bins * torch.arange(4)
    ids = torch.cat([places, 4 * bins + classes[..., None]], dim=-1) + sequence.first
    row = ids.new_full((len(ids), sequence.length), PAD)
    row[:, : ids[0].numel()] = ids.masked_fill(~there[..., None], PAD).flatten(1)
    return row.scatter_(1, sequence.unit * there.sum(1, keepdim=True), END)


def read_boxes(ids: Tensor, sequence: SequenceModality, bins: int = 1000) -> tuple[Tensor, Tensor, Tensor]:
    """The inverse of `write_boxes`, up to the bins: corners (B, K, 4), classes (B, K), where there is a box (B, K)."""
    units = ids[:, :-1].unflatten(1, (-1, sequence.unit))
    there = (units >= sequence.first).all(-1)
    own = torch.where(there[..., None], units - sequence.first, 0)
    corners = (own[..., :4] - bins * torch.arange(4) + 0.5) / bins
    return corners, (own[..., 4] - 4 * bins).clamp_min(0), there
