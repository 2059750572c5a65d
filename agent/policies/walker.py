"""Low-level control: the agent's position on its map, and the actions that turn, tilt and move it along a path."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ...envs.gym_envs.motion import Action, Motion
from ..mapping.occupancy_map import OccupancyMap
from ..mapping.planning import clear_line, waypoint
from .packed import pack, unpack

Step = tuple[int, int, int]
"""A MoveAhead attempt: position (to 5 cm) and heading."""


class Walker:
    """Holds the map, the pose and the queue of pending actions. Call `see` first."""

    def __init__(self, camera: Camera, motion: Motion) -> None:
        self.motion = motion
        self.map = OccupancyMap(camera)
        self.queue: deque[Action] = deque()
        """Pending actions."""
        self.bumps: set[Step] = set()
        """Steps that were blocked."""
        self.pose: NDArray[np.float64] = np.zeros(6)
        """The camera's pose in the last Frame."""
        self._turns = max(1, round(360 / motion.turn))

    def see(self, observation: Frame, info: dict[str, Any]) -> bool:
        """Process a Frame; returns whether the last step was blocked, which clears the queue."""
        self.pose = observation["pose"].astype(np.float64)
        self.map.update(observation)
        if not info.get("collision"):
            return False
        x, _, z, yaw = self.pose[:4]
        self.bumps.add(self._step(yaw))
        self.map.block(x + self.motion.step * np.sin(np.radians(yaw)), z - self.motion.step * np.cos(np.radians(yaw)))
        self.queue.clear()
        return True

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state, for checkpoints."""
        plain = {"queue": [int(action) for action in self.queue], "bumps": sorted(self.bumps)}
        return {**self.map.arrays(), "walker": pack(plain), "walker_pose": self.pose}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore the state that `arrays` returned."""
        self.map.restore(arrays)
        plain = unpack(arrays["walker"])
        self.queue = deque(Action(number) for number in plain["queue"])
        self.bumps = {(x, z, heading) for x, z, heading in plain["bumps"]}
        self.pose = arrays["walker_pose"].copy()

    def forget_bumps(self) -> None:
        """Allow blocked steps and cells again."""
        self.bumps.clear()
        self.map.blocked[:] = False

    @property
    def here(self) -> tuple[int, int]:
        """(row, column) of the agent's cell."""
        return self.map.to_cell(self.pose[0], self.pose[2])

    @property
    def exact(self) -> tuple[float, float]:
        """(row, column) of the agent's position, not rounded."""
        corner, cell = self.map.corner, self.map.cell
        return float(self.pose[2] / cell - corner[0]), float(self.pose[0] / cell - corner[1])

    def yaw_to(self, row: float, column: float) -> float:
        """Yaw, in degrees, from the agent to a place on the map."""
        r, c = self.exact
        return float(np.degrees(np.arctan2(column - c, r - row)))

    def walk(self, costs: NDArray[np.uint8], length: NDArray[np.int32], taken: set[Step]) -> bool:
        """Queue a turn or a step along the path on which `length` (see planning.distances) falls to 0.

        Returns False if no step is free. Steps in `taken` are not repeated; a new step is added to it.
        """
        row, column = waypoint(costs, length, *self.exact, 12)
        target_yaw = self.yaw_to(row + 0.5, column + 0.5)
        best: tuple[float, int] | None = None
        for turns in range(-(self._turns // 2), self._turns - self._turns // 2):
            yaw = self.pose[3] + turns * self.motion.turn
            off = abs((yaw - target_yaw + 180.0) % 360.0 - 180.0)
            # Prefer to stay on course: it saves a turn and a turn back.
            cost = off + 0.5 * abs(turns) - (0.1 * self.motion.turn if turns == 0 else 0.0)
            if off > 100.0 or (best is not None and cost >= best[0]) or self._step(yaw) in self.bumps | taken:
                continue
            if self._step_is_free(yaw, costs, length):
                best = cost, turns
        if best is None:
            return False
        if best[1]:
            self.turn_by(best[1])
        else:
            taken.add(self._step(self.pose[3]))
            self.queue.append(Action.MOVE_AHEAD)
        return True

    def _step_is_free(self, yaw: float, costs: NDArray[np.uint8], length: NDArray[np.int32]) -> bool:
        """Whether a step along `yaw` is free on the current map and does not lead away from the goal."""
        r, c = self.exact
        step = self.motion.step / self.map.cell
        end = r - step * np.cos(np.radians(yaw)), c + step * np.sin(np.radians(yaw))
        if not clear_line(costs, 255, r, c, *end):
            return False
        return bool(length[int(np.floor(end[0])), int(np.floor(end[1]))] <= length[self.here] + 5)

    def _step(self, yaw: float) -> Step:
        heading = round(yaw / self.motion.turn) % self._turns
        return round(self.pose[0] / 0.05), round(self.pose[2] / 0.05), heading

    def turn_by(self, turns: int) -> None:
        """Turn right by this many turn actions (left if negative), in the shorter direction."""
        turns = (turns + self._turns // 2) % self._turns - self._turns // 2
        self.queue.extend([Action.ROTATE_RIGHT if turns > 0 else Action.ROTATE_LEFT] * abs(turns))

    def turn_to(self, yaw: float) -> None:
        """Turn to a yaw in degrees, rounded to whole turn actions."""
        off = (yaw - self.pose[3] + 180.0) % 360.0 - 180.0
        self.turn_by(round(off / self.motion.turn))

    def look(self, *pitches: float) -> None:
        """Tilt to each pitch in sequence, in degrees, rounded to whole look actions."""
        now = float(self.pose[4])
        for pitch in pitches:
            target = float(np.clip(pitch, self.motion.lowest_pitch, self.motion.highest_pitch))
            looks = round((target - now) / self.motion.look)
            self.queue.extend([Action.LOOK_UP if looks > 0 else Action.LOOK_DOWN] * abs(looks))
            now += looks * self.motion.look
