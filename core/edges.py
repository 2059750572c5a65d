"""Canny edges of rgb, the only sensory modality that is computed from another."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LOW, HIGH = 60.0, 150.0
"""Hysteresis thresholds on the L2 gradient of 8-bit luma: below LOW never an edge, above HIGH always one."""


def canny(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Edges of an image, uint8 (H, W) of 0 or 255, from rgb uint8 (H, W, 3), or of N images with a leading axis.

    Canny (1986) with Sobel 3x3 on the luma and no blur before it: rendered images have no sensor noise.
    """
    if rgb.dtype != np.uint8 or rgb.ndim not in (3, 4) or rgb.shape[-1] != 3:
        raise ValueError(f"canny: expected uint8 (H, W, 3) or (N, H, W, 3), got {rgb.dtype} {rgb.shape}")
    if rgb.ndim == 3:
        return _canny(rgb)
    out = np.empty(rgb.shape[:-1], np.uint8)
    for index, image in enumerate(rgb):
        out[index] = _canny(image)
    return out


def _canny(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    grey = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    edges: NDArray[Any] = cv2.Canny(grey, LOW, HIGH, apertureSize=3, L2gradient=True)
    return edges.astype(np.uint8, copy=False)
