"""Frontier exploration that continues once the map is complete.

A frontier is known floor next to unknown space (Yamauchi, 1997). The agent heads for near, large frontiers first. When
none is left, it visits the places and headings that it has observed least, at varying pitch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from ..mapping.occupancy_map import FREE, HEADINGS, UNKNOWN, OccupancyMap
from ..mapping.planning import COST_METRES, UNREACHABLE, WALL, distances, walking_costs
from .packed import pack, pack_generator, unpack, unpack_generator
from .walker import Step, Walker

EXPLORING_PITCH = -30.0
"""Camera pitch while exploring, in degrees: the image shows the floor from the feet to the horizon."""
MIN_FRONTIER_CELLS = 3
"""Minimum size of a frontier, in cells; smaller ones are gaps between depth pixels."""
MIN_BLOCKED_CELLS = 15
"""Minimum floor area behind an obstacle, in cells, for the agent to try to get through."""
PITCHES, PITCH_PROBABILITIES = (0.0, -30.0, -60.0, 30.0), (0.45, 0.35, 0.1, 0.1)
"""Pitches at viewpoints, in degrees, and their probabilities: tables and floors are seen best from above."""
RETRY_INTERVAL = 300
"""Actions between retries of abandoned goals once nothing is left to discover. The interval doubles each time, so that
impassable gaps do not use up the episode."""
LOOKS = {"frontier": 2, "blocked": 1, "place": 3, "point": 1}
"""Views taken at each kind of goal."""


@dataclass
class Goal:
    """A place that the agent is heading for."""

    cell: tuple[int, int]
    """(row, column), counted from the world's origin, so that it remains valid when the map grows."""
    kind: str
    """ "frontier": unknown space lies there; "blocked": floor behind an obstacle; "place": a viewpoint; "point": the
    task's (`point_goal`)."""
    patience: int
    """Actions left before the goal is abandoned."""
    looks: int = 0
    """Views taken there so far."""
    age: int = 0
    """Actions since its distances were computed."""
    steps: set[Step] = field(default_factory=set)
    """Steps taken towards the goal. None is taken twice, which prevents loops."""


class FrontierPolicy:
    """Plans on an OccupancyMap built from depth. Deterministic for a given seed and sequence of frames."""

    def __init__(self, camera: Camera, motion: Motion, seed: int = 0) -> None:
        """`camera`: intrinsics of the frames. `motion`: step length and angles of the actions."""
        self.camera, self.motion, self.seed = camera, motion, seed
        self.reset(seed)

    @property
    def map(self) -> OccupancyMap:
        """The occupancy map built so far."""
        return self._walker.map

    def reset(self, seed: int | None = None) -> None:
        """Clear the map and reseed with `seed`, or with the seed of the constructor."""
        self._rng = np.random.default_rng(self.seed if seed is None else seed)
        self._walker = Walker(self.camera, self.motion)
        self._goal: Goal | None = None
        self._excluded: set[tuple[int, int]] = set()
        self._acts, self._retries, self._next_retry = 0, 0, 0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """See `protocol.Resumable`."""
        goal = self._goal
        arrays = {**self._walker.arrays(), "rng": pack_generator(self._rng), "plans": pack(self._plans())}
        if goal is not None:
            plain = {
                "cell": goal.cell, "kind": goal.kind, "patience": goal.patience, "looks": goal.looks, "age": goal.age,
                "steps": sorted(goal.steps),
            }  # fmt: skip
            arrays |= {"goal": pack(plain), "costs": self._costs, "length": self._length}
        return arrays

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """See `protocol.Resumable`."""
        self._walker.restore(arrays)
        self._rng = unpack_generator(arrays["rng"])
        self._resume_plans(unpack(arrays["plans"]))
        if "goal" in arrays:
            plain = unpack(arrays["goal"])
            steps = {(x, z, heading) for x, z, heading in plain.pop("steps")}
            row, column = plain.pop("cell")
            self._goal = Goal(cell=(row, column), steps=steps, **plain)
            self._costs, self._length = arrays["costs"].copy(), arrays["length"].copy()

    def _plans(self) -> dict[str, Any]:
        """What is remembered beside map and goal, as JSON."""
        counts = {"acts": self._acts, "retries": self._retries, "next_retry": self._next_retry}
        return {**counts, "excluded": sorted(self._excluded)}

    def _resume_plans(self, plans: dict[str, Any]) -> None:
        """Remember what `_plans` gave."""
        self._acts, self._retries, self._next_retry = plans["acts"], plans["retries"], plans["next_retry"]
        self._excluded = {(row, column) for row, column in plans["excluded"]}

    def act(self, observation: Frame, info: dict[str, Any]) -> int:
        """Update the map with this Frame and return the next action."""
        if self._walker.see(observation, info) and self._goal is not None:
            self._update_distances()
        if self._acts == 0:
            # Look down first: otherwise the agent's own cell is cut off by unknown space.
            self._walker.look(self.motion.lowest_pitch, EXPLORING_PITCH)
            # The rest of the full turn is already in view.
            unseen = 360.0 - self.camera.horizontal_fov
            self._walker.queue.extend([Action.ROTATE_RIGHT] * int(np.ceil(max(0.0, unseen) / self.motion.turn)))
        self._acts += 1
        if not self._walker.queue:
            self._decide()
        return int(self._walker.queue.popleft())

    def _decide(self) -> None:
        """Queue at least one action."""
        for _ in range(8):  # a new goal may already be reached or unreachable
            if self._goal is None or not self._goal_is_valid():
                self._goal = self._next_frontier() or self._next_blocked()
                if self._goal is None:
                    self._retry_abandoned()
                    self._goal = self._next_place()
                if self._goal is None:
                    break
                self._update_distances()
            if self._arrived():
                self._look_around()
            else:
                self._walker.walk(self._costs, self._length, self._goal.steps)
            if self._walker.queue:
                return
            self._abandon_goal()  # no free step towards it
        self._wander()

    def _goal_is_valid(self) -> bool:
        """Whether the goal is still worth pursuing; refreshes its distances."""
        goal = self._goal
        assert goal is not None
        goal.patience -= 1
        goal.age += 1
        cell = self._local(goal.cell)
        if goal.kind == "blocked" and distances(walking_costs(self.map), *self._walker.here)[cell] < UNREACHABLE:
            return False
        if goal.kind == "frontier":
            near = self.map.state[cell[0] - 1 : cell[0] + 2, cell[1] - 1 : cell[1] + 2]
            if near[1, 1] != FREE or not (near == UNKNOWN).any():
                return False
        if goal.patience < 0 or goal.looks >= LOOKS[goal.kind]:
            self._abandon_goal()
            return False
        if goal.age > 5 or self._length.shape != self.map.seen.shape:
            self._update_distances()
        if self._length[self._walker.here] >= UNREACHABLE:
            self._abandon_goal()
            return False
        return True

    def _abandon_goal(self) -> None:
        """Abandon the goal, and exclude the cells around it from later goals."""
        goal, self._goal = self._goal, None
        assert goal is not None
        if goal.kind == "place":
            return
        row, column = goal.cell
        far = 3 if goal.kind == "frontier" else 10
        self._excluded |= {(row + i, column + j) for i in range(-far, far + 1) for j in range(-far, far + 1)}

    def _retry_abandoned(self) -> None:
        """With nothing left to discover, retry abandoned goals at increasing intervals: a step may succeed from another
        position, and doors may have opened."""
        if self._acts >= self._next_retry:
            self._excluded.clear()
            self._walker.forget_bumps()
            self._next_retry = self._acts + RETRY_INTERVAL * 2**self._retries
            self._retries += 1

    def _update_distances(self) -> None:
        """Recompute the distances to the goal on the current map."""
        assert self._goal is not None
        self._goal.age = 0
        self._costs = walking_costs(self.map, self._goal.kind == "blocked")
        self._length = distances(self._costs, *self._local(self._goal.cell))

    def _next_frontier(self) -> Goal | None:
        """The frontier with the best trade-off of distance and size."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        state = self.map.state
        unknown = state == UNKNOWN
        next_to_unknown = np.zeros_like(unknown)
        next_to_unknown[1:] |= unknown[:-1]
        next_to_unknown[:-1] |= unknown[1:]
        next_to_unknown[:, 1:] |= unknown[:, :-1]
        next_to_unknown[:, :-1] |= unknown[:, 1:]
        edge = next_to_unknown & (state == FREE) & (self._costs != WALL) & (self._reach < UNREACHABLE)
        return self._nearest_component(edge, self._reach, MIN_FRONTIER_CELLS, "frontier")

    def _next_blocked(self) -> Goal | None:
        """Floor that has been seen but lies behind a gap that looks too narrow, or a closed door."""
        blocked = (self._costs != WALL) & (self._reach >= UNREACHABLE)
        if not blocked.any():
            return None
        length = distances(walking_costs(self.map, allow_contact=True), *self._walker.here)
        return self._nearest_component(
            blocked, length, MIN_BLOCKED_CELLS if self._retries < 2 else MIN_FRONTIER_CELLS, "blocked"
        )

    def _nearest_component(
        self, cells: NDArray[np.bool_], length: NDArray[np.int32], min_cells: int, kind: str
    ) -> Goal | None:
        """The nearest cell of the connected component of `cells` with the best trade-off of distance and size."""
        cells = cells & (length < UNREACHABLE)
        if self._excluded:
            excluded = np.array(list(self._excluded)) - self.map.corner
            excluded = excluded[((excluded >= 0) & (excluded < cells.shape)).all(1)]
            cells[tuple(excluded.T)] = False
        parts, count = ndimage.label(cells, np.ones((3, 3)))
        if not count:
            return None
        where, part, distance = np.argwhere(cells), parts[cells], length[cells]
        order = np.argsort(distance, kind="stable")
        numbers, nearest = np.unique(part[order], return_index=True)
        size = np.bincount(part, minlength=count + 1)[numbers]
        metres = distance[order[nearest]] * COST_METRES
        score = np.where(size >= min_cells, self._cost(metres, size, where[order[nearest]]), np.inf)
        best = int(np.argmin(score))
        if not np.isfinite(score[best]):
            return None
        row, column = where[order[nearest[best]]]
        return self._goal_at((int(row), int(column)), kind, float(metres[best]))

    def _cost(
        self, metres: NDArray[np.floating], size: NDArray[np.int64], cells: NDArray[np.int64]
    ) -> NDArray[np.floating]:
        """Cost of each component, in metres, the least first: path to its nearest cell (row, column), less for size."""
        return metres - 0.05 * np.minimum(size, 40)

    def _next_place(self) -> Goal | None:
        """Of randomly sampled places, the one with the fewest views and the shortest path."""
        self._costs = walking_costs(self.map)
        self._reach = distances(self._costs, *self._walker.here)
        open_floor = np.argwhere((self._reach < UNREACHABLE) & (self._costs > WALL) & (self._costs <= 3))
        if len(open_floor) < MIN_BLOCKED_CELLS:
            return None
        candidates = open_floor[self._rng.integers(len(open_floor), size=64)]
        views = 49 * ndimage.uniform_filter(self.map.views.sum(0, dtype=np.float32), 7, mode="constant")
        metres = self._reach[tuple(candidates.T)] * COST_METRES
        best = int(np.argmin(views[tuple(candidates.T)] + 0.5 * metres))
        return self._goal_at((int(candidates[best, 0]), int(candidates[best, 1])), "place", float(metres[best]))

    def _goal_at(self, cell: tuple[int, int], kind: str, metres: float) -> Goal:
        return Goal(self._world(cell), kind, patience=24 + int(4 * metres / self.motion.step))

    def _arrived(self) -> bool:
        assert self._goal is not None
        near = 0.0 if self._goal.kind == "blocked" else max(0.2, 0.8 * self.motion.step)
        return bool(self._length[self._walker.here] * COST_METRES <= near)

    def _look_around(self) -> None:
        """At the goal: face the unknown space, or the heading with the fewest views."""
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
            else:  # at the floor in front of the agent
                self._walker.look(self.motion.lowest_pitch, EXPLORING_PITCH)
        elif goal.kind == "place":
            self._walker.turn_to(self._least_seen_heading())
            self._walker.look(float(self._rng.choice(PITCHES, p=PITCH_PROBABILITIES)))

    def _least_seen_heading(self) -> float:
        """The yaw with the fewest views from around here, excluding those that face an obstacle within 0.7 m."""
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
        """No goal is reachable: clear the blocked cells and move in a random direction."""
        self._goal = None
        self._walker.forget_bumps()
        self._walker.turn_by(int(self._rng.integers(1, round(360 / self.motion.turn) + 1)))
        self._walker.queue.append(Action.MOVE_AHEAD)

    def _world(self, cell: tuple[int, int]) -> tuple[int, int]:
        """Map cell to (row, column) counted from the world's origin."""
        return int(cell[0] + self.map.corner[0]), int(cell[1] + self.map.corner[1])

    def _local(self, cell: tuple[int, int]) -> tuple[int, int]:
        """(row, column) counted from the world's origin to a cell of the current map."""
        return int(cell[0] - self.map.corner[0]), int(cell[1] - self.map.corner[1])
