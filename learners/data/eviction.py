"""Eviction policies: which stored frame a new one overwrites once the replay buffer is full.

| name | keeps |
| --- | --- |
| ring | the newest frames |
| reservoir | a uniform sample of all frames ever seen (Algorithm R; Vitter, 1985) |
| balanced | equally many of each cell of place and heading; within a cell, a uniform sample of all seen there |
| minred | frames unlike each other: the most redundant one is evicted (Purushwalkam et al., 2022) |

Random choices depend on the seed and the frame's sequence number alone: a resumed buffer decides as one that never
stopped.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...core.pose_cells import pose_cells
from ..choices import EvictionName

Features = Callable[[Tensor], Tensor]
"""rgb uint8 (N, H, W, 3) to features (N, D), between which MinRed takes Euclidean distances."""
_THUMBNAIL = 8  # pixels along a side


class Ring:
    """Evicts the oldest frame. Base class of all policies: until the buffer is full, they fill it in order.

    `choose` is called once for each frame, in order, and its choice counts as carried out.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.seed = capacity, seed

    def choose(self, number: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """Index at which to store the frame of this sequence number (from 0) and pose (6,); -1 to discard it."""
        return number % self.capacity

    def state(self) -> Any:
        """State that `resume` needs besides the stored frames, as JSON."""
        return None

    def resume(
        self, state: Any, numbers: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """Continue with these frames at the first indices and the `state` of the last flush."""

    def _chance(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, number))


class Reservoir(Ring):
    """After n frames, each is in the buffer with probability capacity / n."""

    def choose(self, number: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; a uniform index with probability capacity / (number + 1), else -1."""
        if number < self.capacity:
            return number
        index = int(self._chance(number).integers(number + 1))
        return index if index < self.capacity else -1


class Balanced(Ring):
    """A frame from a cell that is not the fullest replaces a random one of a fullest cell.

    A frame from a fullest cell is kept as a reservoir of that cell would keep it (class-balancing reservoir sampling,
    Chrysakis and Moens, 2020, with cells of poses as classes: no label is needed).
    """

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._cell_of: dict[int, int] = {}  # by index
        self._indices: dict[int, list[int]] = {}  # by cell, sorted
        self._seen: dict[int, int] = {}  # frames ever received from each cell

    def choose(self, number: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; by the cell of the pose."""
        cell = int(pose_cells(pose[None])[0])
        self._seen[cell] = self._seen.get(cell, 0) + 1
        index = number if number < self.capacity else self._victim(cell, self._chance(number))
        if index >= 0:
            self._put(index, cell)
        return index

    def _victim(self, cell: int, chance: np.random.Generator) -> int:
        most = max(len(indices) for indices in self._indices.values())
        own = self._indices.get(cell, [])
        if len(own) == most:
            place = int(chance.integers(self._seen[cell]))
            return own[place] if place < most else -1
        fullest = sorted(other for other, indices in self._indices.items() if len(indices) == most)
        return self._indices[fullest[int(chance.integers(len(fullest)))]][int(chance.integers(most))]

    def _put(self, index: int, cell: int) -> None:
        if index in self._cell_of:
            old = self._indices[self._cell_of[index]]
            del old[bisect_left(old, index)]
        self._cell_of[index] = cell
        insort(self._indices.setdefault(cell, []), index)

    def state(self) -> Any:
        """Number of frames ever received from each cell: [cell, count], sorted by cell."""
        return sorted(self._seen.items())

    def resume(
        self, state: Any, numbers: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """See Ring; the cells follow from `poses`, float32 (N, 6)."""
        self._seen = {int(cell): int(count) for cell, count in state}
        for index, cell in enumerate(pose_cells(poses).tolist()):
            self._put(index, cell)


class MinRed(Ring):
    """Evicts the frame that is closest to its nearest neighbour, the new frame included; among equals the oldest."""

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._features: NDArray[np.float64] | None = None  # (capacity, D); NaN where free
        self._numbers = np.full(capacity, -1, np.int64)
        self._nearest = np.zeros(capacity, np.int64)
        self._distance = np.full(capacity, np.inf)  # squared, to the nearest

    def choose(self, number: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; by the frame's feature, float64 (D,), which is required."""
        assert feature is not None
        if self._features is None:
            self._features = np.full((self.capacity, len(feature)), np.nan)
        away = self._away(feature)
        index = number
        if number >= self.capacity:
            redundancy = np.minimum(self._distance, away)
            closest = np.flatnonzero(redundancy == redundancy.min())
            index = int(closest[self._numbers[closest].argmin()])
        self._features[index], self._numbers[index] = feature, number
        away[index] = np.inf
        closer = away < self._distance
        self._nearest[closer], self._distance[closer] = index, away[closer]
        orphans = np.flatnonzero(self._nearest == index)
        for other in {index, *orphans[~closer[orphans]].tolist()}:  # whose nearest was overwritten
            self._find_nearest(other)
        return index

    def _away(self, feature: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distances (capacity,) to every stored feature; infinite where free."""
        assert self._features is not None
        difference = self._features - feature
        return np.nan_to_num(np.einsum("nd,nd->n", difference, difference), nan=np.inf)

    def _find_nearest(self, index: int) -> None:
        assert self._features is not None
        if np.isnan(self._features[index]).any():
            return
        away = self._away(self._features[index])
        away[index] = np.inf
        self._nearest[index] = away.argmin()
        self._distance[index] = away.min()

    def resume(
        self, state: Any, numbers: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """See Ring; `features`, float64 (N, D), are required."""
        assert features is not None
        if not len(features):
            return
        self._features = np.full((self.capacity, features.shape[1]), np.nan)
        self._features[: len(features)], self._numbers[: len(numbers)] = features, numbers
        for index in range(len(features)):
            self._find_nearest(index)


POLICIES: dict[EvictionName, type[Ring]] = {
    "ring": Ring,
    "reservoir": Reservoir,
    "balanced": Balanced,
    "minred": MinRed,
}
"""Eviction policies by name."""


def thumbnails(rgb: Tensor) -> Tensor:
    """rgb uint8 (N, H, W, 3) as 8 x 8 pixels, float64 (N, 192), rounded: cheap features whose distances are exact."""
    small = F.adaptive_avg_pool2d(rgb.permute(0, 3, 1, 2).to(torch.float32), _THUMBNAIL)
    return small.round().flatten(1).to(torch.float64)


def features_for(policy: Ring, features: Features, rgb: Tensor) -> NDArray[np.float64] | None:
    """Features float64 (N, D) by which the policy compares frames; None where it compares none."""
    if not isinstance(policy, MinRed):
        return None
    with torch.no_grad():
        parts = [features(chunk).to(torch.float64) for chunk in rgb.split(256)]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 1))


def choose_indices(policy: Ring, numbers: Tensor, frames: Mapping[str, Tensor], features: Features) -> Tensor:
    """Indices int64 (N,) of N frames; -1 where a frame is discarded or overwritten by a later one of them."""
    compared = features_for(policy, features, frames["rgb"])
    poses = frames["pose"].numpy()
    last: dict[int, int] = {}
    for row, number in enumerate(numbers.tolist()):
        index = policy.choose(number, poses[row], None if compared is None else compared[row])
        if index >= 0:
            last[index] = row
    indices = torch.full((len(numbers),), -1, dtype=torch.int64)
    indices[list(last.values())] = torch.tensor(list(last), dtype=torch.int64)
    return indices
