"""Any modality from any others in one pass, and retrieval across modalities by what is predicted (Appendix E).

Every token of the given modalities goes in, and every token of the wanted one comes out of a single forward pass.
For retrieval, a frame's embedding is the mean over the tokens predicted of one target modality, from rgb alone or from
depth alone; frames are then found by cosine. The paper's target is CLIP's feature map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..metrics.recall import recall_at
from ..modalities.modality import patchify
from ..nn.precision import autocast
from .masked_model import MaskedModel
from .token_streams import CELLS, Slot


@dataclass(frozen=True)
class Retrieval:
    """Recall at 1, 5 and 10, in 0..1."""

    forth: dict[int, float]
    """Of the frame seen in the second modality, asked for by the first (Table 2: image to depth)."""
    back: dict[int, float]
    """The other way round (depth to image)."""
    frames: int
    """Frames to choose from."""


def predict(model: MaskedModel, frames: Mapping[str, Tensor], given: Sequence[str], wanted: str) -> Tensor:
    """The modality `wanted` of the frames (B, H, W, ...), predicted from the modalities `given` alone: normalised
    float32 (B, C, H, W), as `Modality.draw` takes it.

    What the frames hold besides is not looked at. ValueError where the model does not see a given modality or does not
    predict the wanted one as an image.
    """
    slot = _predicted(model, wanted)
    if slot.predicts not in ("patches", "codes"):
        raise ValueError(f"prediction: '{wanted}' is predicted as {slot.predicts}, not as an image")
    with autocast():
        return model.predict(*whole_input(model, frames, given), slot.name)


def embed(
    model: MaskedModel, frames: Mapping[str, Tensor], given: Sequence[str], target: str, cells: int = 1
) -> Tensor:
    """Embeddings float32 (B, F x cells^2): predictions of `target` from the modalities `given`, averaged over places.

    `cells` 1 averages over all places, as the paper; more keeps the mean of each of cells x cells parts of the view.
    Of class ids it is the mean of their likelihoods.
    """
    slot = _predicted(model, target)
    seen, inputs = whole_input(model, frames, given)
    with autocast():
        if slot.predicts == "codes":
            tokens = patchify(model.predict(seen, inputs, slot.name), model.encoder.patch)
        else:
            tokens = model.predict_tokens(seen, inputs, slot.name)
    if slot.predicts == "cells":
        tokens = tokens.unflatten(-1, (CELLS**2, -1)).softmax(-1).mean(2)
    places = tokens.float().transpose(1, 2).unflatten(2, slot.grid)
    return F.adaptive_avg_pool2d(places, cells).flatten(1)


def retrieve(
    model: MaskedModel,
    frames: Mapping[str, Tensor],
    target: str,
    pair: tuple[str, str] = ("rgb", "depth"),
    cells: int = 1,
    batch_size: int = 64,
) -> Retrieval:
    """Find frames across the two modalities of `pair`, by the embeddings of `embed`, each way."""
    count = len(frames["rgb"])
    embedded = []
    for name in pair:
        parts = []
        for first in range(0, count, batch_size):
            batch = {key: value[first : first + batch_size] for key, value in frames.items()}
            parts.append(embed(model, batch, [name], target, cells))
        embedded.append(torch.cat(parts))
    return Retrieval(recall_at(embedded[0], embedded[1]), recall_at(embedded[1], embedded[0]), count)


def _predicted(model: MaskedModel, modality: str) -> Slot:
    for slot in model.slots:
        if slot.modality == modality and slot.predicts not in (None, "sequence"):
            return slot
    there = sorted({slot.modality for slot in model.slots if slot.predicts not in (None, "sequence")})
    raise ValueError(f"prediction: the model does not predict '{modality}'; it predicts {', '.join(there)}")


def whole_input(
    model: MaskedModel, frames: Mapping[str, Tensor], given: Sequence[str]
) -> tuple[dict[str, Tensor], Tensor]:
    """The frames reduced to the modalities `given`, and the numbers int64 (B, K) of all their tokens."""
    numbers = []
    for name in dict.fromkeys(given):
        chosen = [
            i for i, slot in enumerate(model.slots) if slot.modality == name and slot.sees not in (None, "sequence")
        ]
        if not chosen or name not in frames:
            there = sorted({slot.modality for slot in model.slots if slot.sees not in (None, "sequence")} & set(frames))
            raise ValueError(f"prediction: cannot start from '{name}'; there are {', '.join(there)}")
        first = int(model.numbering.first[chosen[0]])
        numbers.append(torch.arange(first, first + model.slots[chosen[0]].tokens))
    if not numbers:
        raise ValueError("prediction: name one modality or more to start from")
    side = model.encoder.image_size
    seen = {name: frames[name] for name in given}
    count = len(next(iter(seen.values())))
    seen.setdefault("rgb", torch.zeros(count, side, side, 3, dtype=torch.uint8))  # a place to stand, never an input
    return seen, torch.cat(numbers).expand(count, -1)
