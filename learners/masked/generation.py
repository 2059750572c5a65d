"""Sequences id by id: what the model says of a frame's boxes, or of any sequence modality, from other modalities.

The model has learned to go on after sentinels (`sequences`): asked for all of a sequence, it is given the first
sentinel, then each id that it has said. What it may say follows from the sequence's form: its own ids, or END where a
unit is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..modalities.modality import SEQUENCES
from ..modalities.sequences import END, PAD, SENTINEL, SequenceModality
from ..nn.precision import autocast
from .cross_modal_prediction import whole_input
from .masked_model import MaskedModel


@torch.no_grad()
def generate(
    model: MaskedModel,
    frames: Mapping[str, Tensor],
    given: Sequence[str],
    wanted: str,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Ids int64 (B, length) of the sequence modality `wanted`, from the modalities `given` of frames (B, H, W, ...).

    The likeliest id at each place; with a temperature above 0 one that is drawn. Ids, then END, then PAD, as
    `SequenceModality.sense` gives them. ValueError where the model has no such sequence, or does not see what is given.
    """
    number = next((n for n, s in enumerate(model.slots) if s.name == wanted and s.predicts == "sequence"), None)
    if number is None:
        there = [slot.name for slot in model.slots if slot.predicts == "sequence"]
        raise ValueError(f"prediction: the model has no sequence '{wanted}'; it has {', '.join(there) or 'none'}")
    sequence, first = SEQUENCES[wanted], int(model.numbering.first[number])
    seen, inputs = whole_input(model, frames, given)
    device, batch = model.places.device, len(inputs)
    said = torch.full((batch, sequence.length + 1), PAD)
    said[:, 0] = SENTINEL
    over = torch.zeros(batch, dtype=torch.bool)
    with autocast(device.type):
        contents = model.contents(seen)
        context = model.context_of(contents, inputs)
        for place in range(sequence.length):
            contents[f"{wanted} given"] = said[:, :-1].to(device)
            targets = first + torch.arange(place + 1).expand(batch, -1)
            features = model.decode(contents, context, targets)[:, -1]
            logits = model.heads[wanted](features).float().cpu().masked_fill(~may_follow(sequence, place), -torch.inf)
            if temperature > 0:
                id_ = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
            else:
                id_ = logits.argmax(-1)
            said[:, place + 1] = torch.where(over, PAD, id_)
            over |= id_ == END
            if bool(over.all()):
                break
    return said[:, 1:]


def may_follow(sequence: SequenceModality, place: int) -> Tensor:
    """Which ids, bool (vocabulary,), may stand at this place of a sequence."""
    allowed = torch.arange(sequence.vocabulary) >= sequence.first
    allowed[END] = place % sequence.unit == 0
    return allowed if place < sequence.length - 1 else torch.arange(sequence.vocabulary) == END
