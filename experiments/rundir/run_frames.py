"""Frames of a run's replay buffer in chronological order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.frame import Camera, Frame
from ...envs.conventions import pose_matrices
from ...envs.recordings.recording import Recording
from ...learners.data.replay_buffer import ReplayBuffer
from .run_folder import read_config

RATE = 10
"""Nominal frames per second of a run, since steps have no duration."""


def is_run(path: Path) -> bool:
    """Whether a folder is that of a run."""
    return (path / "config.json").is_file() and (path / "buffer").is_dir()


class RunFrames:
    """The stored frames of a run, without those near evaluation views or overwritten since. UserError if the folder is
    not a run, BufferError if its buffer is damaged."""

    def __init__(self, run: Path) -> None:
        if not is_run(run):
            raise UserError(f"{run} is not the folder of a run (it has no config.json and buffer/)")
        self.run, self.buffer = run, ReplayBuffer.reader(run / "buffer")
        try:
            self.camera = Camera(**read_config(run)["sizes"]["transfer_set"]["camera"])
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{run / 'config.json'}: the camera of the run cannot be read ({error!r})") from None
        if not len(self.buffer):
            raise UserError(f"{run} has no frames yet")
        stored = self.buffer.get(range(len(self.buffer)), ("step", "pose"))
        self.steps = stored["step"].numpy()
        self._slots = np.argsort(self.steps, kind="stable")
        self.steps, self.poses = self.steps[self._slots], stored["pose"].numpy()[self._slots]

    def __len__(self) -> int:
        return len(self._slots)

    def frame(self, index: int) -> Frame:
        """One frame with all keys of the contract, by chronological index from 0."""
        values = self.buffer.get([int(self._slots[index])])
        return {key: value[0].numpy() for key, value in values.items() if key != "step"}

    def recording(self) -> Recording:
        """The same frames as a Recording, whose intrinsics count pixels from the middle of the first one."""
        camera, count = self.camera, len(self)
        numbers = [camera.focal, camera.focal, camera.width / 2 - 0.5, camera.height / 2 - 0.5]
        return Recording(
            source=str(self.run), time=self.steps / RATE, poses=pose_matrices(self.poses),
            intrinsics=np.tile(numbers, (count, 1)), size=(camera.height, camera.width), number=np.arange(count),
            read_rgb=lambda index: self.frame(index)["rgb"], read_depth=lambda index: self.frame(index)["depth"],
        )  # fmt: skip
