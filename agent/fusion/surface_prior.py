"""Class-conditional geometry prior, learned from external houses: which classes lie on which surfaces.

Ceilings face down and are high up, seats face up at knee height, pictures face sideways at eye height. Unlike textures,
these regularities transfer between houses: depth and normals can correct predictions made from colour.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import Camera
from .surface_places import SURFACES, Places

_SMOOTHING = 200.0  # pseudo-counts per kind of surface, distributed by the overall class frequencies


class SurfacePrior:
    """Class counts by kind of surface in labelled frames of external houses (D_t), never of the test space."""

    def __init__(self, camera: Camera, classes: int) -> None:
        """`camera`: intrinsics of the frames. `classes`: number of class ids, 0 = void."""
        self.places, self.counts = Places(camera), np.zeros((SURFACES, classes), np.int64)

    def add(self, frames: Mapping[str, Tensor], semantic: NDArray[np.int16]) -> None:
        """Add frames of the contract (N, H, W, ...) with `pose`, and their ground-truth classes (N, H, W)."""
        places = self.places.of(frames)
        known = (places >= 0) & (semantic > 0)
        np.add.at(self.counts, (self.places.surface(places[known]), semantic[known]), 1)

    @property
    def lift(self) -> NDArray[np.float64]:
        """P(class | surface) / P(class), (SURFACES, classes): the evidence of geometry for each class.

        By Bayes' rule, if colour and geometry are independent given the class, a prediction from colour is multiplied
        by it. 1 for classes that were never counted.
        """
        overall = self.counts.sum(0) / max(1, self.counts.sum())
        smoothed = self.counts + _SMOOTHING * overall
        conditional = smoothed / np.maximum(smoothed.sum(1, keepdims=True), 1e-12)
        return np.divide(conditional, overall, out=np.ones_like(conditional), where=overall > 0)
