"""Curiosity: revisit the views that the learner predicts worst, as measured by its own masked loss.

The live agent passes `attach_learner` a function that returns the learner's loss on a Frame. Before that, and before
the learner's first step, the policy explores like FrontierPolicy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Motion
from ..mapping.planning import COST_METRES, UNREACHABLE, WALL, distances, walking_costs
from .frontier import EXPLORING_PITCH, LOOKS, FrontierPolicy, Goal

Surprise = Callable[[Frame], float | None]
"""The learner's loss on a Frame; None before its first step."""
SURPRISE_INTERVAL = 4
"""Surprise is measured on every fourth frame: consecutive views are similar."""
SQUARE, HEADINGS = 1.0, 4
"""Resolution of the surprise map: side of its squares in metres, and headings per square."""
CANDIDATES = 64
"""Places sampled at random, from which the most surprising view is chosen."""
PATH_PENALTY, REPEAT_PENALTY = 0.05, 0.5
"""Penalties, in standard deviations of surprise: for each metre of path, and for the square root of earlier queries.

The second keeps the agent from staring at views that remain unpredictable, such as a carpet's pattern."""


class CuriosityPolicy(FrontierPolicy):
    """Explores frontiers first, then visits the squares and headings with the highest surprise.

    Views that were never queried are assigned the 90th percentile of the known surprises.
    """

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        self._surprise: Surprise | None = None
        super().__init__(camera, motion, seed)

    def attach_learner(self, surprise: Surprise) -> None:
        """Use this learner's surprise from now on; `reset` keeps it."""
        self._surprise = surprise

    def reset(self, seed: int | None = None) -> None:
        """Clear the occupancy map and the surprise map."""
        super().reset(seed)
        self.surprises: dict[tuple[int, int, int], tuple[float, int]] = {}
        """Latest surprise and number of queries, by square (row, column) and heading."""
        self._heading: int | None = None

    def _plans(self) -> dict[str, Any]:
        surprises = [[*key, *value] for key, value in self.surprises.items()]
        return {**super()._plans(), "surprises": surprises, "heading": self._heading}

    def _resume_plans(self, plans: dict[str, Any]) -> None:
        super()._resume_plans(plans)
        self.surprises = {(row, column, heading): (s, count) for row, column, heading, s, count in plans["surprises"]}
        self._heading = plans["heading"]

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action; every SURPRISE_INTERVAL-th frame updates the surprise map first."""
        if self._surprise is not None and self._acts % SURPRISE_INTERVAL == 0:
            value = self._surprise(observation)
            if value is not None:
                self._record_surprise(observation, value)
        return super().act(observation, info)

    def _record_surprise(self, observation: Frame, value: float) -> None:
        x, _, z, yaw = (float(number) for number in observation["pose"][:4])
        key = int(np.floor(z / SQUARE)), int(np.floor(x / SQUARE)), round(yaw * HEADINGS / 360) % HEADINGS
        self.surprises[key] = value, self.surprises.get(key, (0.0, 0))[1] + 1

    def _next_place(self) -> Goal | None:
        """The place and heading with the best trade-off of surprise and path length."""
        self._heading = None
        if not self.surprises:
            return super()._next_place()
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        open_floor = np.argwhere((self._reach < UNREACHABLE) & (self._costs > WALL) & (self._costs <= 3))
        if not len(open_floor):
            return None
        known = np.array([value for value, _ in self.surprises.values()])
        unqueried, spread = float(np.quantile(known, 0.9)), float(known.std()) or 1.0
        candidates = open_floor[self._rng.integers(len(open_floor), size=CANDIDATES)]
        squares = np.floor((candidates + self.map.corner + 0.5) * self.map.cell / SQUARE).astype(int)
        metres = self._reach[tuple(candidates.T)] * COST_METRES
        scores = np.empty((CANDIDATES, HEADINGS))
        for k, (row, column) in enumerate(squares.tolist()):
            for heading in range(HEADINGS):
                value, queries = self.surprises.get((row, column, heading), (unqueried, 0))
                scores[k, heading] = value / spread - REPEAT_PENALTY * np.sqrt(queries)
        scores -= PATH_PENALTY * metres[:, None]
        best, self._heading = (int(i) for i in np.unravel_index(int(np.argmax(scores)), scores.shape))
        return self._goal_at((int(candidates[best, 0]), int(candidates[best, 1])), "place", float(metres[best]))

    def _look_around(self) -> None:
        """At a surprising place, take that one view; at other goals look around like FrontierPolicy."""
        goal = self._goal
        assert goal is not None
        if goal.kind != "place" or self._heading is None:
            super()._look_around()
            return
        goal.looks = LOOKS["place"]
        self._walker.turn_to(self._heading * 360.0 / HEADINGS)
        self._walker.look(0.0, EXPLORING_PITCH)
        self._heading = None
