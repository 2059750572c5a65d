"""The stages that experiments are made of, each kept on disk under the digest of all that it follows from.

collect -> pseudolabel -> pre-train -> transfer -> evaluate (`stages.Stages`); `store.Store` keeps what they leave.
"""

from __future__ import annotations

from .stages import Stages
from .store import Entry, Store

__all__ = ["Entry", "Stages", "Store"]
