"""Start from 4M: an ml-4m checkpoint (4M-7, 4M-21; safetensors) as a MaskedModel, with the same numbers out.

    learner = TSTLearner(config)
    start_from_4m(learner.model, "4m-21-b/model.safetensors")

Written from the names and shapes of the checkpoint's format. What both hold is taken; modalities that only the
checkpoint has are skipped, and those that only the model has keep their random weights; both are reported. 4M's tokens
come from 4M's tokenizers: the weights of a token modality are meaningful only for codes made by these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from .encoder import IMAGENET_MEAN, IMAGENET_STD
from .masked_model import MaskedModel
from .token_kinds import Patches
from .token_streams import RGB_TOKENS

NAMES: dict[str, str] = {
    "rgb": "rgb@224",
    RGB_TOKENS: "tok_rgb@224",
    "depth": "tok_depth@224",
    "normals": "tok_normal@224",
    "edges": "tok_canny_edge@224",
    "sam_edges": "tok_sam_edge@224",
    "clip": "tok_clip@224",
    "dinov2": "tok_dinov2@224",
    "imagebind": "tok_imagebind@224",
    "semantic_tokens": "tok_semseg@224",
    "boxes": "det",
}
"""Our stream name -> 4M's modality name."""


@dataclass(frozen=True)
class Started:
    """Which weights were taken over."""

    taken: tuple[str, ...]
    """Streams whose weights are 4M's."""
    fresh: tuple[str, ...]
    """Streams of the model that the checkpoint lacks."""
    left: tuple[str, ...]
    """Modalities of the checkpoint, by 4M's names, that the model lacks."""


def start_from_4m(model: MaskedModel, file: str | Path, names: Mapping[str, str] | None = None) -> Started:
    """Give `model` the weights of an ml-4m checkpoint and its normalisation of rgb; `names` adds to or replaces NAMES.

    Raises ValueError, naming the tensor, where the file is none, or one of another size, vocabulary or kind (with
    biases or normalised queries, which this model does not have).
    """
    stored, named = _read(Path(file)), {**NAMES, **(names or {})}
    known = {key.split(".")[1] for key in stored if key.split(".")[0] in ("encoder_embeddings", "decoder_embeddings")}
    taken = tuple(name for name in model.names if named.get(name) in known)
    if "rgb" not in taken:
        raise ValueError(f"4m: {file} is no ml-4m checkpoint with rgb ('encoder_embeddings.{named['rgb']}')")
    mine = dict(model.named_parameters())
    with torch.no_grad():
        for target, value in _mapped(model, stored, {name: named[name] for name in taken}):
            parameter = model.modality[int(target)] if target.isdigit() else mine[target]
            if parameter.shape != value.shape:
                raise ValueError(
                    f"4m: {target} is {tuple(parameter.shape)} in the model and {tuple(value.shape)} in {file}"
                )
            parameter.copy_(value)
    model.encoder.set_normalisation(IMAGENET_MEAN, IMAGENET_STD)  # what 4M's weights for pixels were trained with
    fresh = tuple(name for name in model.names if name not in taken)
    return Started(taken, fresh, tuple(sorted(known - {named[name] for name in taken})))


def _read(file: Path) -> dict[str, Tensor]:
    try:
        with safe_open(file, framework="pt") as opened:
            stored = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118 (not a dict)
            shared = opened.metadata() or {}  # save_model stores shared tensors once, and here the names it left out
        return stored | {name: stored[kept] for name, kept in shared.items() if kept in stored and name not in stored}
    except Exception as error:  # safetensors raises its own kind, and OSError
        raise ValueError(f"4m: {file} cannot be read as safetensors: {error}") from error


class _Stored(dict[str, Tensor]):
    def __missing__(self, key: str) -> Tensor:
        raise ValueError(f"4m: the checkpoint lacks {key}; it is of another size or kind than the model")


def _mapped(model: MaskedModel, tensors: dict[str, Tensor], names: Mapping[str, str]) -> Iterator[tuple[str, Tensor]]:
    """Names of our parameters (a number: a row of `model.modality`) with 4M's values."""
    stored = _Stored(tensors)
    odd = [key for key in stored if key.endswith("norm.weight") and ("q_norm" in key or "k_norm" in key)]
    odd += [key for key in stored if key.endswith("qkv.bias")]
    if odd:
        raise ValueError(f"4m: the checkpoint has {odd[0]}, which this model does not")
    for part, layers in (("encoder", "encoder.layers"), ("decoder", "decoder")):
        count = len(model.encoder.layers) if part == "encoder" else len(model.decoder)
        if f"{part}.{count}.norm1.weight" in stored:
            raise ValueError(f"4m: the checkpoint has more than the model's {count} layers in its {part}")
        for index in range(count):
            theirs, ours = f"{part}.{index}", f"{layers}.{index}"
            self_attention = "attn" if part == "encoder" else "self_attn"
            yield f"{ours}.norm1.weight", stored[f"{theirs}.norm1.weight"]
            yield f"{ours}.attention.qkv.weight", stored[f"{theirs}.{self_attention}.qkv.weight"]
            yield f"{ours}.attention.out.weight", stored[f"{theirs}.{self_attention}.proj.weight"]
            yield f"{ours}.norm2.weight", stored[f"{theirs}.norm2.weight"]
            # fc1 is the gate, fc3 the value, fc2 leads out.
            gate_value = torch.cat([stored[f"{theirs}.mlp.fc1.weight"], stored[f"{theirs}.mlp.fc3.weight"]])
            yield f"{ours}.mlp.gate_value.weight", gate_value
            yield f"{ours}.mlp.out.weight", stored[f"{theirs}.mlp.fc2.weight"]
            if part == "decoder":
                yield f"{ours}.norm_query.weight", stored[f"{theirs}.query_norm.weight"]
                yield f"{ours}.norm_context.weight", stored[f"{theirs}.context_norm.weight"]
                yield f"{ours}.cross.q.weight", stored[f"{theirs}.cross_attn.q.weight"]
                yield f"{ours}.cross.kv.weight", stored[f"{theirs}.cross_attn.kv.weight"]
                yield f"{ours}.cross.out.weight", stored[f"{theirs}.cross_attn.proj.weight"]
    yield "encoder.norm.weight", stored["encoder_norm.weight"]
    yield "decoder_norm.weight", stored["decoder_norm.weight"]
    yield "context.weight", stored["decoder_proj_context.weight"]
    yield "context.bias", stored["decoder_proj_context.bias"]
    yield "mask_token", stored["mask_token"].flatten()
    for number, stream in enumerate(model.streams):
        name = stream.name
        if name not in names:
            continue
        seen, predicted = f"encoder_embeddings.{names[name]}", f"decoder_embeddings.{names[name]}"
        vector = stored[f"{predicted if stream.input is None else seen}.mod_emb"].flatten()
        yield ("encoder.modality" if number == 0 else str(number - 1)), vector
        if isinstance(stream.input, Patches):
            embed = "encoder.embed" if name == "rgb" else f"embed.{name}"
            yield f"{embed}.weight", stored[f"{seen}.proj.weight"]
        elif stream.input is not None:
            yield f"embed.{name}.weight", stored[f"{seen}.token_emb.weight"]
        if stream.target is not None:
            tied = stored.get(f"{predicted}.token_emb.weight")  # stored once where input and output share it
            logits = stored.get(f"{predicted}.to_logits.weight", tied)
            yield f"heads.{name}.weight", stored[f"{predicted}.to_logits.weight"] if logits is None else logits
        if stream.is_sequence:
            yield f"sequences.embed.{name}.weight", stored[f"{predicted}.token_emb.weight"]
