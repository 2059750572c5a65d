"""The masked model: 4M's encoder-decoder over any modalities, and the rgb Encoder that outlives pre-training.

    input tokens -> Encoder's layers -> context -> decoder (one mask token for each target) -> a head for each slot

One switch, `targets`: "tokens" predicts each modality's tokenizer codes (4M; cross-entropy), "patches" regresses its
normalised patches (as MultiMAE describes it; squared error). rgb enters as pixels in both, so that the Encoder needs no
tokenizer after transfer; the others enter as what they are predicted as. Named departures from 4M: rgb pixels and rgb
codes are one slot unless `rgb_beside_tokens`, so a patch that is visible as pixels is never a target; the output maps
are untied from the embeddings (as in 4M's published models); and the agent's semantic map, where there is one, is only
predicted: the class of each of CELLS x CELLS cells of a patch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..choices import SENSORY, QuantiserName, SizeName, TargetKind
from ..encoders.frame_encoder import FrameEncoder
from ..modalities.modality import MODALITIES, SEQUENCES, patchify, unpatchify
from ..modalities.sequences import Spans
from ..modalities.tokenizers import Tokenizer
from ..nn.cross_entropy import cross_entropy
from ..nn.layers import Block, DecoderBlock, linear, norm, positions_1d, positions_2d
from ..nn.pretrained import Pretrained
from .token_streams import CELLS, Form, Numbering, Slot, slots

_FLAT_PATCH = 1e-3  # variance of two grey levels: below it a patch is flat, and its rendering noise not worth a target


@dataclass(frozen=True)
class Size:
    """Width and depth; every head is 64 wide."""

    dim: int
    layers: int
    decoder_layers: int

    @property
    def heads(self) -> int:
        """Attention heads."""
        return self.dim // 64


SIZES: dict[SizeName, Size] = {
    "nano": Size(192, 4, 4),
    "tiny": Size(384, 6, 6),
    "small": Size(512, 8, 8),
    "base": Size(768, 12, 12),
}
"""nano is ours; tiny, small (TST-S) and base (TST-B) are 4M's."""


def find_size(size: SizeName | Size) -> Size:
    """A size by its name, or as it is; ValueError for a name that is none."""
    if isinstance(size, Size):
        return size
    if size not in SIZES:
        raise ValueError(f"encoder: no size '{size}'; there are {', '.join(SIZES)}")
    return SIZES[size]


class Encoder(FrameEncoder, Pretrained):
    """rgb to patch features: what pre-training leaves for the heads. A fresh one is the scratch baseline.

    `embed`, `layers` and `norm` are in the order of depth, for layer-wise learning rates.
    """

    def __init__(self, size: SizeName | Size = "nano", image_size: int = 64, patch: int = 8) -> None:
        super().__init__()
        if image_size < patch or image_size % patch:
            raise ValueError(f"encoder: image_size {image_size} is not a multiple of the patch, {patch}")
        shape = find_size(size)
        self.size, self.dim, self.patch, self.image_size = shape, shape.dim, patch, image_size
        self.grid = (image_size // patch, image_size // patch)
        self.embed = linear(patch * patch * 3, shape.dim)
        self.modality = nn.Parameter(torch.randn(shape.dim) * 0.02)
        self.positions: Tensor
        self.register_buffer("positions", positions_2d(shape.dim, *self.grid), persistent=False)
        self.layers = nn.ModuleList(Block(shape.dim, shape.heads) for _ in range(shape.layers))
        self.norm = norm(shape.dim)

    def hub_config(self) -> dict[str, Any]:
        """Size, pixels along a side and pixels of a patch, as JSON."""
        return {"size": asdict(self.size), "image_size": self.image_size, "patch": self.patch}

    @classmethod
    def from_hub_config(cls, config: Mapping[str, Any]) -> Self:
        """One with random weights, as `hub_config` described it."""
        return cls(Size(**config["size"]), int(config["image_size"]), int(config["patch"]))

    def forward(self, rgb: Tensor) -> Tensor:
        """rgb uint8 (B, H, W, 3) to features (B, N, D) of all patches, row by row, after the final norm."""
        return self.encode(self.embed(self.patches(rgb)) + self.positions + self.modality)

    def forward_masked(self, rgb: Tensor, keep: Tensor) -> Tensor:
        """Features (B, K, D) of the patches `keep`, int64 (B, K), with no other patch seen."""
        patches = self.patches(rgb).gather(1, keep[..., None].expand(-1, -1, self.embed.in_features))
        return self.encode(self.embed(patches) + self.positions[keep] + self.modality)

    def encode(self, x: Tensor) -> Tensor:
        """Embedded tokens (B, K, D) of any modality through the layers and the final norm."""
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def patches(self, rgb: Tensor) -> Tensor:
        """Normalised pixels (B, N, patch * patch * 3); ValueError where the images have another size."""
        if rgb.shape[1:] != (self.image_size, self.image_size, 3) or rgb.dtype != torch.uint8:
            expected = f"uint8 (B, {self.image_size}, {self.image_size}, 3)"
            raise ValueError(f"encoder: rgb is {rgb.dtype} {tuple(rgb.shape)}, expected {expected}")
        return patchify(MODALITIES["rgb"].normalise(rgb), self.patch)

    def set_drop_path(self, rate: float) -> None:
        """Stochastic depth for fine-tuning: chances rise evenly from 0 at the first layer to `rate` at the last."""
        for index, layer in enumerate(self.layers):
            assert isinstance(layer, Block)
            layer.drop_path = rate * index / max(1, len(self.layers) - 1)


class MaskedModel(nn.Module):
    """The Encoder with what pre-training adds: the other slots' embeddings, the decoder and the heads.

    `slots` are its kinds of tokens, in the order of their numbers (`slots.Numbering`); `names` are theirs.
    """

    def __init__(
        self,
        size: SizeName | Size = "nano",
        image_size: int = 64,
        patch: int = 8,
        targets: TargetKind = "patches",
        decoder_layers: int | None = None,
        levels: tuple[int, ...] = (8, 5, 5, 5),
        classes: int = 0,
        modalities: Sequence[str] = SENSORY,
        rgb_beside_tokens: bool = False,
        quantiser: QuantiserName = "fsq",
        codes: Mapping[str, int] | None = None,
    ) -> None:
        """`classes` (more than 0): class ids below it are predicted of the agent's semantic map.

        `codes` names the modalities whose codes come from elsewhere, and how many each has: they get no tokenizer, and
        are given as contents.
        """
        super().__init__()
        if targets not in ("tokens", "patches"):
            raise ValueError(f"model: no targets '{targets}'; there are tokens, patches")
        self.targets, self.modalities = targets, tuple(modalities)
        self.encoder = Encoder(size, image_size, patch)
        shape = find_size(size)
        dim = shape.dim
        self.slots = slots(self.modalities, image_size, patch, targets, rgb_beside_tokens, classes)
        self.names = tuple(slot.name for slot in self.slots)
        self.numbering = Numbering([slot.tokens for slot in self.slots])
        self.positions = self.encoder.positions.shape[0]  # tokens of rgb
        self.tokenizers = nn.ModuleDict()
        given = dict(codes or {})
        for slot in self.slots:
            if slot.predicts == "codes" and slot.modality not in given:
                self.tokenizers[slot.modality] = Tokenizer(slot.modality, patch, levels, quantiser=quantiser)
                given[slot.modality] = torch.Size(levels).numel()
        self._codes = given
        others = [slot for slot in self.slots if slot.name != "rgb" and slot.sees]
        self.embed = nn.ModuleDict({slot.name: self._embedding(slot, dim) for slot in others})
        self.modality = nn.Parameter(torch.randn(len(self.slots) - 1, dim) * 0.02)
        self.context = nn.Linear(dim, dim)  # the one map with a bias
        nn.init.xavier_uniform_(self.context.weight)
        nn.init.zeros_(self.context.bias)
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        depth = shape.decoder_layers if decoder_layers is None else decoder_layers
        self.decoder = nn.ModuleList(DecoderBlock(dim, shape.heads) for _ in range(depth))
        self.decoder_norm = norm(dim)
        widths = {slot.name: self._width(slot, slot.predicts, classes) for slot in self.slots if slot.predicts}
        self.heads = nn.ModuleDict({name: linear(dim, width) for name, width in widths.items()})
        # A sequence's target is given to the decoder, one step behind; this is its embedding there.
        self.given = nn.ModuleDict({s.name: self._embedding(s, dim) for s in others if s.predicts == "sequence"})
        tables = [
            positions_1d(dim, slot.tokens) if slot.sees == "sequence" else positions_2d(dim, *slot.grid)
            for slot in self.slots
        ]
        self.places: Tensor
        self.register_buffer("places", torch.cat(tables), persistent=False)  # (all token numbers, D)

    @property
    def predicted_rgb(self) -> str:
        """Name of the slot in which rgb is predicted."""
        return next(slot.name for slot in self.slots if slot.modality == "rgb" and slot.predicts)

    @property
    def first_rgb(self) -> int:
        """Number of the first token of that slot."""
        return int(self.numbering.first[self.names.index(self.predicted_rgb)])

    def losses(
        self,
        frames: Mapping[str, Tensor],
        inputs: Tensor,
        targets: Tensor,
        spans: Mapping[int, Spans] | None = None,
    ) -> dict[str, Tensor]:
        """Mean loss of each predicted slot of `frames` over its targets (0 where it has none).

        `inputs` int64 (B, K) and `targets` int64 (B, T) are token numbers of the slots that `frames` holds; `spans`
        are those of its sequences, by slot. Frames are on the model's device, numbers and spans always on the CPU.
        """
        return self.losses_of(self.contents(frames, spans), inputs, targets)

    def losses_of(self, contents: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """As `losses`, of contents that are at hand, such as codes that were made once and kept."""
        wanted = self.numbering.split(targets, self.places.device)
        decoded = self._decode(contents, inputs, targets).flatten(0, 1)[wanted.order]  # (B * T, D), by slot
        losses = {}
        for slot, features, rows in zip(self.slots, decoded.split(wanted.counts), wanted.rows(), strict=True):
            if slot.predicts and _wanted(slot) in contents:
                losses[slot.name] = self._loss(slot, self.heads[slot.name](features), contents, rows)
        return losses

    def reconstruct_rgb(self, rgb: Tensor, keep: Tensor, target: Tensor) -> Tensor:
        """Masked autoencoding on rgb alone: the loss of predicting the patches `target` (B, T) from `keep` (B, K)."""
        return self.losses({"rgb": rgb}, keep, target + self.first_rgb)[self.predicted_rgb]

    @torch.no_grad()
    def predict(self, frames: Mapping[str, Tensor], inputs: Tensor, name: str) -> Tensor:
        """The whole of slot `name`, decoded from the tokens `inputs` (B, K) of `frames`: normalised (B, C, H, W).

        With targets "patches", an rgb patch is predicted up to its mean and deviation: it is drawn around mid-grey.
        """
        slot, output = self.slots[self.names.index(name)], self.predict_tokens(frames, inputs, name)
        if slot.predicts == "codes":
            return self._tokenizer(slot.modality).decode(output.argmax(dim=-1), slot.grid)
        side = MODALITIES[slot.modality].side(self.encoder.patch)
        return unpatchify(output, side, slot.grid[0] * side, slot.grid[1] * side)

    @torch.no_grad()
    def predict_tokens(self, frames: Mapping[str, Tensor], inputs: Tensor, name: str) -> Tensor:
        """What its head says of every token of slot `name`, float32 (B, N, ...), from the tokens `inputs` (B, K)."""
        number = self.names.index(name)
        targets = self.numbering.first[number] + torch.arange(self.slots[number].tokens)
        return self.heads[name](self._decode(self.contents(frames), inputs, targets.expand(len(inputs), -1))).float()

    def contents(self, frames: Mapping[str, Tensor], spans: Mapping[int, Spans] | None = None) -> dict[str, Tensor]:
        """What each slot's tokens hold, under "<modality> <form>": patches (B, N, F), codes (B, N).

        Cells are the classes at the cells' centres, int64 (B, N, CELLS^2). A sequence's are ids (B, N): "sequence" is
        what is seen, "given" what the decoder is given, and "wanted" what it is to predict.
        """
        found = {"rgb patches": self.encoder.patches(frames["rgb"])}
        for number, slot in enumerate(self.slots):
            name, patch = slot.modality, self.encoder.patch
            if slot.predicts == "sequence":
                if spans is not None:
                    hidden = spans[number]
                    for form, ids in (("sequence", hidden.inputs), ("given", hidden.given), ("wanted", hidden.wanted)):
                        found[f"{name} {form}"] = ids.to(self.places.device)
            elif name not in frames:
                continue
            elif slot.predicts == "cells":
                side = patch // CELLS
                centres = frames[name][:, None, side // 2 :: side, side // 2 :: side]
                found[f"{name} cells"] = patchify(centres.long(), CELLS)
            elif slot.predicts == "codes":
                found[f"{name} codes"] = self._tokenizer(name).encode(frames)
            elif name != "rgb":
                found[f"{name} patches"] = patchify(MODALITIES[name].of(frames), MODALITIES[name].side(patch))
        return found

    def _tokenizer(self, name: str) -> Tokenizer:
        tokenizer = self.tokenizers[name]
        assert isinstance(tokenizer, Tokenizer)
        return tokenizer

    def _decode(self, contents: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """Decoder features (B, T, D) of the targets, from the inputs (B, K)."""
        places = self._places()
        return self.decode(contents, self._context(contents, inputs, places), targets, places)

    def _places(self) -> Tensor:
        """Which and where each token is, (all token numbers, D)."""
        vectors = torch.cat([self.encoder.modality[None], self.modality])
        return vectors[self.numbering.slot.to(vectors.device)] + self.places

    @torch.no_grad()
    def context_of(self, contents: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """What the decoder attends to, (B, K, D), of the inputs (B, K)."""
        return self._context(contents, inputs, self._places())

    def _context(self, contents: Mapping[str, Tensor], inputs: Tensor, places: Tensor) -> Tensor:
        dim, device = self.encoder.dim, self.places.device
        seen = self.numbering.split(inputs, device)
        parts = []
        for slot, size, rows in zip(self.slots, seen.counts, seen.rows(), strict=True):
            if size:
                embed = self.encoder.embed if slot.name == "rgb" else self.embed[slot.name]
                parts.append(embed(contents[f"{slot.modality} {slot.sees}"].flatten(0, 1)[rows]))
        embedded = torch.cat(parts)[seen.order.argsort()].view(*inputs.shape, dim)
        seen_places = F.embedding(inputs.to(device), places)
        encoded = self.encoder.encode(embedded + seen_places)
        return self.context(encoded) + seen_places  # the decoder is told again what each token is

    def decode(
        self, contents: Mapping[str, Tensor], context: Tensor, targets: Tensor, places: Tensor | None = None
    ) -> Tensor:
        """Decoder features (B, T, D) of the targets (B, T), before the heads."""
        places, device = self._places() if places is None else places, self.places.device
        slot_of, x = self.numbering.slot[targets], self.mask_token + F.embedding(targets.to(device), places)
        blocked = slot_of[:, None, :, None] != slot_of[:, None, None, :] if int(slot_of.max()) > 0 else None
        if self.given:
            x, blocked = self._teacher_forced(x, contents, targets, places), self._causal(slot_of, targets)
        blocked = None if blocked is None else blocked.to(device)
        for layer in self.decoder:
            x = layer(x, context, blocked)
        return self.decoder_norm(x)

    def _teacher_forced(self, x: Tensor, contents: Mapping[str, Tensor], targets: Tensor, places: Tensor) -> Tensor:
        """Decoder inputs with the mask tokens of sequences replaced by the ids that come before what is wanted."""
        wanted, flat = self.numbering.split(targets, x.device), x.flatten(0, 1)
        for slot, chosen, rows in zip(self.slots, wanted.order.split(wanted.counts), wanted.rows(), strict=True):
            if slot.predicts == "sequence" and len(rows):
                ids = contents[f"{slot.modality} given"].flatten()[rows]
                embedded = self.given[slot.name](ids) + places[targets.to(x.device).flatten()[chosen]]
                flat = flat.index_copy(0, chosen, embedded.to(flat.dtype))
        return flat.view_as(x)

    def _causal(self, slot: Tensor, targets: Tensor) -> Tensor:
        """Across slots, and within a sequence towards what comes later: bool (B, 1, T, T)."""
        sequences = torch.tensor([slot.predicts == "sequence" for slot in self.slots])
        later = targets[:, None, :, None] < targets[:, None, None, :]
        return (slot[:, None, :, None] != slot[:, None, None, :]) | (later & sequences[slot][:, None, :, None])

    def _loss(self, slot: Slot, output: Tensor, contents: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        if not len(rows):
            return output.sum()  # 0, and every parameter keeps a gradient
        truth = contents[_wanted(slot)].flatten(0, 1)[rows]
        if slot.predicts in ("codes", "sequence"):
            return cross_entropy(output, truth)
        output = output.float()
        if slot.predicts == "cells":
            classes = truth.flatten()
            known = (classes != 0).sum().clamp(min=1)
            total = F.cross_entropy(output.view(len(classes), -1), classes, ignore_index=0, reduction="sum")
            return total / known
        if slot.modality == "rgb":  # as MAE: each patch to zero mean and unit deviation
            variance, mean = torch.var_mean(truth, dim=-1, keepdim=True)
            truth = (truth - mean) * (variance + _FLAT_PATCH).rsqrt()
        return F.mse_loss(output, truth)

    def _embedding(self, slot: Slot, dim: int) -> nn.Module:
        width = self._width(slot, slot.sees)
        if slot.sees == "patches":
            return linear(width, dim)
        table = nn.Embedding(width, dim)
        nn.init.normal_(table.weight, std=0.02)
        return table

    def _width(self, slot: Slot, form: Form | None, classes: int = 0) -> int:
        """Values of a token's patch, or the number of its codes, ids, or classes of its cells."""
        if form == "codes":
            return self._codes[slot.modality]
        if form == "sequence":
            return SEQUENCES[slot.modality].vocabulary
        if form == "cells":
            return CELLS**2 * classes
        modality = MODALITIES[slot.modality]
        return modality.channels * modality.side(self.encoder.patch) ** 2


def _wanted(slot: Slot) -> str:
    return f"{slot.modality} {'wanted' if slot.predicts == 'sequence' else slot.predicts}"
