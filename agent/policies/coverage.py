"""Coverage by shortest paths: visit every square of 2 m of the floor that is known once, the nearest first."""

from __future__ import annotations

import numpy as np

from ..mapping.planning import FAR, UNIT, WALL, distances, walking_costs
from .frontier import FrontierPolicy, _Goal

SQUARE = 2.0
"""Side of the squares that are each visited once, in metres."""


class CoveragePolicy(FrontierPolicy):
    """Goes by the shortest way to the nearest square it has not stood in, and looks about there.

    Its map is its own, made from its depth: squares are added as floor comes into view. When none is left it goes on
    as FrontierPolicy does: to what is unknown, to what seems out of reach, and then to what it has seen least.
    """

    def reset(self, seed: int | None = None) -> None:
        """Forget the map, and where it has set out for."""
        super().reset(seed)
        self._set_out: set[tuple[int, int]] = set()

    def _next_frontier(self) -> _Goal | None:
        """The nearest open cell, by way, of a square without a cell that the agent has stood in; then frontiers."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        # Cells beside obstacles are dear, and a goal there is often refused.
        open_floor = np.argwhere((self._reach < FAR) & (self._costs > WALL) & (self._costs <= 3))
        side = max(1, round(SQUARE / self.map.cell))
        visited = {tuple(square) for square in ((np.argwhere(self.map.stood) + self.map.corner) // side).tolist()}
        away = self._reach[tuple(open_floor.T)]
        for index in np.argsort(away, kind="stable"):
            cell = (int(open_floor[index, 0]), int(open_floor[index, 1]))
            row, column = self._world(cell)
            square = row // side, column // side
            if square in visited or square in self._set_out:
                continue
            self._set_out.add(square)  # once: arriving is to come near enough, which may be beside it
            return self._goal_at(cell, "place", float(away[index]) * UNIT)
        return super()._next_frontier()
