"""Prediction of any modality from any others in one pass, and cross-modal retrieval by predictions (Appendix E).

All tokens of the input modalities are visible, and all tokens of the target modality are decoded in one forward pass.
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
from .token_kinds import CELLS, Cells, Codes
from .token_streams import TokenStream


@dataclass(frozen=True)
class Retrieval:
    """Recall at 1, 5 and 10, in 0..1."""

    forth: dict[int, float]
    """From queries in the first modality to frames in the second (Table 2: image to depth)."""
    back: dict[int, float]
    """From the second to the first (depth to image)."""
    frames: int
    """Size of the gallery."""


def predict(model: MaskedModel, frames: Mapping[str, Tensor], inputs: Sequence[str], target: str) -> Tensor:
    """Modality `target` of the frames (B, H, W, ...), predicted from the modalities `inputs` alone: normalised
    float32 (B, C, H, W), as `Modality.draw` takes it.

    Other modalities of the frames are ignored. ValueError where the model does not see an input modality or does not
    predict the target as an image.
    """
    stream = _predicted(model, target)
    if isinstance(stream.target, Cells):
        raise ValueError(f"prediction: '{target}' is predicted as cells, not as an image")
    with autocast(model.positions.device.type):
        return model.predict(*whole_input(model, frames, inputs), stream.name)


def embed(
    model: MaskedModel, frames: Mapping[str, Tensor], inputs: Sequence[str], target: str, cells: int = 1
) -> Tensor:
    """Embeddings float32 (B, F x cells^2): predictions of `target` from the modalities `inputs`, mean-pooled.

    `cells` 1 pools over the whole view, as the paper; more keeps the mean of each of cells x cells parts of it. Class
    ids are embedded as the mean of their probabilities.
    """
    stream = _predicted(model, target)
    visible, numbers = whole_input(model, frames, inputs)
    with autocast(model.positions.device.type):
        if isinstance(stream.target, Codes):
            tokens = patchify(model.predict(visible, numbers, stream.name), model.encoder.patch)
        else:
            tokens = model.predict_tokens(visible, numbers, stream.name)
    if isinstance(stream.target, Cells):
        tokens = tokens.unflatten(-1, (CELLS**2, -1)).softmax(-1).mean(2)
    maps = tokens.float().transpose(1, 2).unflatten(2, stream.grid)
    return F.adaptive_avg_pool2d(maps, cells).flatten(1)


def retrieve(
    model: MaskedModel,
    frames: Mapping[str, Tensor],
    target: str,
    pair: tuple[str, str] = ("rgb", "depth"),
    cells: int = 1,
    batch_size: int = 64,
) -> Retrieval:
    """Retrieval between the two modalities of `pair`, by the embeddings of `embed`, each way."""
    count = len(frames["rgb"])
    embedded = []
    for name in pair:
        parts = []
        for first in range(0, count, batch_size):
            batch = {key: value[first : first + batch_size] for key, value in frames.items()}
            parts.append(embed(model, batch, [name], target, cells))
        embedded.append(torch.cat(parts))
    return Retrieval(recall_at(embedded[0], embedded[1]), recall_at(embedded[1], embedded[0]), count)


def _predicted(model: MaskedModel, modality: str) -> TokenStream:
    predicted = [stream for stream in model.streams if stream.target is not None and not stream.is_sequence]
    for stream in predicted:
        if stream.modality == modality:
            return stream
    there = sorted({stream.modality for stream in predicted})
    raise ValueError(f"prediction: the model does not predict '{modality}'; it predicts {', '.join(there)}")


def whole_input(
    model: MaskedModel, frames: Mapping[str, Tensor], inputs: Sequence[str]
) -> tuple[dict[str, Tensor], Tensor]:
    """Frames reduced to the modalities `inputs`, on the model's device, and their token numbers int64 (B, K)."""
    seen = [(n, s) for n, s in enumerate(model.streams) if s.input is not None and not s.is_sequence]
    numbers = []
    for name in dict.fromkeys(inputs):
        number, stream = next(((n, s) for n, s in seen if s.modality == name), (-1, None))
        if stream is None or name not in frames:
            there = sorted({stream.modality for _, stream in seen} & set(frames))
            raise ValueError(f"prediction: cannot start from '{name}'; there are {', '.join(there)}")
        numbers.append(int(model.index.first[number]) + torch.arange(stream.size))
    if not numbers:
        raise ValueError("prediction: name one modality or more to start from")
    visible = {name: frames[name].to(model.positions.device) for name in inputs}
    return visible, torch.cat(numbers).expand(len(visible[inputs[0]]), -1)
