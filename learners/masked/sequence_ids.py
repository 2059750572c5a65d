"""The ids of a sequence as a kind of token."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from ..modalities.sequences import SequenceModality, Spans
from ..nn.cross_entropy import cross_entropy
from .token_kinds import TokenKind, code_table


class SequenceIds(TokenKind):
    """Ids of a sequence, int64 (B, L). The decoder reads the target one step behind, and predicts the next id."""

    def __init__(self, sequence: SequenceModality) -> None:
        self.outputs, self.key = sequence.vocabulary, f"{sequence.name} inputs"
        self.decoder_key = f"{sequence.name} decoder_inputs"

    @property
    def target_key(self) -> str:
        """See TokenKind."""
        return self.key.replace(" inputs", " targets")

    def embedding(self, dim: int) -> nn.Module:
        """See TokenKind: a table."""
        return code_table(self.outputs, dim)

    def read(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Never called: what is seen of a sequence depends on its spans."""
        raise ValueError(f"model: {self.key} are read from spans")

    def read_spans(self, spans: Spans) -> dict[str, Tensor]:
        """Ids (B, L) of the encoder's inputs, of the decoder's inputs, and of the targets."""
        return {self.key: spans.inputs, self.decoder_key: spans.decoder_inputs, self.target_key: spans.targets}

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """See TokenKind."""
        return cross_entropy(output, target)
