"""How good the generalist is in real houses that it never saw: mIoU from rgb, and with depth.

    python -m testspace.experiments.generalist.validate shipped houses.jsonl.gz:7,19,26,28 --views 400

prints the table of docs/generalist.md for the shipped weights, or for a file of weights in place of "shipped".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch.nn import functional as F

from ...core.errors import UserError, ending_in_one_line
from ...core.frame import Camera
from ...core.normals import normals_from_depth
from ...core.progress import Progress
from ...envs.assembly.building import build_scene
from ...envs.gym_envs.sensor_noise import StereoCamera
from ...envs.house.classes import CLASSES
from ...envs.house.house_io import load_house
from ...envs.render.raycast import RayCastSimulator
from ...learners.generalist.geometry import geometry_channels
from ...learners.generalist.inference import folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.views import PIXELS, PLACES
from ...learners.generalist.weights import load_generalist, load_weights, read_provenance
from ...learners.metrics.miou import segmentation_score
from ..protocol.held_out import draw_views
from ..protocol.score import MIN_SHARE
from ..protocol.transfer_set import house_assets
from .exclusion import known_assets

MODES = ("rgb", "rgb-d", "noisy rgb-d")
"""What the network is given: rgb; with exact depth and normals; with a stereo camera's."""
_HEIGHT = 1.5
_BATCH = 40


def references(text: str) -> list[str]:
    """What "FILE:LINE,LINE,..." means: "FILE:LINE" of each house; of "FILE" alone, just that."""
    name, colon, lines = text.rpartition(":")
    if colon and name and all(line.isdecimal() for line in lines.split(",")):
        return [f"{name}:{line}" for line in lines.split(",")]
    return [text]


class _Views(NamedTuple):
    """Held-out views of one house."""

    rgb: NDArray[np.uint8]
    semantic: NDArray[np.int16]
    poses: NDArray[np.float32]
    exact: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Depth and normals."""
    noisy: tuple[NDArray[np.float32], NDArray[np.float32]]


class ValidationHouses:
    """Held-out views of houses of a file, rendered once and kept in memory (0.15 MB a view)."""

    def __init__(self, references: Sequence[str], views: int) -> None:
        """references: "FILE:LINE" of each house; HouseError where there is none. views: of each house."""
        self._houses = {reference: _views_of(reference, views) for reference in references}

    def evaluate(self, network: Generalist) -> dict[str, dict[str, float]]:
        """mIoU (0 to 1) by mode and house, "mean" among them."""
        network = folded(network)
        found: dict[str, dict[str, float]] = {}
        for mode in MODES:
            scores = {
                Path(reference).name.rpartition(":")[2]: segmentation_score(
                    predict(network, views, mode), views.semantic, len(CLASSES), MIN_SHARE
                ).miou
                for reference, views in self._houses.items()
            }
            found[mode] = {**scores, "mean": float(np.mean(list(scores.values())))}
        return found


@torch.inference_mode()
def predict(network: Generalist, views: _Views, mode: str) -> NDArray[np.int16]:
    """Class ids int16 (N, 64, 64), never void."""
    parts = []
    for start in range(0, len(views.rgb), _BATCH):
        part = slice(start, start + _BATCH)
        geometry = None
        if mode != "rgb":
            depth, normals = views.exact if mode == "rgb-d" else views.noisy
            geometry = geometry_channels(
                torch.from_numpy(depth[part]), torch.from_numpy(normals[part]), views.poses[part]
            )
        logits = network(torch.from_numpy(views.rgb[part]), geometry)
        full = F.interpolate(logits.float(), views.semantic.shape[1:], mode="bilinear", align_corners=False)
        parts.append((full[:, 1:].argmax(1) + 1).to(torch.int16).numpy())
    return np.concatenate(parts)


def _views_of(reference: str, count: int) -> _Views:
    camera, rng = Camera(PLACES, PLACES), np.random.default_rng([0, 1])
    simulator = RayCastSimulator(build_scene(load_house(reference)), camera, threads=1, light="direct")
    frame, labels = draw_views(simulator, count, _HEIGHT, rng)
    stereo = StereoCamera()
    depth = np.stack([stereo.depth(one, camera, rng) for one in frame["depth"]])
    simulator.camera = Camera(PIXELS, PIXELS)
    rgb = simulator.render(frame["pose"])["rgb"]
    return _Views(
        rgb,
        labels.semantic,
        frame["pose"],
        (frame["depth"], frame["normals"]),
        (depth, normals_from_depth(depth, camera)),
    )


def table(network: Generalist, excluded: Collection[str], houses: Sequence[str], views: int) -> str:
    """Markdown: a row a house, its mIoU in each mode, in percent, and how many of its assets the network knows.

    excluded: assets that training left out. houses: "FILE:LINE" of each; HouseError where there is none.
    """
    used = folded(network)
    rows, scores = [], np.zeros((len(houses), len(MODES)))
    with Progress() as progress, progress.stage("houses") as advance:
        for number, reference in enumerate(houses):
            seen, house = _views_of(reference, views), load_house(reference)
            for column, mode in enumerate(MODES):
                predicted = predict(used, seen, mode)
                scores[number, column] = segmentation_score(predicted, seen.semantic, len(CLASSES), MIN_SHARE).miou
            known = f"{len(known_assets(house, excluded))} of {len(house_assets(house))}"
            rows.append(_row(Path(reference).name.rpartition(":")[2], scores[number], known))
            advance(number + 1, len(houses))
    head = ["| house (line) | " + " | ".join(MODES) + " | assets known |", "| --- |" + " --- |" * (len(MODES) + 1)]
    return "\n".join([*head, *rows, _row("**mean**", scores.mean(0), "")])


def _row(name: str, scores: NDArray[np.float64], known: str) -> str:
    return f"| {name} | " + " | ".join(f"{score:.1%}" for score in scores) + f" | {known} |"


def weights_of(name: str) -> tuple[Generalist, dict[str, Any]]:
    """The network and how it was made: of a file, or of "shipped", which comes with the package. WeightsError."""
    if name == "shipped":
        return load_generalist(CLASSES)
    return load_weights(Path(name), CLASSES), read_provenance(Path(name))


@dataclass(frozen=True)
class Asked:
    """The generalist's mIoU in ProcTHOR houses, from rgb and with depth."""

    weights: tyro.conf.Positional[str]
    """File of weights, or "shipped"."""
    houses: tyro.conf.Positional[str]
    """FILE:LINE,... of the houses, lines from 0."""
    views: int = 400
    """Held-out views of each house."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the houses that the command line names."""
    asked = tyro.cli(Asked, prog="python -m testspace.experiments.generalist.validate", args=arguments)
    with ending_in_one_line("validate"):
        if asked.views < 1:
            raise UserError(f"--views must be 1 or more, got {asked.views}")
        network, provenance = weights_of(asked.weights)
        print(table(network, provenance.get("excluded_assets", ()), references(asked.houses), asked.views))


if __name__ == "__main__":
    main()
