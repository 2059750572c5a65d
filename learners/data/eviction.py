"""Which stored frame a new one overwrites once a replay buffer is full: the writers, each one class with one rule.

| name | keeps |
| --- | --- |
| ring | the newest frames |
| reservoir | a uniform sample of all frames ever seen (Algorithm R; Vitter, 1985) |
| balanced | equally many of each cell of place and heading; within a cell, a uniform sample of all seen there |
| minred | frames unlike each other: the most redundant one goes (Purushwalkam et al., 2022) |

Chance follows from the seed and the frame's number alone: who goes on from a flush decides as one that never stopped.
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

from ..choices import EvictionName

Features = Callable[[Tensor], Tensor]
"""rgb uint8 (N, H, W, 3) to features (N, D); Euclidean distances between them are what MinRed goes by."""
CELL_METRES = 1.0
"""Side of a cell of places."""
HEADINGS = 8
"""Cells of heading."""
_THUMBNAIL = 8  # pixels along a side


class Ring:
    """The oldest frame is overwritten. Also the frame of every other writer: until the buffer is full, slots in order.

    `slot` is called once for each frame, in order, and what it returns is taken as done.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        self.capacity, self.seed = capacity, seed

    def slot(self, ticket: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """The slot, from 0, of frame number `ticket` (from 0) with this pose (6,); -1 where it is not kept."""
        return ticket % self.capacity

    def state(self) -> Any:
        """What `resume` needs beside the stored frames themselves, as JSON."""
        return None

    def resume(
        self, state: Any, tickets: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """Go on with these frames in the first slots and what `state` gave at the last flush."""

    def _chance(self, ticket: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, ticket))


class Reservoir(Ring):
    """After n frames each of them is in the buffer with chance capacity / n."""

    def slot(self, ticket: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; a uniform slot with chance capacity / (ticket + 1), else -1."""
        if ticket < self.capacity:
            return ticket
        slot = int(self._chance(ticket).integers(ticket + 1))
        return slot if slot < self.capacity else -1


class Balanced(Ring):
    """A frame from a cell that is not the fullest takes the place of a random one of a fullest cell.

    A frame from a fullest cell is kept as a reservoir of that cell would keep it (class-balancing reservoir sampling,
    Chrysakis and Moens, 2020, with cells of pose in place of classes: no label is needed).
    """

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._cell_of: dict[int, int] = {}  # by slot
        self._slots: dict[int, list[int]] = {}  # by cell, sorted
        self._seen: dict[int, int] = {}  # frames of the cell that ever came

    def slot(self, ticket: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; by the cell of the pose."""
        cell = int(pose_cells(pose[None])[0])
        self._seen[cell] = self._seen.get(cell, 0) + 1
        slot = ticket if ticket < self.capacity else self._victim(cell, self._chance(ticket))
        if slot >= 0:
            self._put(slot, cell)
        return slot

    def _victim(self, cell: int, chance: np.random.Generator) -> int:
        most = max(len(slots) for slots in self._slots.values())
        own = self._slots.get(cell, [])
        if len(own) == most:
            place = int(chance.integers(self._seen[cell]))
            return own[place] if place < most else -1
        fullest = sorted(other for other, slots in self._slots.items() if len(slots) == most)
        return self._slots[fullest[int(chance.integers(len(fullest)))]][int(chance.integers(most))]

    def _put(self, slot: int, cell: int) -> None:
        if slot in self._cell_of:
            old = self._slots[self._cell_of[slot]]
            del old[bisect_left(old, slot)]
        self._cell_of[slot] = cell
        insort(self._slots.setdefault(cell, []), slot)

    def state(self) -> Any:
        """Frames ever seen of each cell: [cell, count], by cell."""
        return sorted(self._seen.items())

    def resume(
        self, state: Any, tickets: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """See Ring; the cells follow from `poses`, float32 (N, 6)."""
        self._seen = {int(cell): int(count) for cell, count in state}
        for slot, cell in enumerate(pose_cells(poses).tolist()):
            self._put(slot, cell)


class MinRed(Ring):
    """The frame whose nearest neighbour, the new frame included, is nearest goes; of several the oldest."""

    def __init__(self, capacity: int, seed: int) -> None:
        super().__init__(capacity, seed)
        self._features: NDArray[np.float64] | None = None  # (capacity, D); NaN in free slots
        self._tickets = np.full(capacity, -1, np.int64)
        self._nearest = np.zeros(capacity, np.int64)
        self._distance = np.full(capacity, np.inf)  # squared, to the nearest

    def slot(self, ticket: int, pose: NDArray[np.float32], feature: NDArray[np.float64] | None) -> int:
        """See Ring; by the frame's feature, float64 (D,), which must be given."""
        assert feature is not None
        if self._features is None:
            self._features = np.full((self.capacity, len(feature)), np.nan)
        away = self._away(feature)
        slot = ticket
        if ticket >= self.capacity:
            redundancy = np.minimum(self._distance, away)
            closest = np.flatnonzero(redundancy == redundancy.min())
            slot = int(closest[self._tickets[closest].argmin()])
        self._features[slot], self._tickets[slot] = feature, ticket
        away[slot] = np.inf
        closer = away < self._distance
        self._nearest[closer], self._distance[closer] = slot, away[closer]
        orphans = np.flatnonzero(self._nearest == slot)
        for other in {slot, *orphans[~closer[orphans]].tolist()}:  # whose nearest was overwritten
            self._find_nearest(other)
        return slot

    def _away(self, feature: NDArray[np.float64]) -> NDArray[np.float64]:
        """Squared distances (capacity,) to every stored feature; infinite in free slots."""
        assert self._features is not None
        difference = self._features - feature
        return np.nan_to_num(np.einsum("nd,nd->n", difference, difference), nan=np.inf)

    def _find_nearest(self, slot: int) -> None:
        assert self._features is not None
        if np.isnan(self._features[slot]).any():
            return
        away = self._away(self._features[slot])
        away[slot] = np.inf
        self._nearest[slot] = away.argmin()
        self._distance[slot] = away.min()

    def resume(
        self, state: Any, tickets: NDArray[np.int64], poses: NDArray[np.float32], features: NDArray[np.float64] | None
    ) -> None:
        """See Ring; `features`, float64 (N, D), must be given."""
        assert features is not None
        if not len(features):
            return
        self._features = np.full((self.capacity, features.shape[1]), np.nan)
        self._features[: len(features)], self._tickets[: len(tickets)] = features, tickets
        for slot in range(len(features)):
            self._find_nearest(slot)


WRITERS: dict[EvictionName, type[Ring]] = {
    "ring": Ring,
    "reservoir": Reservoir,
    "balanced": Balanced,
    "minred": MinRed,
}
"""The writers by name."""


def pose_cells(poses: NDArray[np.floating]) -> NDArray[np.int64]:
    """The number (N,) of the cell of place (x and z, CELL_METRES) and heading (yaw, HEADINGS) of poses (N, 6)."""
    x, z = (np.floor(poses[:, axis] / CELL_METRES).astype(np.int64) + (1 << 20) for axis in (0, 2))
    heading = np.round(poses[:, 3].astype(np.float64) * HEADINGS / 360).astype(np.int64) % HEADINGS
    return (x * (1 << 21) + z) * HEADINGS + heading


def thumbnails(rgb: Tensor) -> Tensor:
    """rgb uint8 (N, H, W, 3) as 8 x 8 pixels, float64 (N, 192), rounded: cheap features whose distances are exact."""
    small = F.adaptive_avg_pool2d(rgb.permute(0, 3, 1, 2).to(torch.float32), _THUMBNAIL)
    return small.round().flatten(1).to(torch.float64)


def features_of(writer: Ring, features: Features, rgb: Tensor) -> NDArray[np.float64] | None:
    """What the writer compares frames by, float64 (N, D); None where it compares none."""
    if not isinstance(writer, MinRed):
        return None
    with torch.no_grad():
        parts = [features(some).to(torch.float64) for some in rgb.split(256)]
    return torch.cat(parts).numpy() if parts else np.zeros((0, 1))


def choose_slots(writer: Ring, tickets: Tensor, frames: Mapping[str, Tensor], features: Features) -> Tensor:
    """The slot int64 (N,) of each of N frames, -1 where it is not kept or a later one of them takes its slot."""
    compared = features_of(writer, features, frames["rgb"])
    poses = frames["pose"].numpy()
    last: dict[int, int] = {}
    for index, ticket in enumerate(tickets.tolist()):
        slot = writer.slot(ticket, poses[index], None if compared is None else compared[index])
        if slot >= 0:
            last[slot] = index
    slots = torch.full((len(tickets),), -1, dtype=torch.int64)
    slots[list(last.values())] = torch.tensor(list(last), dtype=torch.int64)
    return slots
