"""`testspace render`: images of a house without an agent: its best views in all modalities, and its plan."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera, Frame, Labels
from ...envs.house.classes import CLASS_ID, STRUCTURE
from ...envs.packs.credits import write_credits
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import RoomArea, Scene
from ..protocol.held_out import draw_views
from ..report.drawings import Image, beside, modalities
from ..report.plan import draw_plan
from .find_scene import find_scene

CANDIDATES = 240
"""Number of small candidate views."""
FIELD = 62.0
"""Vertical field of view in degrees."""
MIN_DISTANCE = 1.5
"""Minimum distance between two views, in metres."""
CAMERA_HEIGHT = 1.45
"""Camera height above the floor, in metres."""
NO_ROOM = -1


@dataclass(frozen=True)
class RenderConfig:
    """Settings of `testspace render`."""

    out: Path
    """Output folder."""
    house: str | None = None
    """House file, Replica folder or mesh; without it, a house is generated from the seed."""
    seed: int = 12
    """Number of the generated house, and seed of the views and of the change."""
    views: int = 4
    """Number of views."""
    size: str = "480x360"
    """Size of a view in pixels, WIDTHxHEIGHT."""
    antialias: int = 3
    """Rays per pixel and axis, for the colour."""
    change: str | None = None
    """Render the house after this change, as in "lighting=0.6,objects=0.3"."""
    assets: str | None = None
    """Furniture pack to use instead of the built-in shapes."""
    up: Literal["y", "z", "-y"] | None = None
    """Axis of a mesh file that points up; None for its format's own."""
    scale: float = 1.0
    """Metres of one unit of a mesh file."""


def render_house(config: RenderConfig) -> tuple[list[Path], list[str]]:
    """Write panels.png, plan.png, views/NN_*.png and index.json into a new folder.

    Returns the files, and messages about a mesh file. Nothing is written before all settings are validated.
    """
    width, height = read_size(config.size)
    for name, value in (("views", config.views), ("antialias", config.antialias)):
        if value < 1:
            raise UserError(f"--{name} must be 1 or more, got {value}")
    if config.out.exists() and (not config.out.is_dir() or any(config.out.iterdir())):
        raise UserError(f"{config.out} exists and is not empty; name an empty or new folder with --out")
    mesh_options: dict[str, Any] = {"up": config.up, "scale": config.scale}
    scene, messages = find_scene(config.house, config.seed, change=config.change, assets=config.assets, **mesh_options)
    # the views are those of the unchanged house, so that images before and after the change can be compared
    unchanged = find_scene(config.house, config.seed, **mesh_options)[0] if config.change or config.assets else scene
    poses, rooms = choose_views(unchanged, config.views, config.seed)
    simulator = RayCastSimulator(scene, camera(width, height), antialias=config.antialias)
    frame, labels = simulator.render_with_labels(poses)
    (config.out / "views").mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    rows = []
    for index in range(len(poses)):
        images = modalities({key: value[index] for key, value in frame.items()}, labels_of(labels, index))
        for name, image in images.items():
            written.append(save(config.out / "views" / f"{index:02d}_{name}.png", image))
        rows.append(beside(list(images.values())))
    written.append(save(config.out / "panels.png", beside(rows, axis=0)))
    written.append(save(config.out / "plan.png", draw_plan(scene, simulator.floor, poses)))
    views = [
        {"pose": [round(float(v), 4) for v in pose], "room": room and room.id, "type": room and room.type}
        for pose, room in zip(poses, rooms, strict=True)
    ]
    index_file = {
        "house": scene.source, "seed": config.seed, "change": config.change, "assets": config.assets,
        "size": [width, height], "vertical_field": FIELD, "views": views,
        "files": [str(path.relative_to(config.out)) for path in written],
    }  # fmt: skip
    credits = write_credits(scene, config.out)
    if credits is not None:
        written.insert(0, credits)
    path = config.out / "index.json"
    path.write_text(json.dumps(index_file, indent=1) + "\n")
    return [*written, path], messages


def camera(width: int, height: int) -> Camera:
    """Camera of a view."""
    return Camera(width, height, FIELD)


def read_size(text: str) -> tuple[int, int]:
    """Parse "480x360" into width and height."""
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text.strip())
    if not match or min(int(match[1]), int(match[2])) < 16:
        raise UserError(f"--size must be WIDTHxHEIGHT of 16 pixels or more, as in 480x360, got {text!r}")
    return int(match[1]), int(match[2])


def save(path: Path, image: Image) -> Path:
    """Write an RGB image as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise UserError(f"{path} cannot be written")
    return path


def labels_of(labels: Labels, index: int) -> Labels:
    """Labels of one view of a batch."""
    return Labels(labels.semantic[index], labels.instance[index])


def choose_views(scene: Scene, count: int, seed: int) -> tuple[NDArray[np.float32], list[RoomArea | None]]:
    """Poses float32 (N, 6) of good views, and the room of each; fewer if the house has no more.

    Good views show many objects and a large depth, with nothing large close to the camera. Rooms take turns, larger
    ones first, and views keep a minimum distance. A mesh may have no rooms.
    """
    small = RayCastSimulator(scene, Camera(64, 48, FIELD), light="direct", shadows=False)
    frame, labels = draw_views(small, CANDIDATES, small.floor.level + CAMERA_HEIGHT, np.random.default_rng(seed))
    score = _score(frame, labels)
    outlines = [shapely.Polygon(room.polygon) for room in scene.rooms]
    positions = frame["pose"][:, [0, 2]]
    rooms = np.array([_room(outlines, x, z) for x, z in positions])
    order = sorted(range(len(outlines)), key=lambda k: -outlines[k].area) or [NO_ROOM]
    ranked = {room: [int(v) for v in np.argsort(-score, kind="stable") if rooms[v] == room] for room in order}
    chosen: list[int] = []
    while len(chosen) < count and any(ranked.values()):
        for room in order:
            while ranked[room] and len(chosen) < count:
                view = ranked[room].pop(0)
                if all(np.linalg.norm(positions[view] - positions[other]) >= MIN_DISTANCE for other in chosen):
                    chosen.append(view)
                    break
    view_rooms = [None if rooms[view] == NO_ROOM else scene.rooms[rooms[view]] for view in chosen]
    return frame["pose"][chosen].astype(np.float32), view_rooms


def _room(outlines: list[Any], x: float, z: float) -> int:
    """Index of the room at a point, or nearest to it."""
    distances = [float(outline.distance(shapely.Point(x, z))) for outline in outlines]
    return int(np.argmin(distances)) if distances else NO_ROOM


def _score(frame: Frame, labels: Labels) -> NDArray[np.float64]:
    """Score of views (N, ...), higher is better."""
    scores = []
    structure = [CLASS_ID[name] for name in ("void", *STRUCTURE)]
    object_share = np.isin(labels.semantic, structure, invert=True).mean((1, 2))
    for k, (depth, instance, pose) in enumerate(zip(frame["depth"], labels.instance, frame["pose"], strict=True)):
        fractions = np.bincount(instance.ravel()) / instance.size
        fractions = fractions[fractions > 0.002]
        variety = -(fractions * np.log(fractions)).sum()
        near_fraction = float(((depth > 0) & (depth < 1.3)).mean())
        far_depth = float(np.clip(np.percentile(depth, 80) / 5, 0, 1))
        scores.append(
            len(fractions) / 12
            + variety
            + 3 * object_share[k]
            + far_depth
            - 4 * near_fraction
            - abs(float(pose[4]) + 12) / 25
        )
    return np.array(scores)
