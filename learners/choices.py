"""Names that configurations choose from. Imports nothing, so that a command line can read a configuration at once."""

from __future__ import annotations

from typing import Literal

SizeName = Literal["nano", "tiny", "small", "base"]
"""Sizes of the encoder: see `masked.masked_model.SIZES`."""
TargetKind = Literal["tokens", "patches"]
"""What a masked model predicts: tokenizer codes (4M), or normalised patches (MultiMAE)."""
QuantiserName = Literal["fsq", "vq"]
"""Finite scalar quantisation, or a cosine codebook as 4M's."""
OptimiserName = Literal["adamw", "muon"]
"""adamw as the paper, or muon for the matrices of the hidden layers."""
EvictionName = Literal["ring", "reservoir", "balanced", "minred"]
"""Which frame a full replay buffer overwrites: see `data.eviction`."""
SENSORY = ("rgb", "depth", "normals", "edges")
"""Modalities of the agent's own sensors (Section 4.2). rgb comes first: after transfer the encoder sees it alone."""
