"""Curiosity: look again where the learner predicts badly. The learner's own masked loss is the map.

The live agent calls `attach_learner` with a function that says how badly the learner predicts a Frame. Until it does,
and until the learner's first step, the agent explores as FrontierPolicy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Motion
from ..mapping.planning import FAR, UNIT, WALL, distances, walking_costs
from .frontier import EXPLORING_PITCH, LOOKS, FrontierPolicy, _Goal

Surprise = Callable[[Frame], float | None]
"""How badly the learner predicts a Frame; None while it has learned nothing."""
EVERY = 4
"""One frame in so many is asked about: neighbouring views are alike."""
SQUARE, HEADINGS = 1.0, 4
"""Side of the squares of the map of surprise, in metres, and the directions in each: views this near are alike."""
DRAWN = 64
"""Places drawn at random among which the most surprising view is taken."""
METRE, ASKED = 0.05, 0.5
"""What a metre of way costs, and the root of the times a view was asked for, in standard deviations of surprise.

Some views stay surprising for ever; without the second the agent would stare at a carpet's pattern."""


class CuriosityPolicy(FrontierPolicy):
    """Explores by frontiers; then goes where views surprised the learner most, by square and heading.

    Views never asked about count as more surprising than nine in ten of those that were.
    """

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        self._surprise: Surprise | None = None
        super().__init__(camera, motion, seed)

    def attach_learner(self, surprise: Surprise) -> None:
        """Use this learner's surprise from now on; kept over `reset`."""
        self._surprise = surprise

    def reset(self, seed: int | None = None) -> None:
        """Forget the map, that of surprise included."""
        super().reset(seed)
        self.surprises: dict[tuple[int, int, int], tuple[float, int]] = {}
        """Last surprise, and times asked about, by square (row, column) and heading."""
        self._heading: int | None = None

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action; one frame in EVERY is shown to the learner first."""
        if self._surprise is not None and self._acts % EVERY == 0:
            value = self._surprise(observation)
            if value is not None:
                self._note(observation, value)
        return super().act(observation, info)

    def _note(self, observation: Frame, value: float) -> None:
        x, _, z, yaw = (float(number) for number in observation["pose"][:4])
        key = int(np.floor(z / SQUARE)), int(np.floor(x / SQUARE)), round(yaw * HEADINGS / 360) % HEADINGS
        self.surprises[key] = value, self.surprises.get(key, (0.0, 0))[1] + 1

    def _next_place(self) -> _Goal | None:
        """The place, and the heading there, of the most surprise for its way; as FrontierPolicy before there is any."""
        self._heading = None
        if not self.surprises:
            return super()._next_place()
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        open_floor = np.argwhere((self._reach < FAR) & (self._costs > WALL) & (self._costs <= 3))
        if not len(open_floor):
            return None
        known = np.array([value for value, _ in self.surprises.values()])
        unasked, spread = float(np.quantile(known, 0.9)), float(known.std()) or 1.0
        drawn = open_floor[self._rng.integers(len(open_floor), size=DRAWN)]
        squares = np.floor((drawn + self.map.corner + 0.5) * self.map.cell / SQUARE).astype(int)
        metres = self._reach[tuple(drawn.T)] * UNIT
        worth = np.empty((DRAWN, HEADINGS))
        for k, (row, column) in enumerate(squares.tolist()):
            for heading in range(HEADINGS):
                value, asked = self.surprises.get((row, column, heading), (unasked, 0))
                worth[k, heading] = value / spread - ASKED * np.sqrt(asked)
        worth -= METRE * metres[:, None]
        best, self._heading = (int(i) for i in np.unravel_index(int(np.argmax(worth)), worth.shape))
        return self._goal_at((int(drawn[best, 0]), int(drawn[best, 1])), "place", float(metres[best]))

    def _look_about(self) -> None:
        """Arrived: the surprising view, and on; elsewhere as FrontierPolicy does."""
        goal = self._goal
        assert goal is not None
        if goal.kind != "place" or self._heading is None:
            super()._look_about()
            return
        goal.looks = LOOKS["place"]
        self._walker.turn_to(self._heading * 360.0 / HEADINGS)
        self._walker.look(0.0, EXPLORING_PITCH)
        self._heading = None
