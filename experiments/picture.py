"""The pictures of the README: what an agent senses in a generated house, one view a row; its plan; and changes of it.

python -m testspace.experiments.picture --seed 12 --out docs/images/panels.png
python -m testspace.experiments.picture --what plan --seed 21 --out docs/images/plan.png
python -m testspace.experiments.picture --what change --seed 21 --out docs/images/change.png
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import tyro

from ..envs.classes import class_colours
from ..envs.frame import Camera
from ..envs.generator import generate_house
from ..envs.perturbations import perturb
from ..envs.raycast import RayCastSimulator
from ..envs.scene import build_scene
from .drawings import beside
from .held_out import draw_views
from .plan import draw_plan
from .render import ANTIALIAS, FIELD, choose_views, save
from .report_figures import draw_depth, draw_normals

CANDIDATES = 200
"""Views drawn, of which the fullest are shown."""
CHANGES = ("lighting=0.8", "objects=1")
"""What happens to the house in the picture of changes."""
GAP = 4
"""Pixels between two pictures."""


@dataclass(frozen=True)
class PictureConfig:
    """What to draw."""

    out: Path
    """PNG file to write."""
    seed: int = 12
    """Number of the generated house."""
    what: Literal["panels", "plan", "change"] = "panels"
    """Views in all modalities, the plan, or one view before and after two changes."""
    rows: int = 3
    """Views shown: those with the most things in them, each at least 2 m from the others."""


def draw(config: PictureConfig) -> None:
    """Write the picture that is asked for."""
    {"panels": draw_panels, "plan": draw_house, "change": draw_change}[config.what](config)


def draw_house(config: PictureConfig) -> None:
    """Write the house from above, with its plan."""
    scene = build_scene(generate_house(config.seed))
    save(config.out, draw_plan(scene, RayCastSimulator(scene).floor))


def draw_change(config: PictureConfig) -> None:
    """Write one view three times: as it was, in other light, and with small things elsewhere.

    Of the best views, the one in which the moved things change most is shown.
    """
    house = generate_house(config.seed)
    scenes = [build_scene(house), *(build_scene(perturb(house, wanted, config.seed)[0]) for wanted in CHANGES)]
    poses, _ = choose_views(scenes[0], 10, config.seed)
    small = Camera(64, 48, FIELD)
    seen = [RayCastSimulator(scene, small, light="direct").render(poses)["depth"] for scene in (scenes[0], scenes[2])]
    best = int((np.abs(seen[0] - seen[1]) > 0.02).mean((1, 2)).argmax())
    camera = Camera(360, 270, FIELD)
    views = [RayCastSimulator(s, camera, antialias=ANTIALIAS).render(poses[best : best + 1])["rgb"][0] for s in scenes]
    for view, says in zip(views, ("before", *CHANGES), strict=True):
        for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 1)):
            cv2.putText(view, says, (10, 258), cv2.FONT_HERSHEY_DUPLEX, 0.55, colour, thick, cv2.LINE_AA)
    save(config.out, beside(views))


def draw_panels(config: PictureConfig) -> None:
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
    save(config.out, picture)


if __name__ == "__main__":
    draw(tyro.cli(PictureConfig))
