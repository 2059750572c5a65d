"""Novelty without loops: go where one has been least, by ways that one has not walked."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..mapping.occupancy_map import UNKNOWN
from ..mapping.planning import DEAREST, FAR, UNIT, WALL, distances, walking_costs
from .frontier import LOOKS, FrontierPolicy, _Goal

WALKED = 3
"""Ways over cells that the agent has stood in are this many times as long to it."""
DRAWN = 64
"""Places drawn at random among which the most novel is taken."""
WINDOW = 9
"""Around a place means in a square of so many cells."""
METRE = 0.05
"""What a metre of way costs, where the novelty of a place never seen is 1."""


class NoveltyPolicy(FrontierPolicy):
    """Novelty of a place is 1 / sqrt(1 + frames seen from around it) (Bellemare et al., 2016), and the share of what
    lies around it that is unknown.

    Unlike FrontierPolicy it has no goal of seeing everything: it weighs novelty against the way there, for ever.
    """

    def _next_frontier(self) -> _Goal | None:
        return self._next_place()

    def _next_beyond(self) -> _Goal | None:
        return None

    def _next_place(self) -> _Goal | None:
        """Among some places drawn at random, the one with the most novelty for its way."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        floor = np.argwhere((self._reach < FAR) & (self._costs > WALL))
        if not len(floor):
            return None
        drawn = floor[self._rng.integers(len(floor), size=DRAWN)]
        views = WINDOW**2 * ndimage.uniform_filter(self.map.views.sum(0, dtype=np.float32), WINDOW, mode="constant")
        unknown = ndimage.uniform_filter((self.map.state == UNKNOWN).astype(np.float32), WINDOW, mode="nearest")
        metres = self._reach[tuple(drawn.T)] * UNIT
        worth = (1 / np.sqrt(1 + views) + unknown)[tuple(drawn.T)] - METRE * metres
        best = int(np.argmax(worth))
        return self._goal_at((int(drawn[best, 0]), int(drawn[best, 1])), "place", float(metres[best]))

    def _measure(self) -> None:
        """Distances to the goal, longer where the agent has walked before: it comes back by another way if it can."""
        assert self._goal is not None
        self._goal.age = 0
        self._costs = walking_costs(self.map)
        walked = self.map.stood & (self._costs > WALL)
        self._costs[walked] = np.minimum(WALKED * self._costs[walked].astype(np.int64), DEAREST)
        self._length = distances(self._costs, *self._local(self._goal.cell))

    def _look_about(self) -> None:
        """Arrived: one look to where it has looked least from here, and on."""
        goal = self._goal
        assert goal is not None
        super()._look_about()
        goal.looks = LOOKS[goal.kind]
