"""Steps of an experiment, each kept on disk under a digest of everything that it follows from, its code included.

Public: `Stages`, `Store`, `Entry`.
"""

from __future__ import annotations

from .stages import Stages
from .store import Entry, Store

__all__ = ["Entry", "Stages", "Store"]
