"""`testspace reconstruct`: fuses a recording, or the frames of a run, to a mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.progress import Progress
from ...envs.meshes.write import write_glb
from ...envs.recordings import open_recording
from ...envs.recordings.fuse import fuse
from ..rundir.run_frames import RunFrames, is_run


def reconstruct(source: Path, out: Path, voxel: float) -> list[str]:
    """Fuse the depth of a recording or a run into `out`, .ply or .glb; returns the report, as lines.

    Raises UserError, RecordingError or BufferError, in one line.
    """
    if out.suffix.lower() not in (".ply", ".glb"):
        raise UserError(f"{out}: the name of the file to write must end in .ply or .glb")
    if not (np.isfinite(voxel) and 0.002 <= voxel <= 0.5):
        raise UserError(f"--voxel must be from 0.002 to 0.5 metres, got {voxel:g}")
    recording = RunFrames(source).recording() if is_run(source) else open_recording(source)
    with Progress() as progress, progress.stage("fusing frames") as advance:
        fused = fuse(recording, voxel, advance)
    if out.suffix.lower() == ".glb":
        write_glb(fused.scene(), out)
    else:
        fused.write_ply(out)
    report = [f"{out}: {len(fused.mesh.triangles)} triangles, of {fused.used} of {len(recording)} frames"]
    if fused.unreadable:
        report.append(f"{fused.unreadable} unreadable frames were skipped.")
    return report + recording.messages()
