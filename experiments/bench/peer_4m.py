"""Peers of the learner: ml-4m's own model, and a reimplementation of 4M's approach.

`fourm_step` runs ml-4m's model from its package `fourm`, if that can be imported (it pins old versions, so it needs its
own environment; it is not a dependency). `restated_step` does the same work in 4M's way and is no measurement of ml-4m:
it embeds all tokens of all modalities in encoder and decoder and then gathers the unmasked ones, which it finds by
sorting the masks; it passes dense masks to every attention, has separate gate and value matrices, and selects each
modality's targets by a boolean mask.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...learners.masked.masked_model import MaskedModel
from ...learners.nn.layers import norm
from ...learners.nn.precision import autocast

NAMES = {"rgb": "rgb@224", "rgb_tokens": "tok_rgb@224", "depth": "tok_depth@224", "normals": "tok_normal@224"}
NAMES["edges"] = "tok_canny_edge@224"


Chosen = tuple[Tensor, Tensor]
"""Token numbers (B, budget) of the input and of the target, as our masking draws them."""


def masks(model: MaskedModel, chosen: Chosen) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Input and target masks by stream, bool (B, N), true where a token is not in `chosen`.

    Computed once, since ml-4m draws them in the data loader's processes.
    """
    sizes = model.index.sizes
    masked = []
    for numbers in chosen:
        mask = torch.ones(len(numbers), sum(sizes), dtype=torch.bool).scatter_(1, numbers, False)
        masked.append(dict(zip(model.names, mask.split(sizes, dim=1), strict=True)))
    return masked[0], masked[1]


class _Attention(nn.Module):
    def __init__(self, dim: int, cross: bool) -> None:
        super().__init__()
        self.heads, self.cross = dim // 64, cross
        self.q = nn.Linear(dim, dim if cross else 3 * dim, bias=False)
        self.kv = nn.Linear(dim, 2 * dim, bias=False) if cross else None
        self.out = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        if self.kv is not None:
            query = self.q(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            key, value = self.kv(context).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        else:
            query, key, value = self.q(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        scores = (query @ key.transpose(-2, -1)) * query.shape[-1] ** -0.5
        scores = scores.masked_fill(mask[:, None], -torch.finfo(scores.dtype).max)
        return self.out((scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2))


class _Layer(nn.Module):
    def __init__(self, dim: int, decoder: bool) -> None:
        super().__init__()
        hidden = int(2 / 3 * 4 * dim)
        self.norm1, self.attention, self.norm2 = norm(dim), _Attention(dim, False), norm(dim)
        if decoder:
            self.query_norm, self.context_norm, self.cross = norm(dim), norm(dim), _Attention(dim, True)
        self.gate, self.value = nn.Linear(dim, hidden, bias=False), nn.Linear(dim, hidden, bias=False)
        self.out = nn.Linear(hidden, dim, bias=False)

    def forward(
        self, x: Tensor, mask: Tensor, context: Tensor | None = None, context_mask: Tensor | None = None
    ) -> Tensor:
        x = x + self.attention(self.norm1(x), mask)
        if context is not None:
            x = x + self.cross(self.query_norm(x), context_mask, self.context_norm(context))
        hidden = self.norm2(x)
        return x + self.out(F.silu(self.gate(hidden)) * self.value(hidden))


class _Restated(nn.Module):
    positions: Tensor

    def __init__(self, model: MaskedModel) -> None:
        super().__init__()
        dim, self.streams, self.index = model.encoder.dim, model.streams, model.index
        self.register_buffer("positions", model.positions)
        self.modality = nn.Parameter(torch.randn(len(self.streams), dim) * 0.02)
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        self.pixels = nn.Linear(model.encoder.embed.in_features, dim, bias=False)
        codes = {stream.name: stream.target.outputs for stream in self.streams if stream.target}
        self.input_embeddings = nn.ModuleDict({name: nn.Embedding(count, dim) for name, count in codes.items()})
        self.target_embeddings = nn.ModuleDict({name: nn.Embedding(count, dim) for name, count in codes.items()})
        self.encoder = nn.ModuleList(_Layer(dim, False) for _ in model.encoder.layers)
        self.decoder = nn.ModuleList(_Layer(dim, True) for _ in model.decoder)
        self.encoder_norm, self.decoder_norm, self.context = norm(dim), norm(dim), nn.Linear(dim, dim)

    def forward(
        self, contents: dict[str, Tensor], input_masks: dict[str, Tensor], target_masks: dict[str, Tensor], budget: int
    ) -> Tensor:
        batch, where = len(contents["rgb patches"]), self.modality[self.index.stream] + self.positions
        positions = dict(zip((s.name for s in self.streams), where.split(self.index.sizes), strict=True))
        tokens, embeddings, masks = [], [], []
        for stream in self.streams:
            assert stream.input is not None
            content = contents[stream.input.key]
            tokens.append(self.pixels(content) if stream.name == "rgb" else self.input_embeddings[stream.name](content))
            embeddings.append(positions[stream.name].expand(batch, -1, -1))
            masks.append(input_masks[stream.name])
        x, embedding, mask, _ = _gather(tokens, embeddings, masks, budget)
        x, dense = x + embedding, mask[:, None].expand(-1, budget, -1)
        for layer in self.encoder:
            x = layer(x, dense)
        context = self.context(self.encoder_norm(x)) + embedding
        tokens, embeddings, masks, kinds, ids = [], [], [], [], []
        for number, stream in enumerate(self.streams):
            if stream.target:
                content = contents[f"{stream.modality} codes"]
                tokens.append(torch.zeros_like(self.target_embeddings[stream.name](content)) + self.mask_token)
                embeddings.append(positions[stream.name].expand(batch, -1, -1))
                masks.append(target_masks[stream.name])
                kinds.append(torch.full_like(content, number))
                ids.append(content)
        y, embedding, _, order = _gather(tokens, embeddings, masks, budget)
        kind, truth = torch.cat(kinds, dim=1).gather(1, order), torch.cat(ids, dim=1).gather(1, order)
        y, other_modality = y + embedding, kind[:, :, None] != kind[:, None, :]
        for layer in self.decoder:
            y = layer(y, other_modality, context, dense)
        y, losses = self.decoder_norm(y), []
        for number, stream in enumerate(self.streams):
            if stream.target:
                table = self.target_embeddings[stream.name]
                assert isinstance(table, nn.Embedding)
                chosen = kind == number
                losses.append(F.cross_entropy(F.linear(y[chosen], table.weight), truth[chosen]))
        return torch.stack(losses).mean()


def _gather(
    tokens: list[Tensor], embeddings: list[Tensor], masks: list[Tensor], budget: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The unmasked tokens, found by sorting the masks, with their embeddings, masks and indices."""
    x, embedding, mask = torch.cat(tokens, dim=1), torch.cat(embeddings, dim=1), torch.cat(masks, dim=1)
    order = torch.argsort(mask + torch.arange(mask.shape[1]) * 1e-6, dim=1)[:, :budget]
    wide = order[..., None].expand(-1, -1, x.shape[2])
    return x.gather(1, wide), embedding.gather(1, wide), mask.gather(1, order), order


def restated_step(model: MaskedModel, contents: dict[str, Tensor], chosen: Chosen, bf16: bool) -> Callable[[], None]:
    """A training step in 4M's way, of the same size as `model` and on the same contents and tokens."""
    restated, masked, budget = _Restated(model), masks(model, chosen), chosen[0].shape[1]
    return _step(restated, lambda: restated(contents, *masked, budget), bf16)


def fourm_step(
    model: MaskedModel, contents: dict[str, Tensor], chosen: Chosen, bf16: bool
) -> tuple[Callable[[], None] | None, str]:
    """A training step of ml-4m's own model of that size on the same codes and tokens, or None and why it cannot run.

    Built as in its training script with SwiGLU and no biases; AdamW is fused, as ours (its own is not).
    """
    try:
        from fourm.data.modality_info import MODALITY_INFO
        from fourm.models.decoder_embeddings import ImageTokenDecoderEmbedding
        from fourm.models.encoder_embeddings import ImageEncoderEmbedding, ImageTokenEncoderEmbedding
        from fourm.models.fm import FourM
        from fourm.models.fm_utils import LayerNorm
    except Exception as error:  # whatever an old package raises on a new interpreter
        return None, f"fourm cannot be imported ({' '.join(str(error).split())[:120]})"
    from functools import partial

    codes = {NAMES[stream.name]: stream.target.outputs for stream in model.streams if stream.target}
    input_embeddings: dict[str, Any] = {
        name: ImageTokenEncoderEmbedding(count, 16, image_size=224) for name, count in codes.items()
    }
    peer = FourM(
        {"rgb@224": ImageEncoderEmbedding(3, 16, image_size=224), **input_embeddings},
        {name: ImageTokenDecoderEmbedding(count, 16, image_size=224) for name, count in codes.items()},
        MODALITY_INFO, dim=model.encoder.dim, encoder_depth=len(model.encoder.layers), decoder_depth=len(model.decoder),
        num_heads=model.encoder.dim // 64, qkv_bias=False, proj_bias=False, mlp_bias=False, act_layer=nn.SiLU,
        norm_layer=partial(LayerNorm, eps=1e-6, bias=False), gated_mlp=True,
    )  # fmt: skip
    batch, side = len(contents["rgb patches"]), math.isqrt(model.patches)
    (input_masks, target_masks), budget = masks(model, chosen), chosen[0].shape[1]
    mod_dict = {}
    for stream in model.streams:
        pixels = stream.name == "rgb"
        tensor = (
            torch.randn(batch, 3, 224, 224) if pixels else contents[f"{stream.modality} codes"].view(batch, side, side)
        )
        first = torch.nn.functional.one_hot((~target_masks[stream.name]).int().argmax(dim=1), stream.size)
        mod_dict[NAMES[stream.name]] = {
            "tensor": tensor, "input_mask": input_masks[stream.name], "target_mask": target_masks[stream.name],
            "decoder_attention_mask": first.int() * (~target_masks[stream.name]).sum(dim=1, keepdim=True).int(),
        }  # fmt: skip  # the entry at a modality's first target is the number of its targets

    def loss() -> Tensor:
        copies = {name: dict(parts) for name, parts in mod_dict.items()}
        return peer(copies, num_encoder_tokens=budget, num_decoder_tokens=budget, loss_type="mod")[0].sum()

    step = _step(peer, loss, bf16)
    try:
        step()
    except Exception as error:
        return None, f"its training step fails here ({' '.join(str(error).split())[:120] or type(error).__name__})"
    return step, ""


def _step(network: nn.Module, loss_of: Callable[[], Tensor], bf16: bool) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.95), fused=True)

    def step() -> None:
        with autocast(enabled=bf16):
            loss = loss_of()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step
