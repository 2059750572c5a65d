"""A recording as an environment: the agent follows the recorded path, whatever it does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ..floor import ReachableFloor
from ..gym_envs.motion import Action, Motion
from ..scene import empty_scene
from .recording import FrameError, RecordingError
from .recording_simulator import RecordingSimulator


class RecordingEnv:
    """Replays a recording: actions are accepted and have no effect.

    `frames` of them, evenly over the whole recording, then from the start again. A frame that cannot be read is skipped
    and counted in `dropped`. Raises RecordingError at the first frame if none can be read.
    """

    def __init__(self, simulator: RecordingSimulator, frames: int | None = None) -> None:
        """frames: number of frames to replay; by default, and at most, all of the recording."""
        count = len(simulator) if frames is None else min(frames, len(simulator))
        if count < 1:
            raise ValueError(f"RecordingEnv: frames must be 1 or more, got {frames}")
        self.simulator = simulator
        self.order: NDArray[np.int64] = np.unique(np.linspace(0, len(simulator) - 1, count).round().astype(np.int64))
        """Indices of the frames that are replayed."""
        self.dropped: Counter[int] = Counter()
        """Frames that could not be read: index and count."""
        self.motion = Motion()
        self.scene = empty_scene(simulator.recording.source)
        self.action_space = spaces.Discrete(len(Action))
        self._at = -1

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""
        return self.simulator.camera

    @property
    def floor(self) -> ReachableFloor:
        """The floor along the camera's path."""
        return self.simulator.floor

    def body_state(self) -> dict[str, Any]:
        """Which frame was replayed last, as JSON: `reset(options={"body": ...})` goes back to it."""
        return {"at": self._at}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """The first frame, or, with {"pose": (6,)} in `options`, the one nearest to that pose, or, with
        {"body": what `body_state` gave}, that one."""
        self._at = -1
        if options and "body" in options:
            self._at = int(options["body"]["at"]) - 1
        elif options and "pose" in options:
            target = int(self.simulator.nearest(np.asarray(options["pose"])[None])[0])
            self._at = int(np.argmin(np.abs(self.order - target))) - 1
        return self._next(), self._info()

    def step(self, action: np.int64 | int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """The next frame: reward 0.0, never terminated or truncated."""
        return self._next(), 0.0, False, False, self._info()

    def _next(self) -> Frame:
        for _ in range(len(self.order)):
            self._at = (self._at + 1) % len(self.order)
            index = int(self.order[self._at])
            try:
                return self.simulator.frame(index)
            except FrameError:
                self.dropped[index] += 1
        raise RecordingError(self.simulator.recording.source, "no frame of it can be read")

    def _info(self) -> dict[str, Any]:
        return {"collision": False, "step": self._at}
