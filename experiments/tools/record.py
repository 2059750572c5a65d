"""`testspace record`: exports a run's replay buffer as a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ...core.progress import Progress
from ...envs.recordings.lerobot import LeRobotWriter
from ...envs.recordings.plain import PlainWriter
from ..rundir.run_frames import RATE, RunFrames

Layout = Literal["plain", "lerobot"]
"""The folder that `envs.recordings.plain` describes and reads, or LeRobot's dataset format."""
TASK = "Explore the house."


def record_run(run: Path, out: Path, layout: Layout) -> str:
    """Write a run's frames into a new folder; returns a report line. UserError, BufferError or RecordingError."""
    frames = RunFrames(run)
    with Progress() as progress, progress.stage("frames") as advance:
        if layout == "plain":
            writer = PlainWriter(out, frames.camera)
            for index, step in enumerate(frames.steps.tolist()):
                writer.add(frames.frame(index), step / RATE)
                advance(index + 1, len(frames))
        else:
            with LeRobotWriter(out, frames.camera, RATE, TASK) as episode:
                for index in range(len(frames)):
                    episode.add(frames.frame(index))
                    advance(index + 1, len(frames))
    return f"{out}: {len(frames)} frames of {frames.camera.width} x {frames.camera.height} pixels"
