"""What can be wrong with AI2-THOR on a machine, told in one line."""

from __future__ import annotations


class ThorError(ValueError):
    """AI2-THOR cannot be used as asked; the message says what is missing or what it answered."""
