"""Evaluation of the generalist in unseen real houses: mIoU from rgb, and with depth.

    python -m testspace.experiments.generalist.validate shipped houses.jsonl.gz:7,19,26,28 --views 400

prints the table of docs/generalist.md for the shipped weights, or for a weights file in place of "shipped".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

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
from ...learners.metrics.miou import segmentation_score
from ..protocol.held_out import draw_views
from ..protocol.named_weights import load_named
from ..protocol.score import MIN_SHARE
from ..protocol.transfer_set import house_assets
from .exclusion import known_assets

MODES = ("rgb", "rgb-d", "noisy rgb-d")
"""Inputs of the network: rgb only, with exact depth and normals, with those of a stereo camera."""
_WORST, _CONFUSED = 8, 0.1
"""Rows of the table of confusions, and the least share of a class's pixels that is shown as taken for another."""
_HEIGHT = 1.5
_BATCH = 40


def references(text: str) -> list[str]:
    """Expand "FILE:LINE,LINE,..." to one "FILE:LINE" per house; "FILE" stays as it is."""
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
        """references: "FILE:LINE" of each house; HouseError if it does not exist. views: per house."""
        self._houses = {reference: _render_views(reference, views) for reference in references}

    def evaluate(self, network: Generalist) -> dict[str, dict[str, float]]:
        """mIoU (0 to 1) by mode and house, and the "mean" of the houses."""
        network = folded(network)
        miou: dict[str, dict[str, float]] = {}
        for mode in MODES:
            scores = {
                Path(reference).name.rpartition(":")[2]: segmentation_score(
                    predict(network, views, mode), views.semantic, len(CLASSES), MIN_SHARE
                ).miou
                for reference, views in self._houses.items()
            }
            miou[mode] = {**scores, "mean": float(np.mean(list(scores.values())))}
        return miou


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


def _render_views(reference: str, count: int) -> _Views:
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
    """Markdown table with one row per house: mIoU in each mode in percent, and the number of assets seen in training.

    excluded: assets excluded from training. houses: "FILE:LINE" of each; HouseError if it does not exist.
    """
    folded_network = folded(network)
    rows, scores = [], np.zeros((len(houses), len(MODES)))
    with Progress() as progress, progress.stage("houses") as advance:
        for number, reference in enumerate(houses):
            tested, house = _render_views(reference, views), load_house(reference)
            for column, mode in enumerate(MODES):
                predicted = predict(folded_network, tested, mode)
                scores[number, column] = segmentation_score(predicted, tested.semantic, len(CLASSES), MIN_SHARE).miou
            known = f"{len(known_assets(house, excluded))} of {len(house_assets(house))}"
            rows.append(_row(Path(reference).name.rpartition(":")[2], scores[number], known))
            advance(number + 1, len(houses))
    head = ["| house (line) | " + " | ".join(MODES) + " | assets known |", "| --- |" + " --- |" * (len(MODES) + 1)]
    return "\n".join([*head, *rows, _row("**mean**", scores.mean(0), "")])


def _row(name: str, scores: NDArray[np.float64], known: str) -> str:
    return f"| {name} | " + " | ".join(f"{score:.1%}" for score in scores) + f" | {known} |"


def confusions(network: Generalist, houses: Sequence[str], views: int) -> str:
    """Markdown table of the classes that are wrong most often: the share of their pixels that is right, from rgb and
    with depth, and what they are taken for.

    A class counts in the houses in which it has at least MIN_SHARE of the pixels.
    """
    folded_network = folded(network)
    counts = np.zeros((2, len(CLASSES), len(CLASSES)), np.int64)  # by mode, true class and predicted class
    with Progress() as progress, progress.stage("houses") as advance:
        for number, reference in enumerate(houses):
            tested = _render_views(reference, views)
            true = tested.semantic.ravel()
            shares = np.bincount(true, minlength=len(CLASSES)) / (true > 0).sum()
            counted = (true > 0) & (shares[true] >= MIN_SHARE)
            for mode in range(2):
                predicted = predict(folded_network, tested, MODES[mode]).ravel()
                np.add.at(counts[mode], (true[counted], predicted[counted]), 1)
            advance(number + 1, len(houses))
    right = counts.diagonal(axis1=1, axis2=2) / np.maximum(counts.sum(2), 1)
    present = np.flatnonzero(counts.sum((0, 2)))
    rows = ["| class | right, rgb | right, rgb-d | taken for, from rgb |", "| --- | --- | --- | --- |"]
    for one in present[np.argsort(right[0][present])][:_WORST]:
        shares = counts[0, one] / counts[0, one].sum()
        others = [c for c in np.argsort(-shares)[:3] if c != one and shares[c] >= _CONFUSED]
        taken = ", ".join(f"{CLASSES[c]} ({shares[c]:.0%})" for c in others)
        rows.append(f"| {CLASSES[one]} | {right[0, one]:.0%} | {right[1, one]:.0%} | {taken} |")
    return "\n".join(rows)


@dataclass(frozen=True)
class ValidateConfig:
    """Evaluate the generalist's mIoU in ProcTHOR houses, from rgb and with depth."""

    weights: tyro.conf.Positional[str]
    """Weights file, or "shipped"."""
    houses: tyro.conf.Positional[str]
    """FILE:LINE,... of the houses; lines count from 0."""
    views: int = 400
    """Held-out views per house."""
    confusions: bool = False
    """Print which classes are wrong most often instead, and what they are taken for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the houses given on the command line."""
    config = tyro.cli(ValidateConfig, prog="python -m testspace.experiments.generalist.validate", args=arguments)
    with ending_in_one_line("validate"):
        if config.views < 1:
            raise UserError(f"--views must be 1 or more, got {config.views}")
        network, provenance = load_named(config.weights)
        if config.confusions:
            print(confusions(network, references(config.houses), config.views))
            return
        print(table(network, provenance.get("excluded_assets", ()), references(config.houses), config.views))


if __name__ == "__main__":
    main()
