"""The picture at the head of the README: what an agent senses in a generated house, one view a row.

python -m testspace.experiments.picture --seed 12 --out docs/images/panels.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import tyro

from ..envs.classes import class_colours
from ..envs.frame import Camera
from ..envs.generator import generate_house
from ..envs.raycast import RayCastSimulator
from ..envs.scene import build_scene
from .held_out import draw_views
from .report_figures import draw_depth, draw_normals

CANDIDATES = 200
"""Views drawn, of which the fullest are shown."""
GAP = 4
"""Pixels between two pictures."""


@dataclass(frozen=True)
class PictureConfig:
    """What to draw."""

    out: Path
    """PNG file to write."""
    seed: int = 12
    """Number of the generated house."""
    rows: int = 3
    """Views shown: those with the most things in them, each at least 2 m from the others."""


def draw(config: PictureConfig) -> None:
    """Render the views and write the picture: rgb, depth, normals, edges, and the true classes."""
    simulator = RayCastSimulator(build_scene(generate_house(config.seed)), Camera(256, 192, 75.0), antialias=3)
    frame, labels = draw_views(simulator, CANDIDATES, 1.5, np.random.default_rng(config.seed))
    shown = [(np.bincount(view.ravel()) > view.size / 400).sum() for view in labels.instance]
    chosen: list[int] = []
    for view in np.argsort(shown)[::-1]:
        places = frame["pose"][[*chosen, view]][:, [0, 2]]
        if np.linalg.norm(places[:-1] - places[-1], axis=1).min(initial=np.inf) >= 2.0:
            chosen.append(int(view))
        if len(chosen) == config.rows:
            break
    columns = [
        frame["rgb"][chosen],
        draw_depth(frame["depth"][chosen], 8.0),
        draw_normals(frame["normals"][chosen]),
        np.repeat(frame["edges"][chosen][..., None], 3, -1),
        class_colours()[labels.semantic[chosen]],
    ]
    spaced = [np.pad(images, ((0, 0), (0, GAP), (0, GAP), (0, 0)), constant_values=255) for images in columns]
    picture = np.concatenate([np.concatenate(row, 1) for row in zip(*spaced, strict=True)])[:-GAP, :-GAP]
    config.out.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(config.out), picture[..., ::-1]):
        raise OSError(f"{config.out} cannot be written")


if __name__ == "__main__":
    draw(tyro.cli(PictureConfig))
