"""Pseudolabels of a house (Section 4.3): what a network guesses in every frame, agreed upon across views.

The network saw external houses only, and errs. But the agent sees each thing from many places, and its depth and pose
say which pixels show the same place: a place takes the class that most pixels of it were given (as Frey et al., 2022,
and Blum et al., 2022, adapt segmentation to a scene), and that its height and the side it faces speak for. So depth and
normals supervise colour, and the labels are the agent's own; no truth of the house enters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from ...core.frame import Camera
from .surface_places import Places
from .surface_prior import SurfacePrior

Predict = Callable[[NDArray[np.uint8]], NDArray[np.int16]]
"""rgb uint8 (N, H, W, 3) to class ids int16 (N, H, W), 0 = void."""
_CLASSES = 1 << 10  # more than any list of classes has


class SemanticMap:
    """Votes for classes in cubes of space, split by the side from which a surface faces."""

    def __init__(self, predict: Predict, camera: Camera, prior: SurfacePrior | None = None, cell: float = 0.1) -> None:
        """`predict`: the network. `prior`: weighs the votes by geometry. cell: side of the cubes, in metres."""
        self.predict, self._numbers = predict, Places(camera, cell)
        self._lift = None if prior is None else prior.lift
        self._ballots = np.zeros(0, np.int64)  # place * _CLASSES + class, sorted
        self._votes = np.zeros(0, np.int64)
        self._places = np.zeros(0, np.int64)  # sorted
        self._winners = np.zeros(0, np.int16)

    def __len__(self) -> int:
        """Places seen so far."""
        return len(self._places)

    def add(self, frames: Mapping[str, Tensor]) -> None:
        """Let each pixel of frames of the contract (N, H, W, ...) with `pose` vote for the class it is taken for."""
        places = self._numbers.of(frames)
        classes = self.predict(frames["rgb"].numpy()).astype(np.int64)
        ballots = (places * _CLASSES + classes)[(places >= 0) & (classes > 0)]
        new, votes = np.unique(ballots, return_counts=True)
        self._ballots, index = np.unique(np.concatenate([self._ballots, new]), return_inverse=True)
        self._votes = np.bincount(index, np.concatenate([self._votes, votes]), len(self._ballots)).astype(np.int64)
        self._count()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All votes, to be stored."""
        return {"ballots": self._ballots, "votes": self._votes}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hold the votes that the map held that gave these `arrays`."""
        self._ballots, self._votes = arrays["ballots"].copy(), arrays["votes"].copy()
        self._count()

    def _count(self) -> None:
        """Give each place the class that has most of its votes."""
        weights = self._votes.astype(np.float64)
        if self._lift is not None:
            surfaces = self._numbers.surface(self._ballots // _CLASSES)
            weights *= self._lift[surfaces, self._ballots % _CLASSES]
        order = np.lexsort((weights, self._ballots // _CLASSES))  # by place, the class with most votes last
        ranked = self._ballots[order]
        last = np.flatnonzero(np.diff(ranked // _CLASSES, append=-1))
        self._places, self._winners = ranked[last] // _CLASSES, (ranked[last] % _CLASSES).astype(np.int16)

    def labels(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Class ids int16 (N, H, W) of frames of the contract with `pose`; 0 where nothing was met or no one voted."""
        places = self._numbers.of(frames)
        if not len(self):
            return from_numpy(np.zeros(places.shape, np.int16))
        index = np.searchsorted(self._places, places).clip(max=len(self._places) - 1)
        return from_numpy(np.where(self._places[index] == places, self._winners[index], np.int16(0)))
