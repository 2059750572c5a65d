"""Goal navigation tasks: PointGoal and ObjectGoal, with an additional action Done that ends the episode.

Success and SPL follow Anderson et al. (On Evaluation of Embodied Navigation Agents, 2018): the agent must signal
that it has arrived, and its path length is compared with the shortest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Frame
from ...envs.floor import ReachableFloor
from ...envs.gym_envs.house_env import FARTHEST
from ...envs.gym_envs.motion import DONE
from ...envs.house.classes import CLASS_ID, CLASSES, STRUCTURE
from ..mapping.geodesic import distance_at, distance_field
from .exploration import Step
from .viewpoints import Viewpoints


def spl(success: bool, shortest: float, walked: float) -> float:
    """Success weighted by path length of one episode, 0 to 1: shortest / max(walked, shortest), metres, 0 on failure.

    An episode that starts at its goal (shortest 0) and ends there scores 1. The SPL of many episodes is their mean
    (Anderson et al., 2018, equation 1).
    """
    if not success:
        return 0.0
    longer = max(walked, shortest)
    return shortest / longer if longer > 0 else 1.0


class GoalReward(gymnasium.Wrapper[Frame, Any, Frame, Any], ABC):
    """Base class of the goal tasks: Done, path length, success, SPL, and a reward for progress.

    Actions are HouseEnv's plus Done (5), which ends the episode. A step's reward is the decrease of the geodesic
    distance to the goal in metres, minus `step_penalty`, plus `success_bonus` on success. `info` has `distance` (metres
    to the goal), `success` and `spl` (final once the episode has ended). The Frame gains the key `goal`.
    """

    min_distance: float = 1.0
    """Minimum geodesic distance from start to goal, in metres, if the house is large enough."""

    def __init__(
        self,
        env: gymnasium.Env[Frame, Any],
        goal: spaces.Space[Any],
        success_distance: float,
        success_bonus: float,
        step_penalty: float,
    ) -> None:
        super().__init__(env)
        frames: Any = env.observation_space
        self.action_space = spaces.Discrete(DONE + 1)
        self.observation_space = spaces.Dict({**frames.spaces, "goal": goal})  # type: ignore[assignment]
        self.success_distance, self.success_bonus, self.step_penalty = success_distance, success_bonus, step_penalty

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode with a goal sampled by the environment's `np_random`."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._frame, self._walked, self._field = frame, 0.0, self._draw(self._place(frame))
        self._distance = self._shortest = self._distance_to_goal(frame)
        return self._with_goal(frame), {**info, **self._metrics(False)}

    def step(self, action: Any) -> Step:
        """Take one action; Done ends the episode."""
        if int(action) == DONE:
            success = self._arrived(self._frame)
            info = {"collision": False, **self._metrics(success)}
            return self._with_goal(self._frame), self.success_bonus * success - self.step_penalty, True, False, info
        before, nearer = self._place(self._frame), self._distance
        frame, _, terminated, truncated, info = self.env.step(action)
        self._frame, self._distance = frame, self._distance_to_goal(frame)
        self._walked += float(np.linalg.norm(self._place(frame) - before))
        reward = nearer - self._distance - self.step_penalty
        return self._with_goal(frame), reward, terminated, truncated, {**info, **self._metrics(False)}

    @property
    def floor(self) -> ReachableFloor:
        """Ground-truth reachable floor."""
        body: Any = self.env.unwrapped
        floor: ReachableFloor = body.floor
        return floor

    @abstractmethod
    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sample a goal for an agent at (x, z); returns its distance field."""

    @abstractmethod
    def _arrived(self, frame: Frame) -> bool:
        """Whether Done is successful here."""

    @abstractmethod
    def _goal(self, frame: Frame) -> Any:
        """The goal as the agent observes it."""

    def _with_goal(self, frame: Frame) -> Frame:
        return {**frame, "goal": self._goal(frame)}

    def _metrics(self, success: bool) -> dict[str, Any]:
        return {
            "distance": self._distance,
            "success": success,
            "spl": spl(success, self._shortest, self._walked),
        }

    def _distance_to_goal(self, frame: Frame) -> float:
        x, z = self._place(frame)
        return distance_at(self._field, self.floor, x, z)

    @staticmethod
    def _place(frame: Frame) -> NDArray[np.float64]:
        return frame["pose"][[0, 2]].astype(np.float64)


class PointGoal(GoalReward):
    """Navigate to a point. `goal` is float32 (2,): straight-line metres, and bearing in degrees, positive to the right.

    The point is sampled from the reachable floor, at least `min_distance` metres of path from the start.
    """

    def __init__(
        self,
        env: gymnasium.Env[Frame, Any],
        success_distance: float = 0.4,
        success_bonus: float = 10.0,
        step_penalty: float = 0.01,
    ) -> None:
        """Done succeeds within `success_distance` metres of the point (twice the body's radius)."""
        goal = spaces.Box(np.array([0, -180], np.float32), np.array([2 * FARTHEST, 180], np.float32))
        super().__init__(env, goal, success_distance, success_bonus, step_penalty)

    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        away = distance_field(self.floor, start[None])
        reached = np.isfinite(away)
        far = reached & (away >= min(self.min_distance, float(away[reached].max())))
        cells = np.argwhere(far)
        self.point = self.floor.from_cells(cells[self.np_random.integers(len(cells))])
        """The goal (x, z), metres."""
        return distance_field(self.floor, self.point[None])

    def _arrived(self, frame: Frame) -> bool:
        return bool(np.linalg.norm(self.point - self._place(frame)) <= self.success_distance)

    def _goal(self, frame: Frame) -> NDArray[np.float32]:
        right, back = self.point - self._place(frame)
        bearing = np.degrees(np.arctan2(right, -back)) - float(frame["pose"][3])
        return np.array([np.hypot(right, back), (bearing + 180.0) % 360.0 - 180.0], np.float32)


class ObjectGoal(GoalReward):
    """Navigate to any object of a class. `goal` is the class id (int64, see `envs.house.classes`).

    Done succeeds if an object of the class is visible and its box is within `success_distance` metres horizontally
    (Batra et al., ObjectNav Revisited, 2020). Only the reward uses labels, but a policy trained on it has learned from
    the labels of that house: train and evaluate in different houses.
    """

    def __init__(
        self,
        env: gymnasium.Env[Frame, Any],
        classes: Sequence[str] = (),
        success_distance: float = 1.0,
        success_bonus: float = 10.0,
        step_penalty: float = 0.01,
    ) -> None:
        """`classes`: names to sample from, restricted to those in the house; empty for all object classes.

        Raises ValueError for an unknown class; `reset` raises it if no such object can be reached.
        """
        unknown = sorted(set(classes) - set(CLASSES[1:]))
        if unknown:
            raise ValueError(f"ObjectGoal: no class {unknown[0]!r}; see envs.house.classes.CLASSES")
        super().__init__(env, spaces.Discrete(len(CLASSES)), success_distance, success_bonus, step_penalty)
        self._allowed = [CLASS_ID[name] for name in classes]
        self._viewpoints: Viewpoints | None = None

    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        body: Any = self.env.unwrapped
        if self._viewpoints is None or self._viewpoints.scene is not body.scene:
            self._viewpoints = Viewpoints(body, self.success_distance)
        present = {instance.class_id for instance in body.scene.instances[1:]}
        candidates = sorted(
            present & set(self._allowed) if self._allowed else present - {CLASS_ID[name] for name in STRUCTURE}
        )
        nearby: tuple[int, NDArray[np.float64]] | None = None
        for number in self.np_random.permutation(candidates).tolist():
            field = self._viewpoints.field(number)
            distance = distance_at(field, self.floor, *start.tolist())
            if self.min_distance <= distance < np.inf:
                self.target = number
                """Class id of the goal."""
                return field
            if distance < np.inf and nearby is None:
                nearby = number, field
        if nearby is None:
            raise ValueError(f"ObjectGoal: {body.scene.source or 'the house'} has no such object that can be reached")
        self.target = nearby[0]
        return nearby[1]

    def _arrived(self, frame: Frame) -> bool:
        assert self._viewpoints is not None
        return self._viewpoints.reached(self.target, frame["pose"])

    def _goal(self, frame: Frame) -> np.int64:
        return np.int64(self.target)
