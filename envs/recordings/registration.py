"""Depth of one camera as another one beside it sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .resample import scaled

NEAREST = 1e-3
"""Metres before the camera within which a point is not seen."""
REACH = 0.75
"""Pixels between a point and the middle of a pixel that it fills: more than half, so that a surface has no holes."""


def registered(
    depth: NDArray[np.float32],
    own: NDArray[np.float64],
    relative: NDArray[np.float64],
    colour: NDArray[np.float64],
    size: tuple[int, int],
) -> NDArray[np.float32]:
    """Depth along the axis of the colour camera, float32 (h, w), metres, 0 = none, of all that it sees.

    depth: float32 (H, W), metres along the axis of its own camera, 0 = none. own, colour: (4,) fx, fy, cx, cy of the
    two cameras. relative: (4, 4) from the depth camera's axes to the colour camera's, both as OpenCV has them. size:
    rows and columns of the colour picture; h, w are as many times fewer as the depth camera has fewer pixels in an
    angle. Of the points that fall into a pixel, the nearest counts.
    """
    share = min(1.0, float((own[:2] / colour[:2]).max()))
    height, width = (max(1, round(side * share)) for side in size)
    fx, fy, cx, cy = scaled(colour, size, (height, width))
    rows, columns = np.nonzero((depth > 0) & np.isfinite(depth))
    z = depth[rows, columns].astype(np.float64)
    points = np.stack([(columns - own[2]) / own[0] * z, (rows - own[3]) / own[1] * z, z])
    x, y, z = relative[:3, :3] @ points + relative[:3, 3:]
    seen = z > NEAREST
    x, y, z = x[seen], y[seen], z[seen]
    across, down = np.clip(x / z * fx + cx, -9, 1e6), np.clip(y / z * fy + cy, -9, 1e6)
    left, top = (np.ceil(place - REACH).astype(np.int64) for place in (across, down))
    near = (left >= -1) & (left < width) & (top >= -1) & (top < height)
    out = np.full((height + 2, width + 2), np.inf)  # a border of one pixel, cut off below
    for right, below in ((0, 0), (0, 1), (1, 0), (1, 1)):
        hit = near & (left + right <= across + REACH) & (top + below <= down + REACH)
        np.minimum.at(out, (top[hit] + 1 + below, left[hit] + 1 + right), z[hit])
    inner = out[1:-1, 1:-1]
    return np.where(np.isfinite(inner), inner, 0).astype(np.float32)
