"""`testspace segment` and `testspace export-onnx`: the generalist, or a run's specialist, put to use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro


def segment(
    source: Annotated[str, tyro.conf.arg(metavar="INPUT")],
    /,
    *,
    out: Path,
    depth: Path | None = None,
    run: Path | None = None,
    weights: Path | None = None,
    every: int = 1,
    frames: int | None = None,
    vertical_fov: float = 90.0,
    camera_height: float = 1.5,
    pitch: float = 0.0,
) -> None:
    """Say what is where in pictures, a video, a recording or a camera's stream: labels, overlays and a legend.

    Args:
        source: A picture (.png, .jpg) or a folder of them; a video (.mp4, .avi, .mov, .mkv, .webm); a recording, whose
            depth and poses are used; a camera, by number (0) or address (rtsp://..., http://...), until Ctrl-C.
        out: New or empty folder for labels/, overlays (or overlay.mp4, or a camera's latest.png), legend.png and
            classes.json.
        depth: Folder of depth maps for pictures, of the same names: 16-bit PNG in millimetres, 0 = no return.
        run: Folder of a finished `testspace run`: its specialist segments, instead of the generalist.
        weights: File of weights; without it and without --run, those that come with testspace.
        every: Take every N-th picture or frame; a camera gives its newest at any time.
        frames: End after so many.
        vertical_fov: Of the camera, in degrees; with --depth, as what follows.
        camera_height: Of the camera above the floor, in metres.
        pitch: Of the camera, in degrees; negative looks down.
    """
    from ..rundir.networks import chosen_weights
    from ..tools.segment import SegmentConfig, segment_source

    config = SegmentConfig(
        source=source, out=out, depth=depth, weights=chosen_weights(weights, run), every=every, frames=frames,
        vertical_fov=vertical_fov, camera_height=camera_height, pitch=pitch,
    )  # fmt: skip
    print(segment_source(config))


def export_onnx(
    *,
    out: Path,
    run: Path | None = None,
    weights: Path | None = None,
    depth: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Write the generalist as an ONNX file, weights inside (pip install 'testspace[onnx]').

    Args:
        out: File to write: .onnx. It takes rgb uint8 (B, 128, 128, 3) and gives logits (B, 112, 32, 32).
        run: Folder of a finished `testspace run`: its specialist is written, instead of the generalist.
        weights: File of weights; without it and without --run, those that come with testspace.
        depth: It also takes depth (B, 64, 64), metres, and camera (B, 4): vertical field of view in degrees, height
            above the floor in metres, pitch and roll in degrees.
    """
    from ..rundir.networks import chosen_weights
    from ..tools.export_onnx import write_onnx

    print(write_onnx(out, chosen_weights(weights, run), depth))
