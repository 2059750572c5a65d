"""The masked model: 4M's encoder-decoder over the sensory modalities, and the rgb Encoder that outlives pre-training.

    input tokens -> Encoder's layers -> context -> decoder (one mask token for each target) -> a head per modality

One switch, `targets`: "tokens" predicts each modality's tokenizer codes (4M; cross-entropy), "patches" regresses its
normalised patches (as MultiMAE describes it; squared error). rgb enters as pixels in both, so that the Encoder needs no
tokenizer after transfer; the others enter as what they are predicted as. Named departure from 4M: rgb pixels and rgb
codes are one modality here, so a patch that is visible as pixels is never a target. The pseudolabel modality, where
there is one, is only predicted, in both: the class of each of CELLS x CELLS cells of a patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .encoders import FrameEncoder
from .layers import Block, DecoderBlock, linear, norm, positions_2d
from .modalities import MODALITIES, PSEUDOLABEL, patchify, unpatchify
from .tokenizers import Tokenizer

Targets = Literal["tokens", "patches"]
SizeName = Literal["nano", "tiny", "small", "base"]
_FLAT_PATCH = 1e-3  # variance of two grey levels: below it a patch is flat, and its rendering noise not worth a target

CELLS = 2
"""Cells along each side of a patch for each of which a class is predicted."""


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


class Encoder(FrameEncoder):
    """rgb to patch features: what pre-training leaves for the heads. A fresh one is the scratch baseline.

    `embed`, `layers` and `norm` are in the order of depth, for layer-wise learning rates.
    """

    def __init__(self, size: SizeName = "nano", image_size: int = 64, patch: int = 8) -> None:
        super().__init__()
        if size not in SIZES:
            raise ValueError(f"encoder: no size '{size}'; there are {', '.join(SIZES)}")
        if image_size < patch or image_size % patch:
            raise ValueError(f"encoder: image_size {image_size} is not a multiple of the patch, {patch}")
        shape = SIZES[size]
        self.dim, self.patch, self.image_size = shape.dim, patch, image_size
        self.grid = (image_size // patch, image_size // patch)
        self.embed = linear(patch * patch * 3, shape.dim)
        self.modality = nn.Parameter(torch.randn(shape.dim) * 0.02)
        self.positions: Tensor
        self.register_buffer("positions", positions_2d(shape.dim, *self.grid), persistent=False)
        self.layers = nn.ModuleList(Block(shape.dim, shape.heads) for _ in range(shape.layers))
        self.norm = norm(shape.dim)

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
    """The Encoder with what pre-training adds: the other modalities' embeddings, the decoder and the heads.

    A token is numbered modality * N + position (`masking`), modalities in the order of `names`: the sensory ones, and
    with `classes` (more than 0: class ids below it are predicted) the pseudolabels.
    """

    def __init__(
        self,
        size: SizeName = "nano",
        image_size: int = 64,
        patch: int = 8,
        targets: Targets = "patches",
        decoder_layers: int | None = None,
        levels: tuple[int, ...] = (8, 5, 5, 5),
        classes: int = 0,
    ) -> None:
        super().__init__()
        if targets not in ("tokens", "patches"):
            raise ValueError(f"model: no targets '{targets}'; there are tokens, patches")
        self.targets = targets
        self.names = (*MODALITIES, PSEUDOLABEL) if classes else tuple(MODALITIES)
        self.encoder = Encoder(size, image_size, patch)
        shape, dim = SIZES[size], SIZES[size].dim
        self.positions = self.encoder.positions.shape[0]  # N, tokens of one modality
        self.tokenizers = nn.ModuleDict()
        if targets == "tokens":
            self.tokenizers.update({name: Tokenizer(name, patch, levels) for name in MODALITIES})
        widths = {name: modality.channels * patch * patch for name, modality in MODALITIES.items()}
        others = [name for name in MODALITIES if name != "rgb"]
        codes = torch.Size(levels).numel()
        self.embed = nn.ModuleDict(
            {name: _embedding(codes, dim) if targets == "tokens" else linear(widths[name], dim) for name in others}
        )
        self.modality = nn.Parameter(torch.randn(len(self.names) - 1, dim) * 0.02)
        self.context = nn.Linear(dim, dim)  # the one map with a bias
        nn.init.xavier_uniform_(self.context.weight)
        nn.init.zeros_(self.context.bias)
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        depth = shape.decoder_layers if decoder_layers is None else decoder_layers
        self.decoder = nn.ModuleList(DecoderBlock(dim, shape.heads) for _ in range(depth))
        self.decoder_norm = norm(dim)
        self.heads = nn.ModuleDict(
            {name: linear(dim, codes if targets == "tokens" else widths[name]) for name in MODALITIES}
        )
        if classes:
            self.heads[PSEUDOLABEL] = linear(dim, CELLS**2 * classes)

    def losses(self, frames: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Mean loss of each modality of `frames` over its targets (0 where it has none).

        `inputs` int64 (B, K) and `targets` int64 (B, T) are token numbers of the modalities that `frames` holds.
        """
        contents = self._contents(frames)
        wanted = Tokens(targets, self.positions, len(self.names))
        decoded = self._decode(contents, inputs, targets).flatten(0, 1)[wanted.order]  # (B * T, D), by modality
        losses = {}
        for name, features, rows in zip(self.names, decoded.split(wanted.sizes), wanted.rows(), strict=True):
            if name in frames:
                losses[name] = self._loss(name, self.heads[name](features), contents, rows)
        return losses

    def reconstruct_rgb(self, rgb: Tensor, keep: Tensor, target: Tensor) -> Tensor:
        """Masked autoencoding on rgb alone: the loss of predicting the patches `target` (B, T) from `keep` (B, K)."""
        return self.losses({"rgb": rgb}, keep, target)["rgb"]

    @torch.no_grad()
    def predict(self, frames: Mapping[str, Tensor], inputs: Tensor, name: str) -> Tensor:
        """The whole of modality `name`, decoded from the tokens `inputs` (B, K) of `frames`: normalised (B, C, H, W).

        With targets "patches", an rgb patch is predicted up to its mean and deviation: it is drawn around mid-grey.
        """
        contents, encoder = self._contents(frames), self.encoder
        first = list(MODALITIES).index(name) * self.positions
        targets = (first + torch.arange(self.positions)).expand(inputs.shape[0], -1)
        output = self.heads[name](self._decode(contents, inputs, targets)).float()
        if self.targets == "tokens":
            return self._tokenizer(name).decode(output.argmax(dim=-1), encoder.grid)
        return unpatchify(output, encoder.patch, encoder.image_size, encoder.image_size)

    def _contents(self, frames: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What each modality's tokens hold: patches (B, N, F), or codes (B, N), those of rgb under "rgb codes".

        Of pseudolabels the classes at the cells' centres, int64 (B, N, CELLS^2).
        """
        contents = {"rgb": self.encoder.patches(frames["rgb"])}
        if PSEUDOLABEL in frames:
            side = self.encoder.patch // CELLS
            centres = frames[PSEUDOLABEL][:, None, side // 2 :: side, side // 2 :: side]
            contents[PSEUDOLABEL] = patchify(centres.long(), CELLS)
        for name in MODALITIES:
            if name not in frames:
                continue
            if self.targets == "tokens":
                contents["rgb codes" if name == "rgb" else name] = self._tokenizer(name).encode(frames)
            elif name != "rgb":
                contents[name] = patchify(MODALITIES[name].of(frames), self.encoder.patch)
        return contents

    def _tokenizer(self, name: str) -> Tokenizer:
        tokenizer = self.tokenizers[name]
        assert isinstance(tokenizer, Tokenizer)
        return tokenizer

    def _decode(self, contents: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        """Decoder features (B, T, D) of the targets, from the inputs (B, K)."""
        dim, vectors = self.encoder.dim, torch.cat([self.encoder.modality[None], self.modality])
        places = (vectors[:, None] + self.encoder.positions).flatten(0, 1)  # (M * N, D): which and where
        seen = Tokens(inputs, self.positions, len(self.names))
        parts = []
        for name, size, rows in zip(self.names, seen.sizes, seen.rows(), strict=True):
            if size:
                embed = self.encoder.embed if name == "rgb" else self.embed[name]
                parts.append(embed(contents[name].flatten(0, 1)[rows]))
        embedded = torch.cat(parts)[seen.order.argsort()].view(*inputs.shape, dim)
        seen_places = F.embedding(inputs, places)
        encoded = self.encoder.encode(embedded + seen_places)
        context = self.context(encoded) + seen_places  # the decoder is told again what each token is
        x = self.mask_token + F.embedding(targets, places)
        modality = targets // self.positions
        blocked = (modality[:, None, :, None] != modality[:, None, None, :]) if int(modality.max()) > 0 else None
        for layer in self.decoder:
            x = layer(x, context, blocked)
        return self.decoder_norm(x)

    def _loss(self, name: str, output: Tensor, contents: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        if not len(rows):
            return output.sum()  # 0, and every parameter keeps a gradient
        output = output.float()
        if name == PSEUDOLABEL:
            classes = contents[name].flatten(0, 1)[rows].flatten()
            known = (classes != 0).sum().clamp(min=1)
            total = F.cross_entropy(output.view(len(classes), -1), classes, ignore_index=0, reduction="sum")
            return total / known
        if self.targets == "tokens":
            codes = contents["rgb codes" if name == "rgb" else name].flatten()[rows]
            return F.cross_entropy(output, codes)
        truth = contents[name].flatten(0, 1)[rows]
        if name == "rgb":  # as MAE: each patch to zero mean and unit deviation
            variance, mean = torch.var_mean(truth, dim=-1, keepdim=True)
            truth = (truth - mean) * (variance + _FLAT_PATCH).rsqrt()
        return F.mse_loss(output, truth)


class Tokens:
    """Token numbers (B, T) sorted by modality, so that each modality's are handled as one matrix."""

    def __init__(self, numbers: Tensor, positions: int, modalities: int) -> None:
        modality = (numbers // positions).flatten()
        self.order = modality.argsort(stable=True)  # (B * T,), places in the flattened batch, by modality
        self.sizes: list[int] = modality.bincount(minlength=modalities).tolist()
        batch = torch.arange(numbers.shape[0])[:, None]
        self._rows = (batch * positions + numbers % positions).flatten()[self.order]

    def rows(self) -> tuple[Tensor, ...]:
        """For each modality, the rows of its tokens in contents flattened to (B * N, ...)."""
        return self._rows.split(self.sizes)


def _embedding(codes: int, dim: int) -> nn.Embedding:
    table = nn.Embedding(codes, dim)
    nn.init.normal_(table.weight, std=0.02)
    return table
