"""`testspace play`: a house, walked by keyboard, in a window of Gymnasium's own `play`."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from ...core.errors import UserError
from ...core.frame import Camera
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.motion import Action

KEYS = {
    "w": Action.MOVE_AHEAD, "a": Action.ROTATE_LEFT, "d": Action.ROTATE_RIGHT, "r": Action.LOOK_UP,
    "f": Action.LOOK_DOWN,
}  # fmt: skip
"""Which key does what."""
HELP = "keys: w ahead, a and d turn, or the arrows; r and f look up and down; Escape ends"
RATE = 6
"""Actions a second, while a key is down."""


class WithNoOp(gymnasium.Wrapper[Any, np.int64, Any, np.int64]):
    """HouseEnv with one action more, 5, which does nothing: what happens while no key is down."""

    def __init__(self, env: HouseEnv) -> None:
        super().__init__(env)
        self.action_space = spaces.Discrete(len(Action) + 1)
        self._last: Any = None

    def reset(self, **options: Any) -> Any:
        """As the environment's."""
        self._last, info = self.env.reset(**options)
        return self._last, info

    def step(self, action: np.int64 | int) -> Any:
        """As the environment's; the last action leaves everything as it is."""
        if int(action) == len(Action):
            return self._last, 0.0, False, False, {"collision": False}
        self._last, *rest = self.env.step(np.int64(action))
        return self._last, *rest


def play_house(house: str, camera: Camera) -> None:
    """Open the window and play until it is closed. UserError where there is no pygame, or no display."""
    try:
        import pygame

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wants a window for matplotlib, whose plots are not used here
            from gymnasium.utils.play import play
    except (ImportError, gymnasium.error.DependencyNotInstalled):
        raise UserError("playing needs pygame: pip install 'testspace[play]'") from None
    env = WithNoOp(HouseEnv(house, camera, render_mode="rgb_array", max_steps=1_000_000))
    arrows = {
        pygame.K_UP: Action.MOVE_AHEAD, pygame.K_LEFT: Action.ROTATE_LEFT, pygame.K_RIGHT: Action.ROTATE_RIGHT,
    }  # fmt: skip
    keys = {key: np.int64(action) for key, action in {**KEYS, **arrows}.items()}
    print(HELP)
    try:
        play(env, keys_to_action=keys, noop=np.int64(len(Action)), fps=RATE)
    except pygame.error as error:
        raise UserError(f"no window can be opened here ({error}); testspace demo --no-view needs none") from None
