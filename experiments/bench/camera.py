"""Cost of the camera model beside that of the frame: `python -m testspace.experiments.bench.camera`.

CPU time of each example of `envs.camera.examples` on one thread, as a share of the time in which the ray caster renders
the same frames with all modalities, labels and edges: with direct light, as for data sets, and with baked light.
Rounds take all of them in turn, and the best of each counts, so that the shares hold on a busy machine. The wider
pictures that a distorting lens needs are part of its cost. Last, the same for whole views of a data set, with what it
takes to make a house and to find poses, each house seen by another random camera.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from ...core.frame import Camera
from ...core.text_table import row
from ...datasets import CameraRange, HouseViews, ViewOptions
from ...envs.assembly.building import build_scene
from ...envs.camera.examples import EXAMPLES
from ...envs.camera.model import random_camera
from ...envs.generator.house_reference import find_house
from ...envs.render.raycast import RayCastSimulator
from .machine import describe, publish
from .work import poses_on


@dataclass(frozen=True)
class CameraBench:
    """Settings of the benchmark."""

    house: str = "7"
    """FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house."""
    side: int = 128
    """Side of the square images, in pixels."""
    fov: float = 65.0
    """Vertical field of view of the frames, in degrees: the wider, the more pixels does a distorting lens need."""
    frames: int = 16
    """Frames of a call."""
    rounds: int = 9
    """Rounds; the best one counts."""
    houses: int = 10
    """Houses of the data set."""
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for all figures."""


def measure(config: CameraBench) -> dict[str, Any]:
    """CPU milliseconds a frame, of rendering by light and of each example."""
    scene, camera = build_scene(find_house(config.house)), Camera(config.side, config.side, config.fov)
    direct = RayCastSimulator(scene, camera, threads=1, light="direct")
    baked = RayCastSimulator(scene, camera, threads=1)
    poses = poses_on(direct.floor, config.frames)
    work: dict[str, Callable[[], Any]] = {
        "direct light": partial(direct.render_with_labels, poses),
        "baked light": partial(baked.render_with_labels, poses),
    }
    wider = {}
    for name, model in EXAMPLES.items():
        source = model.source_camera(camera)
        simulator = RayCastSimulator(scene, source, threads=1, light="direct")
        frames, labels = simulator.render_with_labels(poses)
        work[name] = partial(model.apply, frames, camera, np.random.default_rng(0), labels)
        if source != camera:
            wider[name] = f"{name}: rendering"
            work[wider[name]] = partial(simulator.render_with_labels, poses)
    best = dict.fromkeys(work, float("inf"))
    for number in range(config.rounds + 1):  # the first one compiles
        for name, call in work.items():
            start = time.process_time()
            call()
            if number:
                best[name] = min(best[name], 1000 * (time.process_time() - start) / config.frames)
    for name, rendering in wider.items():
        best[name] += max(0.0, best.pop(rendering) - best["direct light"])
    return {"machine": describe(), "side": config.side, "ms_a_frame": best, "ms_a_view": _views(config)}


def _views(config: CameraBench) -> dict[str, float]:
    """CPU milliseconds a view of a data set, of the same houses in turn."""
    options = ViewOptions(camera=CameraRange(config.side, config.side))
    kinds = {"exact": HouseViews(options), "random cameras": HouseViews(replace(options, noise=random_camera))}
    spent = dict.fromkeys(kinds, 0.0)
    for number in range(config.houses):
        kinds["random cameras"].house(number)  # loads what is loaded once
        for name, views in kinds.items():
            start = time.process_time()
            views.house(number)
            spent[name] += time.process_time() - start
    return {name: 1000 * seconds / (config.houses * options.views) for name, seconds in spent.items()}


def table(figures: dict[str, Any]) -> str:
    """The figures as text."""
    cost, side = figures["ms_a_frame"], figures["side"]
    lines = [f"{side} x {side} pixels, one thread", "", row("", "ms a frame", "of direct", "of baked")]
    for name, ms in cost.items():
        shares = (f"{ms / cost[light]:.0%}" for light in ("direct light", "baked light"))
        lines.append(row(name, f"{ms:.2f}", *shares))
    exact, drawn = figures["ms_a_view"].values()
    lines += ["", row("views of a data set", "ms a view", "of exact")]
    lines += [row("exact", f"{exact:.2f}", "100%"), row("random cameras", f"{drawn:.2f}", f"{drawn / exact:.0%}")]
    return "\n".join(lines)


def main(config: CameraBench) -> None:
    """Measure, print the table, and write the figures."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)


if __name__ == "__main__":
    main(tyro.cli(CameraBench))
