"""Navigation to a point on the agent's own map: the built-in answer to the task `PointGoal`.

The agent knows the straight line to its goal (`observation["goal"]`) and nothing of the house. It walks there if the
map shows a way; otherwise to the frontier with the least path to it and straight line from it to the goal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.gym_envs.motion import DONE
from ..mapping.planning import COST_METRES, UNREACHABLE, walking_costs
from ..mapping.planning import distances as path_lengths
from .frontier import FrontierPolicy, Goal
from .protocol import PolicyError

ARRIVED = 0.3
"""Distance from the goal at which the agent says that it has arrived, in metres; the task allows 0.4."""


class PointGoalPolicy(FrontierPolicy):
    """Deterministic for a given sequence of frames. Constructed as FrontierPolicy."""

    def reset(self, seed: int | None = None) -> None:
        """See `FrontierPolicy.reset`."""
        super().reset(seed)
        self._point = np.zeros(2)  # (x, z), metres

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action, or Done at the goal. PolicyError without `observation["goal"]`, metres and degrees."""
        if "goal" not in observation or np.shape(observation["goal"]) != (2,):
            raise PolicyError("point-goal needs a task that gives a point as goal: testspace navigate --task point")
        metres, bearing = np.asarray(observation["goal"], np.float64)
        if metres <= ARRIVED:
            return DONE
        x, _, z, yaw = observation["pose"][:4].astype(np.float64)
        heading = np.radians(yaw + bearing)
        self._point = np.array([x + metres * np.sin(heading), z - metres * np.cos(heading)])
        return super().act(observation, info)

    def _next_frontier(self) -> Goal | None:
        """The goal itself where the map shows a way to it, else the best frontier towards it."""
        return self._way_to_the_point() or super()._next_frontier()

    def _way_to_the_point(self) -> Goal | None:
        self._costs = walking_costs(self.map)  # of the newest map, for the next step too
        cell = self.map.to_cell(*self._point)
        if not all(0 <= at < size for at, size in zip(cell, self._costs.shape, strict=True)):
            return None
        length = path_lengths(self._costs, *self._walker.here)[cell]
        return self._goal_at(cell, "point", float(length) * COST_METRES) if length < UNREACHABLE else None

    def _goal_is_valid(self) -> bool:
        """As for exploring; and a frontier is left as soon as the map shows a way to the goal."""
        if self._goal is not None and self._goal.kind == "frontier" and self._way_to_the_point() is not None:
            return False
        return super()._goal_is_valid()

    def _arrived(self) -> bool:
        """Never at the point itself: `act` sees that."""
        assert self._goal is not None
        return self._goal.kind != "point" and super()._arrived()

    def _cost(
        self, metres: NDArray[np.floating], size: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> NDArray[np.floating]:
        """Path to the frontier, and from there the straight line to the goal, in metres."""
        places = (cells + 0.5 + self.map.corner)[:, ::-1] * self.map.cell  # (x, z)
        return metres + np.linalg.norm(places - self._point, axis=1)
