"""The frames that a run's agent remembers, in the order in which it saw them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.frame import Camera, Frame
from ...envs.conventions import pose_matrices
from ...envs.recordings.recording import Recording
from ...learners.data.replay_buffer import ReplayBuffer

RATE = 10
"""Frames a second that a run is taken to have: an agent's steps have no duration."""


def is_run(path: Path) -> bool:
    """Whether a folder is a run's."""
    return (path / "config.json").is_file() and (path / "buffer").is_dir()


class RunFrames:
    """What stands in a run's buffer. Frames that were not stored (near to evaluation views, or overwritten) are left
    out. UserError where the folder is not a run's, BufferError where its buffer is damaged."""

    def __init__(self, run: Path) -> None:
        if not is_run(run):
            raise UserError(f"{run} is not the folder of a run (no config.json with a buffer/ beside it)")
        self.run, self.buffer = run, ReplayBuffer.reader(run / "buffer")
        try:
            self.camera = Camera(**json.loads((run / "config.json").read_text())["sizes"]["transfer_set"]["camera"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run / 'config.json'}: the camera of the run cannot be read ({error!r})") from None
        if not len(self.buffer):
            raise UserError(f"{run} has no frames yet")
        told = self.buffer.get(range(len(self.buffer)), ("step", "pose"))
        self.steps = told["step"].numpy()
        self._slots = np.argsort(self.steps, kind="stable")
        self.steps, self.poses = self.steps[self._slots], told["pose"].numpy()[self._slots]

    def __len__(self) -> int:
        return len(self._slots)

    def frame(self, index: int) -> Frame:
        """One frame, all keys of the contract, by its place in time from 0."""
        found = self.buffer.get([int(self._slots[index])])
        return {key: value[0].numpy() for key, value in found.items() if key != "step"}

    def recording(self) -> Recording:
        """The same frames as a Recording, whose intrinsics count pixels from the middle of the first one."""
        camera, count = self.camera, len(self)
        numbers = [camera.focal, camera.focal, camera.width / 2 - 0.5, camera.height / 2 - 0.5]
        return Recording(
            source=str(self.run), time=self.steps / RATE, poses=pose_matrices(self.poses),
            intrinsics=np.tile(numbers, (count, 1)), size=(camera.height, camera.width), number=np.arange(count),
            read_rgb=lambda index: self.frame(index)["rgb"], read_depth=lambda index: self.frame(index)["depth"],
        )  # fmt: skip
