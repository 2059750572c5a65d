"""Errors of AI2-THOR, each of one line."""

from __future__ import annotations


class ThorError(ValueError):
    """AI2-THOR failed or is not installed; the message says what is missing or what it answered."""
