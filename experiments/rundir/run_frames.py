"""Frames of a run's replay buffer in chronological order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import FRAME_SPEC, Camera, Frame
from ...core.storage import DamagedError, read_arrays
from ...envs.conventions import pose_matrices
from ...envs.recordings.recording import Recording
from ...learners.data.replay_buffer import ReplayBuffer
from .run_folder import read_config

UNKNOWN = -1
"""Stands for an action that is not known, or none of the action space's."""
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
        self.actions = self._actions()
        """The action (N,) that was taken from each frame; UNKNOWN where it is not stored."""

    def _actions(self) -> NDArray[np.int64]:
        taken = np.zeros(0, np.int64)
        for file in sorted((self.run / "agent").glob("agent-*.npz")):  # the newest that is whole
            with suppress(DamagedError):
                taken = read_arrays(file).get("actions", taken)
        after = self.steps + 1  # an action is stored with the frame that it led to
        actions = np.full(len(self), UNKNOWN)
        known = after < len(taken)
        actions[known] = taken[after[known]]
        return actions

    def __len__(self) -> int:
        return len(self._slots)

    def frame(self, index: int) -> Frame:
        """One frame with all keys of the contract, by chronological index from 0."""
        return {key: value[0] for key, value in self.batch([index]).items()}

    def batch(self, indices: Sequence[int], keys: Sequence[str] = (*FRAME_SPEC, "pose")) -> Frame:
        """These keys of frames by their chronological index, with a leading axis."""
        values = self.buffer.get([int(self._slots[index]) for index in indices], tuple(keys))
        return {key: value.numpy() for key, value in values.items()}

    def recording(self) -> Recording:
        """The same frames as a Recording, whose intrinsics count pixels from the middle of the first one."""
        camera, count = self.camera, len(self)
        numbers = [camera.focal, camera.focal, camera.width / 2 - 0.5, camera.height / 2 - 0.5]
        return Recording(
            source=str(self.run), time=self.steps / RATE, poses=pose_matrices(self.poses),
            intrinsics=np.tile(numbers, (count, 1)), size=(camera.height, camera.width), number=np.arange(count),
            read_rgb=lambda index: self.frame(index)["rgb"], read_depth=lambda index: self.frame(index)["depth"],
        )  # fmt: skip
