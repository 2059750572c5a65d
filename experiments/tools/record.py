"""`testspace record`: exports a run's replay buffer as a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ...core.errors import UserError
from ...core.progress import Progress
from ...envs.recordings.lerobot import LeRobotWriter
from ...envs.recordings.plain import PlainWriter
from ..report.run_film import write_run_film
from ..rundir.run_frames import RATE, RunFrames

Layout = Literal["plain", "lerobot", "mp4"]
"""The folder that `envs.recordings.plain` describes and reads, LeRobot's dataset format, or the run as a video."""
SECONDS = 30
"""Length of a video."""
TASK = "Explore the house."


def record_run(run: Path, out: Path, layout: Layout) -> str:
    """Write a run's frames into a new folder, or a new file; returns a report line. UserError, BufferError or
    RecordingError."""
    frames = RunFrames(run)
    with Progress() as progress, progress.stage("frames") as advance:
        if layout == "mp4":
            if out.suffix != ".mp4" or out.exists():
                raise UserError(f"{out}: a video needs a new file whose name ends in .mp4")
            write_run_film(run, out, SECONDS, advance)
            return f"{out}: {SECONDS} seconds of {len(frames)} frames"
        if layout == "plain":
            writer = PlainWriter(out, frames.camera)
            for index, step in enumerate(frames.steps.tolist()):
                writer.add(frames.frame(index), step / RATE)
                advance(index + 1, len(frames))
        else:
            with LeRobotWriter(out, frames.camera, RATE, TASK) as episode:
                for index in range(len(frames)):
                    if index and frames.steps[index] - frames.steps[index - 1] != 1:
                        episode.begin()
                    episode.add(frames.frame(index), int(frames.actions[index]))
                    advance(index + 1, len(frames))
    return f"{out}: {len(frames)} frames of {frames.camera.width} x {frames.camera.height} pixels"
