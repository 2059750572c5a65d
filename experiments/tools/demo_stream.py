"""The demo in Rerun: the fused map in 3D, the camera in it, and what it sees beside what the network takes it for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

from ...core.frame import Camera, rotation
from ...envs.house.classes import CLASSES, class_colours
from ..report.semantic_drawing import below_the_ceiling
from ..report.viewer import open_viewer

if TYPE_CHECKING:
    from .demo import Moment

HOUSE, AGENT, LENS = "house", "house/agent", "house/agent/camera"
PATIENCE = 10.0
"""Seconds after which a viewer that takes nothing more is given up."""


@contextmanager
def demo_stream(camera: Camera) -> Iterator[Callable[[Moment], None] | None]:
    """What shows a moment in Rerun's viewer; None where Rerun is not installed, which is said on stderr."""
    try:
        import rerun
        import rerun.blueprint as rrb
    except ImportError:
        print("to watch it live in 3D: pip install 'testspace[view]'", file=sys.stderr)
        yield None
        return
    views = [
        rrb.Spatial2DView(origin=f"{LENS}/{name}" if name in ("rgb", "depth") else name, name=name)
        for name in ("rgb", "depth", "one_view", "all_views")
    ]
    layout = rrb.Blueprint(
        rrb.Horizontal(rrb.Spatial3DView(origin=HOUSE, name="map"), rrb.Grid(*views)), collapse_panels=True
    )
    classes = list(zip(range(len(CLASSES)), CLASSES, class_colours(), strict=True))

    def show(moment: Moment) -> None:
        pose, frame = moment.frame["pose"], moment.frame
        stream.set_time("step", sequence=moment.step)
        stream.log(AGENT, rerun.Transform3D(translation=pose[:3], mat3x3=rotation(pose)))
        stream.log(f"{LENS}/rgb", rerun.Image(frame["rgb"]))
        stream.log(f"{LENS}/depth", rerun.DepthImage(frame["depth"], meter=1.0))
        for name, labels in (("one_view", moment.guess), ("all_views", moment.fused)):
            stream.log(name, rerun.SegmentationImage(labels.astype(np.uint16)))
        kept = below_the_ceiling(moment.stored)
        points, ids = moment.stored.centres[kept], moment.stored.classes[kept]
        stream.log(
            f"{HOUSE}/map", rerun.Points3D(points, class_ids=ids.astype(np.uint16), radii=moment.stored.cell / 2)
        )
        way = np.insert(moment.path, 1, 0.05, axis=1)
        stream.log(f"{HOUSE}/path", rerun.LineStrips3D([way.astype(np.float32)]))

    with open_viewer() as viewer:
        if viewer is None:
            yield None
            return
        with rerun.RecordingStream("testspace demo") as stream:
            stream.set_sinks(viewer, default_blueprint=layout)
            stream.log("/", rerun.ViewCoordinates.RIGHT_HAND_Y_UP, rerun.AnnotationContext(classes), static=True)
            lens = rerun.Pinhole(
                focal_length=camera.focal, width=camera.width, height=camera.height,
                camera_xyz=rerun.ViewCoordinates.RUB, image_plane_distance=0.6,
            )  # fmt: skip
            stream.log(LENS, lens, static=True)
            try:
                yield show
            finally:
                with suppress(RuntimeError):  # the viewer was closed
                    stream.flush(timeout_sec=PATIENCE)
