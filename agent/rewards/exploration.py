"""Rewards for exploring: floor seen for the first time, places seldom seen, what a learner predicts badly."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.floor import ReachableFloor
from ...learners.data.eviction import pose_cells
from ...learners.objectives.surprise import MASKS, surprise
from ...learners.objectives.tst import TSTLearner
from ..mapping.occupancy_map import OccupancyMap

Step = tuple[Frame, float, bool, bool, dict[str, Any]]
"""What a step of an environment returns."""


class CoverageReward(gymnasium.Wrapper[Frame, Any, Frame, Any]):
    """Pays for reachable floor that the agent's own depth sees for the first time in the episode.

    A step's reward is `scale` times the gain in `mapping.coverage`, less `bump` for a blocked move: without bumps, an
    episode's rewards add up to `scale` times what was covered after its first Frame. `info["coverage"]` is the share
    so far, 0 to 1. The truth of the floor is in the reward only.
    """

    def __init__(self, env: gymnasium.Env[Frame, Any], scale: float = 100.0, bump: float = 0.0) -> None:
        """`env`: HouseEnv, or a wrapper of it that leaves Frames as they are."""
        super().__init__(env)
        self.scale, self.bump = scale, bump

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode: nothing but its first Frame has been seen."""
        frame, info = self.env.reset(seed=seed, options=options)
        body: Any = self.env.unwrapped
        floor: ReachableFloor = body.floor
        self._map = OccupancyMap(body.camera)
        # The map's cells are larger than the floor's, so a few of its answers stand for all points of the floor.
        centres = floor.from_cells(np.argwhere(floor.reachable))
        cells = np.floor(centres[:, ::-1] / self._map.cell).astype(np.int64)
        self._unseen, self._weight = np.unique(cells, axis=0, return_counts=True)
        self._total = len(centres)
        self._see(frame)
        return frame, {**info, "coverage": self.coverage}

    def step(self, action: Any) -> Step:
        """Do one action, and be paid for what it shows."""
        frame, _, terminated, truncated, info = self.env.step(action)
        reward = self.scale * self._see(frame) - self.bump * bool(info["collision"])
        return frame, reward, terminated, truncated, {**info, "coverage": self.coverage}

    @property
    def coverage(self) -> float:
        """Share of the reachable floor seen in this episode, 0 to 1."""
        return 1.0 - float(self._weight.sum()) / self._total

    def _see(self, frame: Frame) -> float:
        """Take in a Frame; returns by how much the share has grown."""
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
    """Pays 1 / sqrt(n) for a view whose place and heading (`eviction.pose_cells`) are seen for the nth time.

    The count-based bonus of Strehl and Littman (2008), with counts that are exact, as the cells are few. The counts
    are of one episode, its first Frame included.
    """

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode: no view but its first has been seen."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._times: dict[int, int] = {}
        self._count(frame)
        return frame, info

    def step(self, action: Any) -> Step:
        """Do one action, and be paid for how new its view is."""
        frame, _, terminated, truncated, info = self.env.step(action)
        return frame, float(self._count(frame) ** -0.5), terminated, truncated, info

    def _count(self, frame: Frame) -> int:
        pose: NDArray[np.float32] = frame["pose"]
        cell = int(pose_cells(pose[None])[0])
        self._times[cell] = self._times.get(cell, 0) + 1
        return self._times[cell]


class SurpriseReward(gymnasium.Wrapper[Frame, Any, Frame, Any]):
    """Pays what the learner's own masked loss is on the new Frame (`objectives.surprise`), 0 until it has learned.

    The learner may learn on between steps; whoever trains it decides. Its masked loss needs no label.
    """

    def __init__(self, env: gymnasium.Env[Frame, Any], learner: TSTLearner, masks: int = MASKS) -> None:
        """`learner` takes frames of the environment's camera; `masks` maskings are averaged over."""
        super().__init__(env)
        self.learner, self.masks = learner, masks

    def step(self, action: Any) -> Step:
        """Do one action, and be paid for what the learner did not expect."""
        frame, _, terminated, truncated, info = self.env.step(action)
        reward = surprise(self.learner, frame, self.masks) if self.learner.steps else 0.0
        return frame, reward, terminated, truncated, info
