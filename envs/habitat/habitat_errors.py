"""What can be wrong with habitat-sim or its scenes, told in one line."""

from __future__ import annotations


class HabitatError(ValueError):
    """habitat-sim cannot be used as asked; the message says what is missing."""
