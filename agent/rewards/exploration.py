"""Exploration rewards: coverage gained, and rarely seen views."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...core.pose_cells import pose_cells
from ...envs.floor import ReachableFloor
from ..mapping.occupancy_map import OccupancyMap

Step = tuple[Frame, float, bool, bool, dict[str, Any]]
"""Return value of `step`."""


class CoverageReward(gymnasium.Wrapper[Frame, Any, Frame, Any]):
    """Rewards reachable floor that the agent observes for the first time in the episode.

    A step's reward is `scale` times the gain in `occupancy_map.coverage`, minus `collision_penalty` for a blocked move:
    without collisions, the rewards of an episode sum to `scale` times the coverage gained after its first Frame.
    `info["coverage"]` is the coverage so far, 0 to 1. Only the reward uses the ground-truth floor.
    """

    def __init__(self, env: gymnasium.Env[Frame, Any], scale: float = 100.0, collision_penalty: float = 0.0) -> None:
        """`env`: HouseEnv, or a wrapper of it that does not modify Frames."""
        super().__init__(env)
        self.scale, self.collision_penalty = scale, collision_penalty

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode with the coverage of its first Frame."""
        frame, info = self.env.reset(seed=seed, options=options)
        body: Any = self.env.unwrapped
        floor: ReachableFloor = body.floor
        self._map = OccupancyMap(body.camera)
        # Map cells are larger than floor cells: count how many floor cells each one represents.
        centres = floor.from_cells(np.argwhere(floor.reachable))
        cells = np.floor(centres[:, ::-1] / self._map.cell).astype(np.int64)
        self._unseen, self._weight = np.unique(cells, axis=0, return_counts=True)
        self._total = len(centres)
        self._see(frame)
        return frame, {**info, "coverage": self.coverage}

    def step(self, action: Any) -> Step:
        """Take one action; the reward is the coverage gained."""
        frame, _, terminated, truncated, info = self.env.step(action)
        reward = self.scale * self._see(frame) - self.collision_penalty * bool(info["collision"])
        return frame, reward, terminated, truncated, {**info, "coverage": self.coverage}

    @property
    def coverage(self) -> float:
        """Fraction of the reachable floor observed in this episode, 0 to 1."""
        return 1.0 - float(self._weight.sum()) / self._total

    def _see(self, frame: Frame) -> float:
        """Integrate a Frame; returns the coverage gained."""
        known = self._map
        known.update(frame)
        rows, columns = (self._unseen - known.corner).T
        inside = (rows >= 0) & (columns >= 0) & (rows < known.seen.shape[0]) & (columns < known.seen.shape[1])
        fresh = np.zeros(len(rows), np.bool_)
        fresh[inside] = known.seen[rows[inside], columns[inside]]
        gain = float(self._weight[fresh].sum()) / self._total
        self._unseen, self._weight = self._unseen[~fresh], self._weight[~fresh]
        return gain


class NoveltyReward(gymnasium.Wrapper[Frame, Any, Frame, Any]):
    """Rewards the nth view of a place and heading (`core.pose_cells`) with 1 / sqrt(n).

    The count-based bonus of Strehl and Littman (2008) with exact counts, per episode and including its first Frame.
    """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode with the count of its first view."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._times: dict[int, int] = {}
        self._count(frame)
        return frame, info

    def step(self, action: Any) -> Step:
        """Take one action; the reward is the novelty of its view."""
        frame, _, terminated, truncated, info = self.env.step(action)
        return frame, float(self._count(frame) ** -0.5), terminated, truncated, info

    def _count(self, frame: Frame) -> int:
        pose: NDArray[np.float32] = frame["pose"]
        cell = int(pose_cells(pose[None])[0])
        self._times[cell] = self._times.get(cell, 0) + 1
        return self._times[cell]
