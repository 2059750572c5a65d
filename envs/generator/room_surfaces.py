"""Surfaces on which objects can rest on a piece of furniture: the upward triangles of its mesh."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..furniture.catalogue import model

_REACH = 0.35
"""Largest distance in metres between a surface and the expected height."""
_ABOVE = 0.12
"""Metres by which a surface may be above that height: rims and covers."""


@lru_cache(maxsize=1024)
def _upward(asset_id: str) -> NDArray[np.float64]:
    """(T, 3, 3) triangles that face upwards, in the house file's axes at yaw 0, y from the foot of the asset's box."""
    form = model(asset_id)
    corners = form.vertices[form.faces] * (-1.0, 1.0, 1.0)
    normal = np.cross(form.vertices[form.faces][:, 1] - form.vertices[form.faces][:, 0],
                      form.vertices[form.faces][:, 2] - form.vertices[form.faces][:, 0])  # fmt: skip
    level = normal[:, 1] > 0.5 * np.linalg.norm(normal, axis=1)
    return np.asarray(corners[level] - (0.0, form.vertices[:, 1].min(), 0.0), np.float64)


def resting_height(asset_id: str, points: NDArray[np.float64], about: float) -> float | None:
    """Height above the asset's foot at which an object over the points (N, 2) x, z rests, near the height ``about``.

    It rests on the highest surface under its points. None if no surface is near enough.
    """
    triangles = _upward(asset_id)
    if not len(triangles):
        return None
    a, b, c = (triangles[:, k][:, [0, 2]] for k in range(3))
    ab, ac = b - a, c - a
    turn = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    turn = np.where(np.abs(turn) < 1e-12, 1e-12, turn)
    away = points[:, None] - a
    u = (away[..., 0] * ac[:, 1] - away[..., 1] * ac[:, 0]) / turn
    v = (ab[:, 0] * away[..., 1] - ab[:, 1] * away[..., 0]) / turn
    y = triangles[:, 0, 1] * (1 - u - v) + triangles[:, 1, 1] * u + triangles[:, 2, 1] * v
    held = (u >= 0) & (v >= 0) & (u + v <= 1) & (np.abs(y - about) < _REACH) & (y < about + _ABOVE)
    return float(y[held].max()) if held.any() else None
