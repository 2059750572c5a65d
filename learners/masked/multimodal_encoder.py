"""Encoder of all sensory modalities at once, for agents that have depth after pre-training too.

The heads of the paper take rgb alone; its multimodal scratch (Section 4.1, Baselines) takes all inputs of TST-MM.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from ..choices import SENSORY, SizeName
from ..modalities.modality import MODALITIES, patchify
from ..nn.layers import linear
from .encoder import Encoder, Size
from .masked_model import MaskedModel
from .token_kinds import Patches


class MultimodalEncoder(Encoder):
    """Frames of rgb, depth, normals and edges to features of rgb's patches, which have seen the others' tokens.

    Embedded as the masked model does it with targets "patches", one token for each patch of each modality. A modality
    that is missing is skipped, as in masked modelling.
    """

    def __init__(self, size: SizeName | Size = "nano", image_size: int = 64, patch: int = 8) -> None:
        super().__init__(size, image_size, patch)
        widths = {name: MODALITIES[name].channels * patch**2 for name in SENSORY[1:]}
        self.embed_others = nn.ModuleDict({name: linear(width, self.dim) for name, width in widths.items()})
        self.modalities = nn.Parameter(torch.randn(len(widths), self.dim) * 0.02)

    @classmethod
    def of(cls, model: MaskedModel) -> Self:
        """As a masked model has learned it. ValueError for one without these modalities, or that sees their codes."""
        inputs = {stream.name: stream.input for stream in model.streams}
        if not all(isinstance(inputs.get(name), Patches) for name in SENSORY):
            raise ValueError(f"multimodal: needs a model with targets 'patches' that sees {', '.join(SENSORY)}")
        made = cls(model.encoder.size, model.encoder.image_size, model.encoder.patch)
        numbers = [model.names.index(name) - 1 for name in SENSORY[1:]]
        own = {f"embed_others.{name}.weight": model.embed[name].weight for name in SENSORY[1:]}
        own |= {"modalities": model.modality[numbers], **model.encoder.state_dict()}
        made.load_state_dict(own)
        return made

    def forward(self, rgb: Tensor, others: Mapping[str, Tensor] | None = None) -> Tensor:
        """rgb uint8 (B, H, W, 3) and `others` by name, as a batched Frame has them, to features (B, N, D)."""
        tokens = [self.embed(self.patches(rgb)) + self.positions + self.modality]
        for number, (name, embed) in enumerate(self.embed_others.items()):
            if others is not None and name in others:
                patches = patchify(MODALITIES[name].of(others), self.patch)
                tokens.append(embed(patches) + self.positions + self.modalities[number])
        return self.encode(torch.cat(tokens, 1))[:, : len(self.positions)]
