"""Rewards for going somewhere: to a point, or to a thing of a class. An action more, Done, ends the episode.

Success and SPL are those of Anderson et al. (On Evaluation of Embodied Navigation Agents, 2018): the agent must say
that it has arrived, and its way is compared with the shortest.
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
from ...envs.gym_envs.motion import Action
from ...envs.house.classes import CLASS_ID, CLASSES, STRUCTURE
from ..mapping.geodesic import distance_at, distance_field
from .exploration import Step
from .sights import Sights

DONE = len(Action)
"""The action by which the agent says that it has arrived: the next number after those of `motion.Action`."""


def spl(success: bool, shortest: float, walked: float) -> float:
    """Success weighted by path length of one episode, 0 to 1: shortest / max(walked, shortest), metres, 0 on failure.

    An episode that starts at its goal (shortest 0) counts as 1 where nothing was walked. The SPL of many episodes is
    their mean (Anderson et al., 2018, equation 1).
    """
    if not success:
        return 0.0
    longer = max(walked, shortest)
    return shortest / longer if longer > 0 else 1.0


class GoalReward(gymnasium.Wrapper[Frame, Any, Frame, Any], ABC):
    """What both goals share: Done, the way walked, success, SPL, and a reward for coming nearer.

    Actions are HouseEnv's and Done (5), which ends the episode. A step's reward is the metres by which the shortest
    way to the goal has become shorter, less `slack`, and `bonus` on success. `info` has `distance` (metres of way to
    the goal), `success` and `spl` (both final once the episode has ended). The Frame gains the key `goal`.
    """

    least: float = 1.0
    """Shortest way from start to goal, in metres, where the house has one as long."""

    def __init__(
        self, env: gymnasium.Env[Frame, Any], goal: spaces.Space[Any], within: float, bonus: float, slack: float
    ) -> None:
        super().__init__(env)
        frames: Any = env.observation_space
        self.action_space = spaces.Discrete(DONE + 1)
        self.observation_space = spaces.Dict({**frames.spaces, "goal": goal})  # type: ignore[assignment]
        self.within, self.bonus, self.slack = within, bonus, slack

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Start an episode with a goal drawn by the environment's `np_random`."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._frame, self._walked, self._field = frame, 0.0, self._draw(self._place(frame))
        self._distance = self._shortest = self._way(frame)
        return self._with_goal(frame), {**info, **self._told(False)}

    def step(self, action: Any) -> Step:
        """Do one action, or say Done."""
        if int(action) == DONE:
            success = self._arrived(self._frame)
            info = {"collision": False, **self._told(success)}
            return self._with_goal(self._frame), self.bonus * success - self.slack, True, False, info
        before, nearer = self._place(self._frame), self._distance
        frame, _, terminated, truncated, info = self.env.step(action)
        self._frame, self._distance = frame, self._way(frame)
        self._walked += float(np.linalg.norm(self._place(frame) - before))
        reward = nearer - self._distance - self.slack
        return self._with_goal(frame), reward, terminated, truncated, {**info, **self._told(False)}

    @property
    def floor(self) -> ReachableFloor:
        """The truth of where the agent can stand."""
        body: Any = self.env.unwrapped
        floor: ReachableFloor = body.floor
        return floor

    @abstractmethod
    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw a goal for an agent at (x, z); returns the field of distances to it."""

    @abstractmethod
    def _arrived(self, frame: Frame) -> bool:
        """Whether Done is right here."""

    @abstractmethod
    def _goal(self, frame: Frame) -> Any:
        """What the agent is told of the goal."""

    def _with_goal(self, frame: Frame) -> Frame:
        return {**frame, "goal": self._goal(frame)}

    def _told(self, success: bool) -> dict[str, Any]:
        return {
            "distance": self._distance,
            "success": success,
            "spl": spl(success, self._shortest, self._walked),
        }

    def _way(self, frame: Frame) -> float:
        x, z = self._place(frame)
        return distance_at(self._field, self.floor, x, z)

    @staticmethod
    def _place(frame: Frame) -> NDArray[np.float64]:
        return frame["pose"][[0, 2]].astype(np.float64)


class PointGoal(GoalReward):
    """Go to a point of the floor. `goal` is float32 (2,): metres to it as the crow flies, and degrees to turn right.

    The point is drawn over the floor that can be reached, `least` metres of way from the start or farther.
    """

    def __init__(
        self, env: gymnasium.Env[Frame, Any], within: float = 0.4, bonus: float = 10.0, slack: float = 0.01
    ) -> None:
        """Done is right at most `within` metres from the point (twice the body's radius)."""
        goal = spaces.Box(np.array([0, -180], np.float32), np.array([2 * FARTHEST, 180], np.float32))
        super().__init__(env, goal, within, bonus, slack)

    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        away = distance_field(self.floor, start[None])
        reached = np.isfinite(away)
        far = reached & (away >= min(self.least, float(away[reached].max())))
        cells = np.argwhere(far)
        self.point = self.floor.from_cells(cells[self.np_random.integers(len(cells))])
        """The goal (x, z), metres."""
        return distance_field(self.floor, self.point[None])

    def _arrived(self, frame: Frame) -> bool:
        return bool(np.linalg.norm(self.point - self._place(frame)) <= self.within)

    def _goal(self, frame: Frame) -> NDArray[np.float32]:
        right, back = self.point - self._place(frame)
        bearing = np.degrees(np.arctan2(right, -back)) - float(frame["pose"][3])
        return np.array([np.hypot(right, back), (bearing + 180.0) % 360.0 - 180.0], np.float32)


class ObjectGoal(GoalReward):
    """Go to any thing of a class. `goal` is the class id (int64, see `envs.house.classes`).

    Done is right where a thing of the class is in the Frame and its box at most `within` metres away on the plan
    (Batra et al., ObjectNav Revisited, 2020). The true labels are in the reward only; a policy that is trained on it
    has been told labels of that house, so train in others than you test in.
    """

    def __init__(
        self,
        env: gymnasium.Env[Frame, Any],
        classes: Sequence[str] = (),
        within: float = 1.0,
        bonus: float = 10.0,
        slack: float = 0.01,
    ) -> None:
        """`classes`: names to draw from, those of them that the house has; none for all of its objects.

        Raises ValueError for a name that is no class; `reset` does where nothing of them can be come near to.
        """
        unknown = sorted(set(classes) - set(CLASSES[1:]))
        if unknown:
            raise ValueError(f"ObjectGoal: no class {unknown[0]!r}; see envs.classes.CLASSES")
        super().__init__(env, spaces.Discrete(len(CLASSES)), within, bonus, slack)
        self._allowed = [CLASS_ID[name] for name in classes]
        self._sights: Sights | None = None

    def _draw(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        body: Any = self.env.unwrapped
        if self._sights is None or self._sights.scene is not body.scene:
            self._sights = Sights(body, self.within)
        there = {instance.class_id for instance in body.scene.instances[1:]}
        wanted = sorted(there & set(self._allowed) if self._allowed else there - {CLASS_ID[name] for name in STRUCTURE})
        near: tuple[int, NDArray[np.float64]] | None = None
        for number in self.np_random.permutation(wanted).tolist():
            field = self._sights.field(number)
            way = distance_at(field, self.floor, *start.tolist())
            if self.least <= way < np.inf:
                self.target = number
                """Class id of the goal."""
                return field
            if way < np.inf and near is None:
                near = number, field
        if near is None:
            raise ValueError(f"ObjectGoal: {body.scene.source or 'the house'} has no such thing that can be come near")
        self.target = near[0]
        return near[1]

    def _arrived(self, frame: Frame) -> bool:
        assert self._sights is not None
        return self._sights.reached(self.target, frame["pose"])

    def _goal(self, frame: Frame) -> np.int64:
        return np.int64(self.target)
