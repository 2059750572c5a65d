"""Captioning (W.2): a transformer decoder, random at first, reads the encoder's features and writes word after word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders.frame_encoder import FrameEncoder
from ..metrics.caption_metrics import words
from ..nn.layers import DecoderBlock, linear, norm
from ..nn.precision import autocast
from .task import TaskModel

PAD, BEGIN, END = 0, 1, 2
"""Ids of the special tokens: padding, start and end of a caption."""
_FIRST = 3  # id of the vocabulary's first word


@dataclass(frozen=True)
class CaptionConfig:
    """Size of the decoder."""

    width: int = 192
    """Channels; every attention head is 64 wide."""
    depth: int = 3
    """Decoder layers."""
    max_words: int = 32
    """Maximum number of words of a caption."""


class CaptionHead(nn.Module):
    """Features (B, N, dim) and the words so far (B, T) to logits (B, T, V) of the word that follows each."""

    def __init__(self, dim: int, n_words: int, config: CaptionConfig) -> None:
        super().__init__()
        self.context = linear(dim, config.width)
        self.embed = nn.Embedding(n_words, config.width)
        self.positions = nn.Parameter(torch.randn(config.max_words + 1, config.width) * 0.02)
        self.layers = nn.ModuleList(DecoderBlock(config.width, config.width // 64) for _ in range(config.depth))
        self.norm = norm(config.width)
        self.logits = linear(config.width, n_words)
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(self, features: Tensor, ids: Tensor) -> Tensor:
        """Features (B, N, dim) and ids of words int64 (B, T) to logits (B, T, V)."""
        length = ids.shape[1]
        x = self.embed(ids) + self.positions[:length]
        later = torch.ones(length, length, dtype=torch.bool, device=ids.device).triu(1)[None, None]
        context = self.context(features)
        for layer in self.layers:
            x = layer(x, context, later)
        return self.logits(self.norm(x))


class Captioner(TaskModel):
    """An encoder with its captioning head, over a closed vocabulary."""

    name = "captioner"
    head: CaptionHead

    pipeline_tag = "image-to-text"

    def __init__(self, encoder: FrameEncoder, vocabulary: Sequence[str], config: CaptionConfig | None = None) -> None:
        if not vocabulary:
            raise ValueError("captioner: the vocabulary is empty")
        self.vocabulary, self.config = tuple(vocabulary), config or CaptionConfig()
        super().__init__(encoder, CaptionHead(encoder.dim, _FIRST + len(vocabulary), self.config))
        self._id = {word: _FIRST + index for index, word in enumerate(self.vocabulary)}

    def description(self) -> dict[str, Any]:
        """The vocabulary and the head's sizes."""
        return {"vocabulary": self.vocabulary, "head": asdict(self.config)}

    @classmethod
    def from_description(cls, encoder: FrameEncoder, description: dict[str, Any]) -> Self:
        """See TaskModel."""
        return cls(encoder, description["vocabulary"], CaptionConfig(**description["head"]))

    @property
    def hidden(self) -> tuple[nn.Module, ...]:
        """The layers of encoder and decoder."""
        return (self.encoder.layers, self.head.layers)

    def tokenise(self, captions: Sequence[str]) -> Tensor:
        """Captions as int64 (B, max_words + 2): BEGIN, the words' ids, END, then PAD.

        Raises ValueError on a word outside the vocabulary, and on a caption with more than `max_words` words.
        """
        table = torch.full((len(captions), self.config.max_words + 2), PAD)
        for row, caption in zip(table, captions, strict=True):
            parsed = words(caption)
            unknown = [word for word in parsed if word not in self._id]
            if unknown or len(parsed) > self.config.max_words:
                why = f"'{unknown[0]}' is not in the vocabulary" if unknown else f"{len(parsed)} words are too many"
                raise ValueError(f"captioner: {why}: {caption}")
            row[: len(parsed) + 2] = torch.tensor([BEGIN, *(self._id[word] for word in parsed), END])
        return table

    def loss(self, rgb: Tensor, captions: Tensor) -> tuple[Tensor, dict[str, float]]:
        """Mean cross-entropy of each next word of tokenised `captions` (B, T) of rgb uint8 (B, H, W, 3)."""
        length = int((captions != PAD).sum(1).max())
        ids, next_ = captions[:, : length - 1], captions[:, 1:length]
        with autocast(rgb.device.type):
            logits = self.head(self.encoder(rgb), ids)
        loss = F.cross_entropy(logits.float().flatten(0, 1), next_.flatten(), ignore_index=PAD)
        right = (logits.argmax(-1) == next_)[next_ != PAD].float().mean()
        return loss, {"accuracy": right.item()}

    @torch.no_grad()
    def predict(self, rgb: NDArray[np.uint8] | Tensor, batch_size: int = 64) -> list[str]:
        """A caption of each frame of rgb uint8 (N, H, W, 3), greedily; the training mode is left as it was."""
        captions: list[str] = []
        with self.evaluating() as device, autocast(device.type):
            for batch in torch.as_tensor(rgb).split(batch_size) if len(rgb) else ():
                captions += self._write(self.encoder(batch.to(device)))
        return captions

    def _write(self, features: Tensor) -> list[str]:
        ids = torch.full((len(features), 1), BEGIN, device=features.device)
        for _ in range(self.config.max_words):
            best = self.head(features, ids)[:, -1].argmax(1, keepdim=True)
            ids = torch.cat([ids, best], 1)
            if bool((ids == END).any(1).all()):
                break
        written = []
        for row in ids[:, 1:].tolist():
            generated = row[: row.index(END)] if END in row else row
            written.append(" ".join(self.vocabulary[i - _FIRST] for i in generated if i >= _FIRST))
        return written
