"""Labelled views of a house in COCO's format, to train detectors and segmenters of other frameworks.

    FOLDER/images/000000.png ...     the views
    FOLDER/annotations.json          COCO instances: boxes, masks (run lengths, not compressed), categories

Category ids are the class ids of `envs.house.classes`; walls, floors and the like have the supercategory "structure".
An image also has its camera `pose` (x, y, z, yaw, pitch, roll of the frame contract) and `vertical_fov`, in degrees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera
from ...core.progress import Advance
from ...envs.house.classes import CLASSES, STRUCTURE
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import Scene
from ..protocol.held_out import draw_views
from .render import save

CAMERA_HEIGHT = 1.5
"""Camera height above the floor, in metres."""
MIN_PIXELS = 16
"""Minimum visible pixels for an instance to be annotated."""
CATEGORIES = [
    {"id": number, "name": name, "supercategory": "structure" if name in STRUCTURE else "object"}
    for number, name in enumerate(CLASSES)
    if number
]
"""The classes, as COCO lists them."""
_BATCH = 16  # views per rendering call


def write_coco(
    scene: Scene,
    folder: Path,
    views: int,
    camera: Camera,
    seed: int,
    advance: Advance | None = None,
) -> dict[str, int]:
    """Write views from random positions to a new or empty folder; returns the numbers of images and annotations.

    UserError if the folder is not empty or `views` is below 1.
    """
    if views < 1:
        raise UserError(f"--views must be 1 or more, got {views}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is not empty; name a new folder")
    simulator, rng = RayCastSimulator(scene, camera), np.random.default_rng(seed)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    while len(images) < views:
        frames, labels = draw_views(simulator, min(_BATCH, views - len(images)), CAMERA_HEIGHT, rng)
        for rgb, pose, instance, semantic in zip(
            frames["rgb"], frames["pose"], labels.instance, labels.semantic, strict=True
        ):
            number = len(images)
            name = f"images/{number:06d}.png"
            save(folder / name, rgb)
            images.append(
                {"id": number, "file_name": name, "width": camera.width, "height": camera.height,
                 "pose": [round(float(value), 4) for value in pose], "vertical_fov": camera.vertical_fov}
            )  # fmt: skip
            annotations += annotations_of(instance, semantic, number, len(annotations) + 1)
        if advance:
            advance(len(images), views)
    content = {
        "info": {"description": f"testspace: {scene.source or 'a scene'}, seed {seed}", "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": CATEGORIES,
    }
    (folder / "annotations.json").write_text(json.dumps(content) + "\n")
    return {"images": len(images), "annotations": len(annotations)}


def annotations_of(
    instance: NDArray[np.int32], semantic: NDArray[np.integer], image: int, first: int
) -> list[dict[str, Any]]:
    """COCO's annotations of one view, from its labels (H, W): of the things that show MIN_PIXELS or more.

    image: its id. first: id of the first annotation; the others follow.
    """
    annotations: list[dict[str, Any]] = []
    for number in np.unique(instance).tolist():
        mask = instance == number
        kind = int(np.bincount(semantic[mask]).argmax())
        if not kind or mask.sum() < MIN_PIXELS:
            continue
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        left, top = int(columns[0]), int(rows[0])
        annotations.append(
            {
                "id": first + len(annotations),
                "image_id": image,
                "category_id": kind,
                "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
                "area": int(mask.sum()),
                "iscrowd": 0,
                "segmentation": {"size": list(mask.shape), "counts": run_lengths(mask)},
            }
        )
    return annotations


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of False and True in turn, False first, down the columns of a mask (H, W), as COCO counts."""
    flat = mask.ravel(order="F")
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff([0, *ends.tolist(), flat.size]).tolist()
    return [0, *runs] if flat[0] else runs
