"""Pseudolabels of a house (Section 4.3): a network's class probabilities in every frame, fused across views.

The network has seen external houses only, and errs. But the agent sees each thing from many places, and its depth and
pose say which pixels show the same cell of space: a cell takes the class of the highest summed probability, weighted by
how often other houses have that class at such a height and facing (`SurfacePrior`). So depth and normals supervise
colour, and the labels are the agent's own; no truth of the house enters. Frey et al. (2022) and Blum et al. (2022)
adapt segmentation to a scene in this way, by votes for the most probable class; these are the rule "hard" here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from ...core.frame import Camera
from ...learners.heads.segmentation import Segmenter
from .fusion_config import FusionConfig
from .surface_places import Places
from .surface_prior import SurfacePrior

Probabilities = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""rgb uint8 (N, H, W, 3) to class probabilities float32 (N, h, w, K), where h divides H and w divides W."""
CHUNK = 32
"""Frames fused at once: bounds the memory of their probabilities."""


class SemanticMap:
    """Summed class probabilities in cells of space, split by the side that a surface faces."""

    def __init__(
        self,
        predict: Probabilities,
        classes: Sequence[int],
        camera: Camera,
        prior: SurfacePrior | None = None,
        config: FusionConfig | None = None,
    ) -> None:
        """`predict`: the network, whose K probabilities are those of the class ids `classes`."""
        self.predict, self.config = predict, config or FusionConfig()
        self.classes = np.asarray(classes, np.int64)
        self._numbers = Places(camera, self.config.cell)
        self._weights: NDArray[np.float32] | None = None  # (SURFACES, K)
        if prior is not None:
            self._weights = (prior.lift[:, self.classes] ** self.config.prior_power).astype(np.float32)
        self._places = np.zeros(0, np.int64)  # (P,) sorted
        self._sums = np.zeros((0, len(self.classes)), np.float32)  # (P, K)
        self._winners: NDArray[np.int16] | None = None  # (P,), None after a change

    def __len__(self) -> int:
        """Number of cells seen so far."""
        return len(self._places)

    def add(self, frames: Mapping[str, Tensor]) -> None:
        """Fuse the predictions in frames of the contract (N, H, W, ...) with `pose`."""
        for start in range(0, len(frames["rgb"]), CHUNK):
            self._add({key: value[start : start + CHUNK] for key, value in frames.items()})

    def _add(self, frames: Mapping[str, Tensor]) -> None:
        probabilities = self.predict(frames["rgb"].numpy())  # (N, h, w, K)
        if self.config.rule == "hard":
            best = probabilities.argmax(-1)
            probabilities = np.zeros_like(probabilities)
            np.put_along_axis(probabilities, best[..., None], 1.0, -1)
        places = self._numbers.of(frames)  # (N, H, W)
        down, right = (places.shape[axis] // probabilities.shape[axis] for axis in (1, 2))
        places = places[:, down // 2 :: down, right // 2 :: right].ravel()  # one pixel for each probability
        seen = np.flatnonzero(places >= 0)
        if not len(seen):
            return
        order = seen[np.argsort(places[seen], kind="stable")]
        new, first = np.unique(places[order], return_index=True)
        sums = np.add.reduceat(probabilities.reshape(-1, len(self.classes))[order], first, axis=0)
        merged = np.union1d(self._places, new)
        total = np.zeros((len(merged), len(self.classes)), np.float32)
        total[np.searchsorted(merged, self._places)] = self._sums
        total[np.searchsorted(merged, new)] += sums
        self._places, self._sums, self._winners = merged, total, None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was fused, to be stored."""
        return {"places": self._places, "sums": self._sums}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hold what the map held that gave these `arrays`."""
        self._places, self._sums, self._winners = arrays["places"].copy(), arrays["sums"].copy(), None

    def _best(self) -> NDArray[np.int16]:
        """The class (P,) of each cell."""
        if self._winners is None:
            scores = self._sums
            if self._weights is not None:
                scores = scores * self._weights[self._numbers.surface(self._places)]
            self._winners = self.classes[scores.argmax(1)].astype(np.int16)
        return self._winners

    def labels(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Class ids int16 (N, H, W) of frames of the contract with `pose`; 0 where no depth or no prediction is."""
        places = self._numbers.of(frames)
        if not len(self):
            return from_numpy(np.zeros(places.shape, np.int16))
        index = np.searchsorted(self._places, places).clip(max=len(self) - 1)
        return from_numpy(np.where(self._places[index] == places, self._best()[index], np.int16(0)))


def fused_by(segmenter: Segmenter, camera: Camera, prior: SurfacePrior, config: FusionConfig) -> SemanticMap:
    """An empty map of what this segmenter predicts."""
    return SemanticMap(segmenter.probabilities, segmenter.classes, camera, prior, config)
