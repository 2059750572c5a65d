"""The masked model: 4M's encoder-decoder over any modalities.

    visible tokens -> Encoder's layers -> context -> decoder (a mask token for each target) -> a head for each stream

`targets` says what is predicted: "tokens", each modality's tokenizer codes (4M; cross-entropy), or "patches", its
normalised patches (MultiMAE; squared error). rgb enters as pixels in both cases, so that the Encoder needs no tokenizer
after transfer; the others enter in the form in which they are predicted. Departures from 4M: rgb pixels and rgb codes
are one stream unless `rgb_beside_tokens`, so a patch that is visible as pixels is never a target; the output maps are
untied from the embeddings (as in 4M's published models); and the agent's semantic map, if any, is only predicted.

B: batch, K: visible tokens of a sample, T: targets of a sample, N: tokens of a stream, D: width, S: all tokens.
How a modality is embedded, read and scored is its `token_kinds.TokenKind`; what sequences need is in `sequence_stream`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..choices import SENSORY, QuantiserName, SizeName, TargetKind
from ..modalities.modality import SEQUENCES
from ..modalities.sequences import Spans
from ..nn.layers import DecoderBlock, linear, norm, positions_1d, positions_2d
from .encoder import Encoder, Size, find_size
from .sequence_ids import SequenceIds
from .sequence_stream import SequenceDecoding
from .token_kinds import Codes
from .token_streams import TokenIndex, token_streams


class MaskedModel(nn.Module):
    """The Encoder with what pre-training adds: embeddings of the other streams, decoder and heads.

    `streams` are its kinds of tokens in the order of their numbers (`token_streams.TokenIndex`), `names` their names.
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
        """`classes` (if more than 0): class ids below it are predicted of the agent's semantic map.

        `codes`: number of codes of those modalities whose codes are passed as tokens, made by other tokenizers.
        """
        super().__init__()
        self.encoder = Encoder(size, image_size, patch)
        shape, dim = find_size(size), self.encoder.dim
        self.streams = token_streams(
            modalities, image_size, patch, targets, rgb_beside_tokens, classes, levels, quantiser, codes
        )
        self.names = tuple(stream.name for stream in self.streams)
        self.index = TokenIndex([stream.size for stream in self.streams])
        self.patches = self.encoder.positions.shape[0]
        """Patches of a frame's rgb."""
        coded = [s for s in self.streams if isinstance(s.target, Codes) and s.target.tokenizer is not None]
        self.tokenizers = nn.ModuleDict({s.modality: s.target.tokenizer for s in coded})  # type: ignore[union-attr]

        others = [stream for stream in self.streams if stream.name != "rgb" and stream.input]
        self.embed = nn.ModuleDict({stream.name: stream.input.embedding(dim) for stream in others if stream.input})
        self.modality = nn.Parameter(torch.randn(len(self.streams) - 1, dim) * 0.02)
        self.context = nn.Linear(dim, dim)  # the one map with a bias
        nn.init.xavier_uniform_(self.context.weight)
        nn.init.zeros_(self.context.bias)
        self.mask_token = nn.Parameter(torch.randn(dim) * 0.02)
        depth = shape.decoder_layers if decoder_layers is None else decoder_layers
        self.decoder = nn.ModuleList(DecoderBlock(dim, shape.heads) for _ in range(depth))
        self.decoder_norm = norm(dim)
        predicted = {stream.name: stream.target for stream in self.streams if stream.target is not None}
        self.heads = nn.ModuleDict({name: linear(dim, kind.outputs) for name, kind in predicted.items()})
        self.sequences = SequenceDecoding(self.streams, self.index, dim)
        tables = [
            positions_1d(dim, stream.size) if stream.is_sequence else positions_2d(dim, *stream.grid)
            for stream in self.streams
        ]
        self.positions: Tensor
        self.register_buffer("positions", torch.cat(tables), persistent=False)  # (S, D)

    @property
    def rgb_target(self) -> str:
        """Name of the stream in which rgb is predicted."""
        return next(stream.name for stream in self.streams if stream.modality == "rgb" and stream.target)

    @property
    def first_rgb_target(self) -> int:
        """Number of the first token of that stream."""
        return int(self.index.first[self.names.index(self.rgb_target)])

    def losses(
        self,
        frames: Mapping[str, Tensor],
        inputs: Tensor,
        targets: Tensor,
        spans: Mapping[int, Spans] | None = None,
    ) -> dict[str, Tensor]:
        """Mean loss of each predicted stream of `frames` over its targets (0 where it has none).

        `inputs` int64 (B, K) and `targets` int64 (B, T) are token numbers of the streams that `frames` holds; `spans`
        are those of its sequences, by number of their stream. Token numbers and spans are always on the CPU; frames
        may be on any device.
        """
        return self.losses_of_tokens(self.tokens(frames, spans), inputs, targets)

    def losses_of_tokens(self, tokens: Mapping[str, Tensor], inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Losses as `losses` returns them, of tokens (see `tokens`) made beforehand."""
        marks = self.marks()  # (S, D)
        decoded = self.decode(tokens, self.encode(tokens, inputs, marks), targets, marks)  # (B, T, D)
        group = self.index.group(targets, decoded.device)
        by_stream = decoded.flatten(0, 1)[group.order].split(group.counts)  # for each stream (its targets, D)
        losses = {}
        for stream, features, rows in zip(self.streams, by_stream, group.rows(), strict=True):
            if stream.target is None or stream.target.target_key not in tokens:
                continue
            output = self.heads[stream.name](features)  # (its targets, outputs)
            if len(rows):
                truth = tokens[stream.target.target_key].flatten(0, 1)[rows]  # (its targets, ...)
                losses[stream.name] = stream.target.loss(output, truth)
            else:
                losses[stream.name] = output.sum()  # 0, and every parameter keeps a gradient
        return losses

    def tokens(self, frames: Mapping[str, Tensor], spans: Mapping[int, Spans] | None = None) -> dict[str, Tensor]:
        """Values (B, N, ...) of all tokens of the frames (B, H, W, ...) on any device, by TokenKind.key.

        "<modality> patches" are float32 (B, N, F), "<modality> codes" int64 (B, N); cells and ids: see their kinds.
        """
        found: dict[str, Tensor] = {}
        frames = {name: frames[name].to(self.positions.device) for name in frames if name not in SEQUENCES}
        if "rgb" in frames:
            found["rgb patches"] = self.encoder.patches(frames["rgb"])
        for number, stream in enumerate(self.streams):
            if isinstance(stream.input, SequenceIds):
                found |= stream.input.read_spans(spans[number]) if spans else {}
            elif stream.modality in frames:
                kinds = {kind.key: kind for kind in (stream.input, stream.target) if kind is not None}
                found |= {key: kind.read(frames) for key, kind in kinds.items() if key not in found}
        return {key: values.to(self.positions.device) for key, values in found.items()}

    def encode(self, tokens: Mapping[str, Tensor], inputs: Tensor, marks: Tensor) -> Tensor:
        """Context (B, K, D) that the decoder attends to, of the visible tokens `inputs` (B, K)."""
        group = self.index.group(inputs, self.positions.device)
        parts = []
        for stream, size, rows in zip(self.streams, group.counts, group.rows(), strict=True):
            if size and stream.input is not None:
                embed = self.encoder.embed if stream.name == "rgb" else self.embed[stream.name]
                parts.append(embed(tokens[stream.input.key].flatten(0, 1)[rows]))  # (its inputs, D)
        x = torch.cat(parts)[group.order.argsort()].view(*inputs.shape, -1)  # (B, K, D), in the order of `inputs`
        mark = F.embedding(inputs.to(x.device), marks)  # (B, K, D)
        return self.context(self.encoder.encode(x + mark)) + mark  # marked again for the decoder

    def decode(self, tokens: Mapping[str, Tensor], context: Tensor, targets: Tensor, marks: Tensor) -> Tensor:
        """Decoder features (B, T, D) of the targets (B, T), before the heads. No stream sees another's targets."""
        stream = self.index.stream[targets]  # (B, T)
        x = self.mask_token + F.embedding(targets.to(context.device), marks)  # (B, T, D)
        blocked = stream[:, None, :, None] != stream[:, None, None, :] if int(stream.max()) > 0 else None
        if len(self.sequences) and blocked is not None:  # teacher forcing
            x, blocked = self.sequences(x, blocked, tokens, targets, marks)
        blocked = None if blocked is None else blocked.to(x.device)  # (B, 1, T, T)
        for layer in self.decoder:
            x = layer(x, context, blocked)
        return self.decoder_norm(x)

    def marks(self) -> Tensor:
        """Modality and position embedding of every token, (S, D)."""
        modality = torch.cat([self.encoder.modality[None], self.modality])  # (streams, D)
        return modality[self.index.stream.to(modality.device)] + self.positions

    def reconstruct_rgb(self, rgb: Tensor, visible: Tensor, hidden: Tensor) -> Tensor:
        """Masked autoencoding of rgb alone: loss of predicting the patches `hidden` (B, T) from `visible` (B, K)."""
        return self.losses({"rgb": rgb}, visible, hidden + self.first_rgb_target)[self.rgb_target]

    @torch.no_grad()
    def predict(self, frames: Mapping[str, Tensor], inputs: Tensor, name: str) -> Tensor:
        """Normalised image (B, C, H, W) of stream `name`, predicted from the tokens `inputs` (B, K) of `frames`."""
        stream, output = self.streams[self.names.index(name)], self.predict_tokens(frames, inputs, name)
        assert stream.target is not None
        return stream.target.image(output, stream.grid)

    @torch.no_grad()
    def predict_tokens(self, frames: Mapping[str, Tensor], inputs: Tensor, name: str) -> Tensor:
        """Head's outputs float32 (B, N, outputs) for all tokens of stream `name`, from the tokens `inputs` (B, K)."""
        number, tokens, marks = self.names.index(name), self.tokens(frames), self.marks()
        targets = self.index.first[number] + torch.arange(self.streams[number].size)
        features = self.decode(tokens, self.encode(tokens, inputs, marks), targets.expand(len(inputs), -1), marks)
        return self.heads[name](features).float()
