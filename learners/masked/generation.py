"""Autoregressive generation of a sequence modality, such as a frame's boxes, from other modalities.

The model has learned to continue after sentinels (`sequences`): for a whole sequence the decoder is given the first
sentinel, then each id that it has generated. Ids that break the sequence's form are excluded: it may end only where a
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
    inputs: Sequence[str],
    target: str,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Ids int64 (B, length) of the sequence modality `target`, from the modalities `inputs` of frames (B, H, W, ...).

    Greedy, or sampled where the temperature is above 0. Ids, then END, then PAD, as `SequenceModality.sense` returns
    them. ValueError where the model has no such sequence, or does not see one of the inputs.
    """
    number = next((n for n, s in enumerate(model.streams) if s.name == target and s.is_sequence), None)
    if number is None:
        there = [stream.name for stream in model.streams if stream.is_sequence]
        raise ValueError(f"prediction: the model has no sequence '{target}'; it has {', '.join(there) or 'none'}")
    sequence, first = SEQUENCES[target], int(model.index.first[number])
    visible, tokens_in = whole_input(model, frames, inputs)
    device, batch = model.positions.device, len(tokens_in)
    ids = torch.full((batch, sequence.length + 1), PAD)
    ids[:, 0] = SENTINEL
    ended = torch.zeros(batch, dtype=torch.bool)
    with autocast(device.type):
        tokens = model.tokens(visible)
        marks = model.marks()
        context = model.encode(tokens, tokens_in, marks)
        for place in range(sequence.length):
            tokens[f"{target} decoder_inputs"] = ids[:, :-1].to(device)
            targets = first + torch.arange(place + 1).expand(batch, -1)
            features = model.decode(tokens, context, targets, marks)[:, -1]
            logits = model.heads[target](features).float().cpu().masked_fill(~may_follow(sequence, place), -torch.inf)
            if temperature > 0:
                id_ = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
            else:
                id_ = logits.argmax(-1)
            ids[:, place + 1] = torch.where(ended, PAD, id_)
            ended |= id_ == END
            if bool(ended.all()):
                break
    return ids[:, 1:]


def may_follow(sequence: SequenceModality, place: int) -> Tensor:
    """Ids, bool (vocabulary,), that are allowed at this place of a sequence."""
    allowed = torch.arange(sequence.vocabulary) >= sequence.first
    allowed[END] = place % sequence.unit == 0
    return allowed if place < sequence.length - 1 else torch.arange(sequence.vocabulary) == END
