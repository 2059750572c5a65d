"""Coverage by shortest paths: visit each 2 m square of the known floor once, nearest first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..mapping.planning import COST_METRES, UNREACHABLE, WALL, distances, walking_costs
from .frontier import FrontierPolicy, Goal

SQUARE = 2.0
"""Side of the squares to visit, in metres."""


class CoveragePolicy(FrontierPolicy):
    """Takes the shortest path to the nearest unvisited square and looks around there.

    The map is built from the agent's own depth: squares are added as floor comes into view. When none is left, the
    policy falls back to FrontierPolicy: unknown space, then seemingly unreachable floor, then the least-seen views.
    """

    def reset(self, seed: int | None = None) -> None:
        """Clear the map and the squares already targeted."""
        super().reset(seed)
        self._targeted: set[tuple[int, int]] = set()

    def _plans(self) -> dict[str, Any]:
        return {**super()._plans(), "targeted": sorted(self._targeted)}

    def _resume_plans(self, plans: dict[str, Any]) -> None:
        super()._resume_plans(plans)
        self._targeted = {(row, column) for row, column in plans["targeted"]}

    def _next_frontier(self) -> Goal | None:
        """The nearest open cell, by path length, of an unvisited square; frontiers when there is none."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        # Cells next to obstacles cost more, and the agent often cannot reach a goal there.
        open_floor = np.argwhere((self._reach < UNREACHABLE) & (self._costs > WALL) & (self._costs <= 3))
        side = max(1, round(SQUARE / self.map.cell))
        visited = {tuple(square) for square in ((np.argwhere(self.map.stood) + self.map.corner) // side).tolist()}
        path_length = self._reach[tuple(open_floor.T)]
        for index in np.argsort(path_length, kind="stable"):
            cell = (int(open_floor[index, 0]), int(open_floor[index, 1]))
            row, column = self._world(cell)
            square = row // side, column // side
            if square in visited or square in self._targeted:
                continue
            self._targeted.add(square)  # only once: the agent may stop just outside the square
            return self._goal_at(cell, "place", float(path_length[index]) * COST_METRES)
        return super()._next_frontier()
