"""Errors of habitat-sim or its scenes, each of one line."""

from __future__ import annotations


class HabitatError(ValueError):
    """habitat-sim cannot do it; the message says what is missing."""
