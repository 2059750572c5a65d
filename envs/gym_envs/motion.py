"""The agent's five discrete actions, named as in AI2-THOR, and how far each of them goes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Action(IntEnum):
    """The actions of HouseEnv, in the order of its action space."""

    MOVE_AHEAD = 0
    ROTATE_LEFT = 1
    ROTATE_RIGHT = 2
    LOOK_UP = 3
    LOOK_DOWN = 4


DONE = len(Action)
"""The action that signals arrival, of the tasks that have a goal."""


@dataclass(frozen=True)
class Motion:
    """How far each action goes, and the size of the body; policies may read it."""

    step: float = 0.25
    """Length of MoveAhead, in metres."""
    turn: float = 30.0
    """Angle of RotateLeft and RotateRight, in degrees."""
    look: float = 30.0
    """Angle of LookUp and LookDown, in degrees."""
    camera_height: float = 1.5
    """Height of the camera above the floor, in metres."""
    radius: float = 0.2
    """Radius of the agent's body, in metres."""
    lowest_pitch: float = -60.0
    """How far the agent can look down, in degrees."""
    highest_pitch: float = 30.0
    """How far the agent can look up, in degrees."""

    def __post_init__(self) -> None:
        for name in ("step", "turn", "look", "camera_height", "radius"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"motion: {name} must be a finite number above 0, got {value}")
        if not self.lowest_pitch <= 0 <= self.highest_pitch:
            raise ValueError(
                f"motion: lowest_pitch must be 0 or less and highest_pitch 0 or more, got {self.lowest_pitch} and"
                f" {self.highest_pitch}"
            )
