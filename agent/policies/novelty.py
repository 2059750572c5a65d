"""Novelty-seeking exploration: visit the least-seen places along paths not taken before."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..mapping.occupancy_map import UNKNOWN
from ..mapping.planning import COST_METRES, MAX_COST, UNREACHABLE, WALL, distances, walking_costs
from .frontier import LOOKS, FrontierPolicy, Goal

REVISIT_FACTOR = 3
"""Cost multiplier of cells that the agent has already walked over."""
CANDIDATES = 64
"""Places sampled at random, from which the most novel is chosen."""
NEIGHBOURHOOD = 9
"""Side of the neighbourhood of a place, in cells."""
PATH_PENALTY = 0.05
"""Penalty per metre of path; the novelty of an unseen place is 1."""


class NoveltyPolicy(FrontierPolicy):
    """Scores a place by 1 / sqrt(1 + frames taken near it) (Bellemare et al., 2016) plus the unknown fraction of its
    neighbourhood.

    Unlike FrontierPolicy it does not aim for full coverage: it always trades novelty against path length.
    """

    def _next_frontier(self) -> Goal | None:
        return self._next_place()

    def _next_blocked(self) -> Goal | None:
        return None

    def _next_place(self) -> Goal | None:
        """Of randomly sampled places, the one with the best trade-off of novelty and path length."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        floor = np.argwhere((self._reach < UNREACHABLE) & (self._costs > WALL))
        if not len(floor):
            return None
        candidates = floor[self._rng.integers(len(floor), size=CANDIDATES)]
        views = NEIGHBOURHOOD**2 * ndimage.uniform_filter(
            self.map.views.sum(0, dtype=np.float32), NEIGHBOURHOOD, mode="constant"
        )
        unknown = ndimage.uniform_filter((self.map.state == UNKNOWN).astype(np.float32), NEIGHBOURHOOD, mode="nearest")
        metres = self._reach[tuple(candidates.T)] * COST_METRES
        scores = (1 / np.sqrt(1 + views) + unknown)[tuple(candidates.T)] - PATH_PENALTY * metres
        best = int(np.argmax(scores))
        return self._goal_at((int(candidates[best, 0]), int(candidates[best, 1])), "place", float(metres[best]))

    def _update_distances(self) -> None:
        """Distances to the goal; cells walked before cost more, so that the agent returns by another path if it can."""
        assert self._goal is not None
        self._goal.age = 0
        self._costs = walking_costs(self.map)
        walked = self.map.stood & (self._costs > WALL)
        self._costs[walked] = np.minimum(REVISIT_FACTOR * self._costs[walked].astype(np.int64), MAX_COST)
        self._length = distances(self._costs, *self._local(self._goal.cell))

    def _look_around(self) -> None:
        """At the goal: a single view, towards the heading with the fewest views."""
        goal = self._goal
        assert goal is not None
        super()._look_around()
        goal.looks = LOOKS[goal.kind]
