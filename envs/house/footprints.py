"""Footprints of objects as axis-aligned rectangles."""

from __future__ import annotations

import math

Rect = tuple[float, float, float, float]
"""(x0, z0, x1, z1)."""


def footprint(x: float, z: float, width: float, depth: float, yaw: float) -> Rect:
    """The axis-aligned rectangle round a box of ``width`` x ``depth`` turned by ``yaw`` degrees about (x, z)."""
    c, s = abs(math.cos(math.radians(yaw))), abs(math.sin(math.radians(yaw)))
    half_x, half_z = (width * c + depth * s) / 2, (width * s + depth * c) / 2
    return x - half_x, z - half_z, x + half_x, z + half_z
