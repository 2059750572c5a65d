"""Explore by frontiers, then go on living: never run out of places to look at.

A frontier is known floor beside unknown space (Yamauchi, 1997). The agent heads for the one that is near and large,
and when none is left, for the places and headings that it has seen least, looking up and down as it goes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from ..mapping.occupancy_map import FREE, HEADINGS, UNKNOWN, OccupancyMap
from ..mapping.planning import FAR, UNIT, WALL, distances, walking_costs
from .walker import Step, Walker

EXPLORING_PITCH = -30.0
"""Looking down while exploring shows the floor from the feet to the horizon, in degrees."""
SMALLEST_FRONTIER = 3
"""Frontiers of fewer cells are chinks between pixels, not ways on."""
SMALLEST_BEYOND = 15
"""As much floor must lie beyond a gap, in cells, for the agent to try and get through."""
PITCHES, PITCH_CHANCES = (0.0, -30.0, -60.0, 30.0), (0.45, 0.35, 0.1, 0.1)
"""Where the agent looks while it lives, in degrees, and how often: tables and floors are seen best from above."""
RETRY = 300
"""Actions after which the agent, with nothing left to discover, tries once more what it has given up; each further
wait is twice as long, or chinks that nobody fits through would take up much of a life."""
LOOKS = {"frontier": 2, "beyond": 1, "place": 3}
"""Looks taken at each kind of goal."""


@dataclass
class _Goal:
    """Where the agent is heading."""

    cell: tuple[int, int]
    """(row, column), counted from the world's origin, so that it holds when the map grows."""
    kind: str
    """ "frontier": something unknown lies there; "beyond": floor that no free way leads to; "place": to look from."""
    patience: int
    """Actions left before it is given up."""
    looks: int = 0
    """Looks taken there so far."""
    age: int = 0
    """Actions since its distances were computed."""
    steps: set[Step] = field(default_factory=set)
    """Steps taken towards it: none is taken twice, so that there is no walking in circles."""


class FrontierPolicy:
    """Plans on an OccupancyMap made from its own depth; the same seed and frames give the same actions."""

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        """`camera` takes the frames, `motion` says how far actions go."""
        self.camera, self.motion, self.seed = camera, motion, seed
        self.reset(seed)

    @property
    def map(self) -> OccupancyMap:
        """What the policy knows of the house."""
        return self._walker.map

    def reset(self, seed: int | None = None) -> None:
        """Forget the map; decide by `seed` from here on, or by the seed the policy was made with."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)
        self._walker = Walker(self.camera, self.motion)
        self._goal: _Goal | None = None
        self._tried: set[tuple[int, int]] = set()
        self._acts, self._round, self._retry = 0, 0, 0

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """The next action, from what the map knows after this Frame."""
        if self._walker.see(observation, info) and self._goal is not None:
            self._measure()
        if self._acts == 0:
            # Its feet first, or it would stand on an island in the unknown.
            self._walker.look(self.motion.lowest_pitch, EXPLORING_PITCH)
            # What is left of the circle is in the picture already.
            unseen = 360.0 - self.camera.horizontal_fov
            self._walker.queue.extend([Action.ROTATE_RIGHT] * int(np.ceil(max(0.0, unseen) / self.motion.turn)))
        self._acts += 1
        if not self._walker.queue:
            self._decide()
        return int(self._walker.queue.popleft())

    def _decide(self) -> None:
        """Put at least one action into the queue."""
        for _ in range(8):  # a goal may turn out to be reached, or out of reach, at once
            if self._goal is None or not self._worth_going():
                self._goal = self._next_frontier() or self._next_beyond()
                if self._goal is None:
                    self._try_again()
                    self._goal = self._next_place()
                if self._goal is None:
                    break
                self._measure()
            if self._arrived():
                self._look_about()
            else:
                self._walker.walk(self._costs, self._length, self._goal.steps)
            if self._walker.queue:
                return
            self._give_up()  # no step leads there
        self._wander()

    def _worth_going(self) -> bool:
        """Whether the goal still stands; keeps its distances fresh."""
        goal = self._goal
        assert goal is not None
        goal.patience -= 1
        goal.age += 1
        cell = self._local(goal.cell)
        if goal.kind == "beyond" and distances(walking_costs(self.map), *self._walker.here)[cell] < FAR:
            return False
        if goal.kind == "frontier":
            near = self.map.state[cell[0] - 1 : cell[0] + 2, cell[1] - 1 : cell[1] + 2]
            if near[1, 1] != FREE or not (near == UNKNOWN).any():
                return False
        if goal.patience < 0 or goal.looks >= LOOKS[goal.kind]:
            self._give_up()
            return False
        if goal.age > 5 or self._length.shape != self.map.seen.shape:
            self._measure()
        if self._length[self._walker.here] >= FAR:
            self._give_up()
            return False
        return True

    def _give_up(self) -> None:
        """Drop the goal, and look no more for what is unknown or beyond reach around it."""
        goal, self._goal = self._goal, None
        assert goal is not None
        if goal.kind == "place":
            return
        row, column = goal.cell
        far = 3 if goal.kind == "frontier" else 10
        self._tried |= {(row + i, column + j) for i in range(-far, far + 1) for j in range(-far, far + 1)}

    def _try_again(self) -> None:
        """With nothing left to discover, give what was given up another chance, at once and then every while: from
        another place a step may fit where it did not, and doors may have opened."""
        if self._acts >= self._retry:
            self._tried.clear()
            self._walker.forget_bumps()
            self._retry = self._acts + RETRY * 2**self._round
            self._round += 1

    def _measure(self) -> None:
        """Distances to the goal over what is known now."""
        assert self._goal is not None
        self._goal.age = 0
        self._costs = walking_costs(self.map, self._goal.kind == "beyond")
        self._length = distances(self._costs, *self._local(self._goal.cell))

    def _next_frontier(self) -> _Goal | None:
        """The frontier with the best mixture of near and large."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        state = self.map.state
        unknown = state == UNKNOWN
        beside = np.zeros_like(unknown)
        beside[1:] |= unknown[:-1]
        beside[:-1] |= unknown[1:]
        beside[:, 1:] |= unknown[:, :-1]
        beside[:, :-1] |= unknown[:, 1:]
        edge = beside & (state == FREE) & (self._costs != WALL) & (self._reach < FAR)
        return self._nearest_part(edge, self._reach, SMALLEST_FRONTIER, "frontier")

    def _next_beyond(self) -> _Goal | None:
        """Floor that has been seen and that only what looks too narrow, or shut, keeps from the agent."""
        apart = (self._costs != WALL) & (self._reach >= FAR)
        if not apart.any():
            return None
        length = distances(walking_costs(self.map, daring=True), *self._walker.here)
        return self._nearest_part(apart, length, SMALLEST_BEYOND if self._round < 2 else SMALLEST_FRONTIER, "beyond")

    def _nearest_part(
        self, cells: NDArray[np.bool_], length: NDArray[np.int32], smallest: int, kind: str
    ) -> _Goal | None:
        """Among the connected parts of `cells` not tried yet, the nearest cell of one that is near and large."""
        cells = cells & (length < FAR)
        if self._tried:
            tried = np.array(list(self._tried)) - self.map.corner
            tried = tried[((tried >= 0) & (tried < cells.shape)).all(1)]
            cells[tuple(tried.T)] = False
        parts, count = ndimage.label(cells, np.ones((3, 3)))
        if not count:
            return None
        where, part, away = np.argwhere(cells), parts[cells], length[cells]
        order = np.argsort(away, kind="stable")
        numbers, nearest = np.unique(part[order], return_index=True)
        size = np.bincount(part, minlength=count + 1)[numbers]
        metres = away[order[nearest]] * UNIT
        score = np.where(size >= smallest, metres - 0.05 * np.minimum(size, 40), np.inf)
        best = int(np.argmin(score))
        if not np.isfinite(score[best]):
            return None
        row, column = where[order[nearest[best]]]
        return self._goal_at((int(row), int(column)), kind, float(metres[best]))

    def _next_place(self) -> _Goal | None:
        """Among some places drawn at random, the one seen least from, near ones first."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        open_floor = np.argwhere((self._reach < FAR) & (self._costs > WALL) & (self._costs <= 3))
        if len(open_floor) < SMALLEST_BEYOND:
            return None
        drawn = open_floor[self._rng.integers(len(open_floor), size=64)]
        views = 49 * ndimage.uniform_filter(self.map.views.sum(0, dtype=np.float32), 7, mode="constant")
        metres = self._reach[tuple(drawn.T)] * UNIT
        best = int(np.argmin(views[tuple(drawn.T)] + 0.5 * metres))
        return self._goal_at((int(drawn[best, 0]), int(drawn[best, 1])), "place", float(metres[best]))

    def _goal_at(self, cell: tuple[int, int], kind: str, metres: float) -> _Goal:
        return _Goal(self._world(cell), kind, patience=24 + int(4 * metres / self.motion.step))

    def _arrived(self) -> bool:
        assert self._goal is not None
        near = 0.0 if self._goal.kind == "beyond" else max(0.2, 0.8 * self.motion.step)
        return bool(self._length[self._walker.here] * UNIT <= near)

    def _look_about(self) -> None:
        """Arrived: look into the unknown, or to where one has looked least from here."""
        goal = self._goal
        assert goal is not None
        goal.looks += 1
        if goal.kind == "frontier":
            row, column = self._local(goal.cell)
            near = self.map.state[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4] == UNKNOWN
            middle = np.argwhere(near).mean(0) + np.array([max(0, row - 3) + 0.5, max(0, column - 3) + 0.5])
            self._walker.turn_to(self._walker.yaw_to(middle[0], middle[1]))
            if goal.looks == 1:
                self._walker.look(EXPLORING_PITCH)
            else:  # at one's feet
                self._walker.look(self.motion.lowest_pitch, EXPLORING_PITCH)
        elif goal.kind == "place":
            self._walker.turn_to(self._least_seen_heading())
            self._walker.look(float(self._rng.choice(PITCHES, p=PITCH_CHANCES)))

    def _least_seen_heading(self) -> float:
        """The yaw least looked to from about here, among those that do not face a wall within 0.7 m."""
        row, column = self._walker.here
        window = np.s_[:, max(0, row - 3) : row + 4, max(0, column - 3) : column + 4]
        views = self.map.views[window].sum((1, 2)).astype(np.float64) + self._rng.uniform(0, 0.5, HEADINGS)
        r, c = self._walker.exact
        yaws = np.radians(np.arange(HEADINGS) * 360 / HEADINGS)
        reach = 0.7 / self.map.cell
        for k, yaw in enumerate(yaws):
            ahead = np.linspace(0.3, 1.0, 6) * reach
            cells = np.floor([r - ahead * np.cos(yaw), c + ahead * np.sin(yaw)]).astype(np.int64)
            inside = (cells >= 0).all(0) & (cells[0] < self.map.hit.shape[0]) & (cells[1] < self.map.hit.shape[1])
            if self.map.hit[tuple(cells[:, inside])].any():
                views[k] += 1e6
        return float(np.argmin(views)) * 360 / HEADINGS

    def _wander(self) -> None:
        """Nothing known leads anywhere: forget what was blocked and go somewhere else."""
        self._goal = None
        self._walker.forget_bumps()
        self._walker.turn_by(int(self._rng.integers(1, round(360 / self.motion.turn) + 1)))
        self._walker.queue.append(Action.MOVE_AHEAD)

    def _world(self, cell: tuple[int, int]) -> tuple[int, int]:
        """A cell of the map, counted from the world's origin."""
        return int(cell[0] + self.map.corner[0]), int(cell[1] + self.map.corner[1])

    def _local(self, cell: tuple[int, int]) -> tuple[int, int]:
        """A cell counted from the world's origin, in the map as it is now."""
        return int(cell[0] - self.map.corner[0]), int(cell[1] - self.map.corner[1])
