"""What the generalist endures: its mIoU in houses as each camera of `envs.camera.examples` sees them.

    python -m testspace.experiments.generalist.cameras shipped houses.jsonl.gz:7,19,26,28

prints the table of docs/generalist.md for the shipped weights, or for a weights file in place of "shipped".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tyro

from ...core.errors import UserError, ending_in_one_line
from ...core.frame import Camera
from ...core.progress import Progress
from ...core.text_table import markdown
from ...envs.assembly.building import build_scene
from ...envs.camera.examples import EXAMPLES
from ...envs.camera.model import CameraModel
from ...envs.house.classes import CLASSES
from ...envs.house.house_io import load_house
from ...envs.render.raycast import RayCastSimulator
from ...learners.generalist.inference import classify_frames, folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.views import PIXELS
from ...learners.metrics.miou import segmentation_score
from ..protocol.held_out import draw_views
from ..protocol.named_weights import load_named
from ..protocol.score import MIN_SHARE
from .validate import references

_FOV = 65.0
"""Vertical field of view, in degrees: a distorting lens needs a wider picture to draw from."""
_HEIGHT = 1.5
MODELS = {"exact": CameraModel(), **EXAMPLES}


def table(network: Generalist, houses: Sequence[str], views: int) -> str:
    """Markdown table with a row per camera: mIoU in percent from rgb and with depth, and the loss against exact frames.

    houses: "FILE:LINE" of each; HouseError if it does not exist. views: held-out views of each.
    """
    network, camera = folded(network), Camera(PIXELS, PIXELS, _FOV)
    scores = np.zeros((len(MODELS), 2, len(houses)))
    with Progress() as progress, progress.stage("houses") as advance:
        for number, reference in enumerate(houses):
            simulator = RayCastSimulator(build_scene(load_house(reference)), camera, threads=1, light="direct")
            poses = draw_views(simulator, views, _HEIGHT, np.random.default_rng([0, 1]))[0]["pose"]
            for row, model in enumerate(MODELS.values()):
                simulator.camera = model.source_camera(camera)
                exact, truth = simulator.render_with_labels(poses)
                frames, labels = model.apply(exact, camera, np.random.default_rng(0), truth)
                for mode in range(2):
                    predicted = classify_frames(network, frames, camera, depth=bool(mode))
                    score = segmentation_score(predicted, labels.semantic, len(CLASSES), MIN_SHARE)
                    scores[row, mode, number] = 100 * score.miou
                advance(number * len(MODELS) + row + 1, len(houses) * len(MODELS), reference)
    means = scores.mean(2)
    rows = [
        [name, *(f"{one:.1f}" for one in mean), *(f"{one:+.1f}" for one in mean - means[0])]
        for name, mean in zip(MODELS, means, strict=True)
    ]
    return markdown(["camera", "rgb", "rgb-d", "change, rgb", "change, rgb-d"], rows)


@dataclass(frozen=True)
class CamerasConfig:
    """Evaluate the generalist as different cameras see ProcTHOR houses."""

    weights: tyro.conf.Positional[str]
    """Weights file, or "shipped"."""
    houses: tyro.conf.Positional[str]
    """FILE:LINE,... of the houses; lines count from 0."""
    views: int = 100
    """Held-out views per house."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the houses given on the command line."""
    config = tyro.cli(CamerasConfig, prog="python -m testspace.experiments.generalist.cameras", args=arguments)
    with ending_in_one_line("cameras"):
        if config.views < 1:
            raise UserError(f"--views must be 1 or more, got {config.views}")
        print(table(load_named(config.weights)[0], references(config.houses), config.views))


if __name__ == "__main__":
    main()
