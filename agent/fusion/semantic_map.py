"""Pseudolabels of a house (Section 4.3): a network's class probabilities in every frame, fused across views.

The network has seen external houses only, and errs. But the agent sees each thing from many places, and its depth and
pose say which pixels show the same cell of space: a cell takes the class of the highest summed probability, weighted by
how often other houses have that class at such a height and facing (`SurfacePrior`), and smoothed among neighbours of
like colour. So depth and normals supervise colour, and the labels are the agent's own; no truth of the house enters.
Frey et al. (2022) and Blum et al. (2022) adapt segmentation to a scene in this way, by votes for the most probable
class; these are the rule "hard" here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from ...core.frame import Camera
from ...learners.generalist.inference import predict_frames
from ...learners.generalist.network import Generalist
from ...learners.heads.segmentation import Segmenter
from .contradiction import contradicted
from .fusion_config import FusionConfig
from .smoothing import smoothed
from .surface_places import Places
from .surface_prior import SurfacePrior

Probabilities = Callable[[Mapping[str, Tensor]], NDArray[np.float32]]
"""Frames (N, H, W, ...) to class probabilities float32 (N, h, w, K), where h divides H and w divides W."""
CHUNK = 32
"""Frames fused at once: bounds the memory of their probabilities."""
RETIRE_EVERY = 4
"""One frame in so many is searched for cells that it contradicts."""


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
        self._fused: NDArray[np.float32] | None = None  # (P, K), None after a change
        self._winners: NDArray[np.int16] | None = None  # (P,), None after a change
        self.clear()

    def clear(self) -> None:
        """Forget all frames."""
        self._places = np.zeros(0, np.int64)  # (P,) sorted
        self._sums = np.zeros((0, len(self.classes)), np.float32)  # (P, K)
        self._colours = np.zeros((0, 3), np.float32)  # (P, 3) sums of rgb
        self._fused = self._winners = None

    def __len__(self) -> int:
        """Number of cells seen so far."""
        return len(self._places)

    def add(self, frames: Mapping[str, Tensor]) -> None:
        """Fuse the predictions in frames of the contract (N, H, W, ...) with `pose`."""
        for start in range(0, len(frames["rgb"]), CHUNK):
            self._add({key: value[start : start + CHUNK] for key, value in frames.items()})

    def _add(self, frames: Mapping[str, Tensor]) -> None:
        self._retire(frames)
        probabilities = self.predict(frames)  # (N, h, w, K)
        if self.config.rule == "hard":
            best = probabilities.argmax(-1)
            probabilities = np.zeros_like(probabilities)
            np.put_along_axis(probabilities, best[..., None], 1.0, -1)
        places = self._numbers.of(frames)  # (N, H, W)
        down, right = (places.shape[axis] // probabilities.shape[axis] for axis in (1, 2))
        one = (slice(None), slice(down // 2, None, down), slice(right // 2, None, right))  # a pixel a probability
        places, colours = places[one].ravel(), frames["rgb"].numpy()[one].reshape(-1, 3)
        seen = np.flatnonzero(places >= 0)
        if not len(seen):
            return
        order = seen[np.argsort(places[seen], kind="stable")]
        cells, first = np.unique(places[order], return_index=True)
        self._make_room(cells)
        at = np.searchsorted(self._places, cells)
        self._sums[at] += np.add.reduceat(probabilities.reshape(-1, len(self.classes))[order], first, axis=0)
        self._colours[at] += np.add.reduceat(colours[order].astype(np.float32), first, axis=0)
        self._fused = self._winners = None

    def _retire(self, frames: Mapping[str, Tensor]) -> None:
        """Halve the evidence of cells that a frame sees through: what was there has moved."""
        if not len(self):
            return
        centres = self._numbers.centres(self._places)
        depth, poses = frames["depth"].numpy(), frames["pose"].numpy().astype(np.float64)
        for index in range(0, len(poses), RETIRE_EVERY):
            gone = contradicted(centres, depth[index], poses[index], self._numbers.camera)
            self._sums[gone] *= 0.5
            self._colours[gone] *= 0.5

    def _make_room(self, cells: NDArray[np.int64]) -> None:
        """Have all of these sorted cells in the map."""
        merged = np.union1d(self._places, cells)
        if len(merged) == len(self._places):
            return
        old = np.searchsorted(merged, self._places)
        for name in ("_sums", "_colours"):
            held = getattr(self, name)
            grown = np.zeros((len(merged), held.shape[1]), np.float32)
            grown[old] = held
            setattr(self, name, grown)
        self._places = merged

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was fused, to be stored."""
        return {"places": self._places, "sums": self._sums, "colours": self._colours}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hold what the map held that gave these `arrays`."""
        self._places, self._sums, self._colours = (arrays[name].copy() for name in ("places", "sums", "colours"))
        self._fused = self._winners = None

    def _probabilities(self) -> NDArray[np.float32]:
        """The fused class probabilities (P, K) of each cell."""
        if self._fused is None:
            scores = self._sums
            if self.config.smoothing:
                scores = smoothed(self._places, scores, self._colours, self.config.smoothing)
            if self._weights is not None:
                scores = scores * self._weights[self._numbers.surface(self._places)]
            total = np.maximum(scores.sum(1, keepdims=True), 1e-12)
            self._fused = np.divide(scores, total, out=None if scores is self._sums else scores)
        return self._fused

    def _classes(self) -> NDArray[np.int16]:
        """The class id (P,) of each cell; kept between changes, since every training step asks for it."""
        if self._winners is None:
            self._winners = self.classes[self._probabilities().argmax(1)].astype(np.int16)
        return self._winners

    def labels(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Class ids int16 (N, H, W) of frames of the contract with `pose`; 0 where no depth or no prediction is."""
        cells, known = self._cells(frames)
        if not len(self):
            return from_numpy(np.zeros(cells.shape, np.int16))
        return from_numpy(np.where(known, self._classes()[cells], np.int16(0)))

    def combined(self, frames: Mapping[str, Tensor], probabilities: NDArray[np.float32]) -> NDArray[np.int16]:
        """Class ids int16 (N, H, W): a network's probabilities (N, H, W, K) of the frames times those of the map.

        The network's alone where the map has nothing.
        """
        cells, known = self._cells(frames)
        product = probabilities
        if len(self):
            product = np.where(known[..., None], probabilities * self._probabilities()[cells], probabilities)
        return self.classes[product.argmax(-1)].astype(np.int16)

    def doubt(self) -> NDArray[np.float32]:
        """Of each cell (P,), 1 less the probability of its class: 0 where all views agree."""
        return 1 - self._probabilities().max(1) if len(self) else np.zeros(0, np.float32)

    def evidence(self) -> NDArray[np.float32]:
        """Of each cell (P,), in how many pixels it was seen; those of cells that frames contradicted count for less."""
        return self._sums.sum(1)

    def surface(self) -> tuple[NDArray[np.float64], NDArray[np.int16]]:
        """The middle of each cell (P, 3), in metres, and its class id (P,)."""
        return self._numbers.centres(self._places), self._classes()

    def _cells(self, frames: Mapping[str, Tensor]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The cell's row in the map (N, H, W) of each pixel, and whether the map has it."""
        places = self._numbers.of(frames)
        rows = np.searchsorted(self._places, places).clip(max=max(0, len(self) - 1))
        if not len(self):
            return rows, np.zeros(places.shape, bool)
        return rows, self._places[rows] == places


def fused_by(segmenter: Segmenter, camera: Camera, prior: SurfacePrior, config: FusionConfig) -> SemanticMap:
    """An empty map of what this segmenter predicts from rgb."""
    return SemanticMap(lambda frames: segmenter.probabilities(frames["rgb"]), segmenter.classes, camera, prior, config)


def generalist_probabilities(network: Generalist, camera: Camera) -> Probabilities:
    """What a `folded` generalist, or specialist, predicts from rgb, depth and normals; classes 1 and up.

    It looks at each frame and at its mirror image: labels are better by half a point, and are made once a frame.
    """

    def predict(frames: Mapping[str, Tensor]) -> NDArray[np.float32]:
        return np.ascontiguousarray(predict_frames(network, frames, camera, mirrored=True).permute(0, 2, 3, 1).numpy())

    return predict
