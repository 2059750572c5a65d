"""`testspace watch RUN`: a run as a Rerun recording: the house, the fused map in class colours and its doubt, the path
of the agent, its camera with all modalities, predictions beside the truth on held-out views, and the curves.

A run that goes on can be watched too, and `testspace run --view` does so itself: what is missing yet is left out. No
display is needed to write the file; the Rerun viewer opens it, on the desktop or in a browser.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import rotation
from ...envs.house.classes import CLASSES, class_colours
from ..rundir.networks import specialist_of
from ..rundir.run_folder import read_rows
from ..rundir.run_frames import RunFrames
from ..rundir.semantic_file import read_semantic_map
from .report_figures import draw_normals
from .report_files import read_report_arrays
from .report_page import NAMES
from .semantic_drawing import below_the_ceiling, doubt_colours
from .viewer import has_display, open_viewer

if TYPE_CHECKING:
    from rerun import RecordingStream

TIMELINE = "frame"
"""Frames of the agent's life."""
CAMERA = "house/agent/camera"
DOUBT = "house/doubt"
SHOWN = ("rgb", "truth", *(f"prediction_{method}" for method in NAMES))
"""What of the held-out views is shown, where it is stored."""
PAUSE = 2.0
"""Seconds between two looks at a run that is followed."""
LONGEST_FLUSH = 30.0
"""Seconds after which a viewer that takes nothing more is given up."""
GROWN = 1.2
"""Growth of the fused map after which it is logged again."""
PATH_HEIGHT = 0.05
"""Metres above the floor at which the path is drawn."""


def watch(run: Path, out: Path | None = None, frames: int = 400, view: bool = False, follow: bool = False) -> Path:
    """Write the recording (RUN/watch.rrd unless `out` is given) and return its file; with `view` also to the viewer.

    At most `frames` of the remembered frames are in it, evenly over the life so far. With `follow`, what the run adds
    is added until it ends, thinned alike. UserError where the extra `view` is not installed, or the folder is no run's
    or has no frames yet.
    """
    need_rerun()
    if frames < 1:
        raise UserError(f"--frames must be 1 or more, got {frames}")
    RunFrames(run)
    file = out or run / "watch.rrd"
    with recording(run, file, frames, view) as look:
        ended = False
        while not ended:
            ended = not follow or (run / "summary.json").exists()
            look()
            if not ended:
                time.sleep(PAUSE)
        if view and not has_display():
            wait_for_interrupt()
    return file


def wait_for_interrupt() -> None:
    """Until Ctrl-C: a page that is served ends with the program."""
    print("Ctrl-C ends it", file=sys.stderr)
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)


def need_rerun() -> None:
    """UserError where the extra `view` is not installed."""
    try:
        import rerun  # noqa: F401
    except ImportError:
        raise UserError("watching needs Rerun: pip install 'testspace[view]'") from None


@contextmanager
def recording(run: Path, file: Path, frames: int = 400, view: bool = False) -> Iterator[Callable[[], None]]:
    """A recording of a run; what it yields, when called, adds what the run has stored since the last time.

    With `view` it also goes to a viewer, see `report.viewer`. A viewer that is closed stops nothing, and the file is
    kept however the block ends. Until then it is called .tmp.
    """
    import rerun

    unfinished = file.with_name(f"{file.name}.tmp")
    logged = _Logged(frames)
    with (
        open_viewer() if view else nullcontext() as viewer,
        rerun.RecordingStream("testspace", recording_id=run.name) as stream,
    ):
        sinks = [rerun.FileSink(unfinished), *([] if viewer is None else [viewer])]
        stream.set_sinks(*sinks, default_blueprint=_layout())
        try:
            yield lambda: _log_new(stream, run, logged)
        finally:  # Ctrl-C too keeps what was recorded
            with suppress(RuntimeError):  # the viewer was closed; Rerun says so itself
                stream.flush(timeout_sec=LONGEST_FLUSH)
            stream.disconnect()
            unfinished.replace(file)


@dataclass
class _Logged:
    """How far the recording is."""

    frames: int
    """Of the agent's frames, at most so many at a time."""
    step: int = -1
    """The last frame of the life that is in it."""
    rows: int = 0
    """Rows of metrics.jsonl that are in it."""
    cells: int = 0
    """Cells of the fused map when it was logged last."""
    scored: int = 0
    """Evaluations of the run when it was logged last."""


def _log_new(stream: RecordingStream, run: Path, logged: _Logged) -> None:
    """What the run has stored since the last time."""
    import rerun

    remembered = RunFrames(run)
    classes = list(zip(range(len(CLASSES)), CLASSES, class_colours(), strict=True))
    stream.log("/", rerun.ViewCoordinates.RIGHT_HAND_Y_UP, rerun.AnnotationContext(classes), static=True)
    _log_house(stream, run, remembered)
    _log_semantic_map(stream, run, logged)
    _log_frames(stream, run, remembered, logged)
    _log_held_out(stream, run)
    _log_curves(stream, run, logged)


def _layout() -> Any:
    """The house on the left; on the right what the agent modalities, held-out views, and curves."""
    import rerun.blueprint as rrb

    modalities = [
        rrb.Spatial2DView(origin=f"{CAMERA}/{name}" if name in ("rgb", "depth") else f"modalities/{name}", name=name)
        for name in ("rgb", "depth", "normals", "edges")
    ]
    prediction = rrb.Spatial2DView(origin="modalities/prediction", name="prediction")
    views = rrb.Grid(*(rrb.Spatial2DView(origin=f"held_out/{name}", name=name) for name in SHOWN), name="held out")
    curves = rrb.Vertical(
        *(rrb.TimeSeriesView(origin=name, name=name) for name in ("mIoU", "coverage", "losses")), name="curves"
    )
    right = rrb.Vertical(rrb.Grid(*modalities, prediction), rrb.Tabs(curves, views))
    house = rrb.Spatial3DView(origin="house", contents=["$origin/**", f"- {DOUBT}/**"], name="house")
    doubt = rrb.Spatial3DView(origin="house", contents=["$origin/**", "- house/semantic/**"], name="doubt")
    return rrb.Blueprint(rrb.Horizontal(rrb.Tabs(house, doubt), right), collapse_panels=True)


def _log_house(stream: RecordingStream, run: Path, remembered: RunFrames) -> None:
    """Rooms and path, where they are stored yet, and the places of all frames that the agent remembers."""
    import rerun

    plan = read_report_arrays(run / "report_data" / "map.npz")
    if plan:
        starts = plan["room_starts"].tolist()
        rooms = [plan["room_points"][a:b] for a, b in pairwise(starts)]
        outlines = [_on_floor(np.concatenate([room, room[:1]]), 0.0) for room in rooms]
        names = [str(name) for name in plan["room_types"]]
        stream.log("house/rooms", rerun.LineStrips3D(outlines, labels=names, colors=[90, 96, 105]), static=True)
        path = rerun.LineStrips3D([_on_floor(plan["path"], PATH_HEIGHT)], colors=[47, 111, 178])
        stream.log("house/path", path, static=True)
    held = rerun.Points3D(_on_floor(remembered.poses[:, [0, 2]], PATH_HEIGHT), radii=0.03, colors=[224, 142, 33])
    stream.log("house/remembered", held, static=True)


def _log_semantic_map(stream: RecordingStream, run: Path, logged: _Logged) -> None:
    """The fused map without its ceilings, in class colours, and its doubt, where a map is stored yet.

    The file keeps everything that is logged, so a map that has hardly grown is logged only after an evaluation.
    """
    import rerun

    stored = read_semantic_map(run)
    scored = _evaluations(run)
    if stored is None or (len(stored.places) < GROWN * logged.cells and scored == logged.scored):
        return
    logged.cells, logged.scored = len(stored.places), scored
    keep = below_the_ceiling(stored)
    centres, radius, doubt = stored.centres[keep], stored.cell / 2, stored.doubt[keep]
    classes = stored.classes[keep].astype(np.uint16)
    stream.log("house/semantic", rerun.Points3D(centres, radii=radius, class_ids=classes), static=True)
    stream.log(DOUBT, rerun.Points3D(centres, radii=radius, colors=doubt_colours(doubt)), static=True)


def _log_frames(stream: RecordingStream, run: Path, remembered: RunFrames, logged: _Logged) -> None:
    """The camera and its modalities at frames that are new, evenly over them, and what the specialist makes of rgb."""
    import rerun

    new = np.flatnonzero(remembered.steps > logged.step)
    count = math.ceil(logged.frames * len(new) / len(remembered))
    camera, specialist = remembered.camera, specialist_of(run)
    optics = rerun.Pinhole(
        focal_length=camera.focal, width=camera.width, height=camera.height, camera_xyz=rerun.ViewCoordinates.RUB,
        image_plane_distance=0.5,
    )  # fmt: skip
    stream.log(CAMERA, optics, static=True)
    for index in np.unique(new[np.linspace(0, len(new) - 1, min(count, len(new))).round().astype(int)]).tolist():
        frame, pose = remembered.frame(index), remembered.poses[index]
        stream.set_time(TIMELINE, sequence=int(remembered.steps[index]))
        stream.log("house/agent", rerun.Transform3D(translation=pose[:3], mat3x3=rotation(pose)))
        stream.log(f"{CAMERA}/rgb", rerun.Image(frame["rgb"]))
        stream.log(f"{CAMERA}/depth", rerun.DepthImage(frame["depth"], meter=1.0))
        stream.log("modalities/normals", rerun.Image(draw_normals(frame["normals"])))
        stream.log("modalities/edges", rerun.Image(frame["edges"]))
        if specialist is not None:
            prediction = specialist(frame["rgb"][None])[0].astype(np.uint16)
            stream.log("modalities/prediction", rerun.SegmentationImage(prediction))
    logged.step = int(remembered.steps[-1])


def _log_held_out(stream: RecordingStream, run: Path) -> None:
    """Held-out views of the last evaluation, one below the other: rgb, the truth, and each method's prediction."""
    import rerun

    panels = read_report_arrays(run / "report_data" / "panels.npz")
    for name in (name for name in SHOWN if name in panels):
        column = np.concatenate(list(panels[name]))
        picture = rerun.Image(column) if name == "rgb" else rerun.SegmentationImage(column.astype(np.uint16))
        stream.log(f"held_out/{name}", picture, static=True)


def _log_curves(stream: RecordingStream, run: Path, logged: _Logged) -> None:
    """mIoU by method, coverage and losses over the run."""
    import rerun

    rows, _ = read_rows(run)  # the last one may be being written
    logged.rows, rows = len(rows), rows[logged.rows :]
    for row in rows:
        stream.set_time(TIMELINE, sequence=int(row["frame"]))
        if row["kind"] == "rollout":
            stream.log("coverage/floor", rerun.Scalars(row["coverage"]))
            stream.log("coverage/remembered_views", rerun.Scalars(row["buffer_coverage"]))
            for name, value in row["losses"].items():
                if name.startswith("loss"):
                    stream.log(f"losses/{name}", rerun.Scalars(value))
        elif row["kind"] == "evaluation" and "miou" in row:
            stream.log(f"mIoU/{row['method']}", rerun.Scalars(row["miou"]))


def _evaluations(run: Path) -> int:
    return sum(row["kind"] == "evaluation" for row in read_rows(run)[0])


def _on_floor(points: NDArray[np.floating], height: float) -> NDArray[np.float32]:
    """Points (N, 2) of x and z as (N, 3) at this height."""
    return np.stack([points[:, 0], np.full(len(points), height), points[:, 1]], -1).astype(np.float32)
