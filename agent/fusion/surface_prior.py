"""What external houses teach about geometry: which classes lie on which surfaces.

Ceilings face down and hang high, seats face up at knee height, pictures face sideways at eye height. Textures differ
from house to house, and such regularities do not: so depth and normals correct what a network guesses from colours.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import Camera
from .surface_places import SURFACES, Places

_SMOOTHING = 200.0  # pixels drawn by the classes' overall shares that each kind of surface is given before counting


class SurfacePrior:
    """Counts classes by kind of surface in labelled frames of external houses (D_t); never of the test space."""

    def __init__(self, camera: Camera, classes: int) -> None:
        """`camera`: of the frames. `classes`: class ids are below it, 0 = void."""
        self.places, self.counts = Places(camera), np.zeros((SURFACES, classes), np.int64)

    def add(self, frames: Mapping[str, Tensor], semantic: NDArray[np.int16]) -> None:
        """Count frames of the contract (N, H, W, ...) with `pose`, and their true classes (N, H, W)."""
        places = self.places.of(frames)
        known = (places >= 0) & (semantic > 0)
        np.add.at(self.counts, (self.places.surface(places[known]), semantic[known]), 1)

    @property
    def lift(self) -> NDArray[np.float64]:
        """P(class | surface) / P(class), (SURFACES, classes): how much the geometry speaks for each class.

        Bayes: where colour and geometry are independent given the class, what colours say of a place is to be
        multiplied by it. 1 for classes that were never counted.
        """
        overall = self.counts.sum(0) / max(1, self.counts.sum())
        pulled = self.counts + _SMOOTHING * overall
        given = pulled / np.maximum(pulled.sum(1, keepdims=True), 1e-12)
        return np.divide(given, overall, out=np.ones_like(given), where=overall > 0)
