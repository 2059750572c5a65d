"""How fast the generalist labels a frame: `testspace bench perception [--json FILE]`.

The network alone at 128 x 128, in torch and in onnxruntime, and `Perception` with all that it does on pictures of 128 x
128 and 640 x 480: scaling, normals from depth, overlapping squares, labels of every pixel. One frame at a time, as a
robot has them; what is compared takes its turn in every round. The median round and the best one are reported:
on a machine that does other things, they differ.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import nn

from ...core.errors import UserError
from ...core.frame import Camera
from ...core.text_table import row
from ...envs.assembly.building import build_scene
from ...envs.generator import generate_house
from ...envs.house.classes import CLASSES
from ...envs.render.raycast import RayCastSimulator
from ...learners.generalist.inference import folded
from ...learners.generalist.network import Generalist
from ...learners.generalist.onnx_export import (
    ExportError,
    RgbDepthLogits,
    RgbLogits,
    export_onnx,
    inputs,
)
from ...learners.generalist.perception import Perception, Viewpoint
from ...learners.generalist.weights import load_generalist, load_weights
from ...learners.nn.precision import bf16_is_fast
from .machine import cores, describe, publish
from .work import poses_on

SIZES = ((128, 128), (640, 480))
"""Width and height of pictures."""
FOV = 70.0
"""Degrees, vertically."""

Work = Callable[[], Any]


@dataclass(frozen=True)
class PerceptionBench:
    """What is measured, and how thoroughly."""

    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for all figures."""
    rounds: int = 40
    """Rounds; their median and the best one are reported."""
    threads: int = 1
    """Threads of torch and of onnxruntime."""
    weights: Path | None = None
    """File of weights; None for those that come with the package."""


def measure(config: PerceptionBench) -> dict[str, Any]:
    """Every figure: milliseconds a frame by name."""
    if config.rounds < 1 or config.threads < 1:
        raise UserError("bench perception: --rounds and --threads must be 1 or more")
    network = load_weights(config.weights, CLASSES) if config.weights else load_generalist(CLASSES)[0]
    before = describe()
    with _threads(config.threads):
        works = _networks(network) | _pictures(network)
        others, missing = _onnxruntime(network, config.threads)
        rounds = _times(works | others, config.rounds)
    times = {name: [1000 * seconds for seconds in each] for name, each in rounds.items()}
    return {
        "machine": {**before, "cores": cores(), "torch": torch.__version__, "load_at_the_end": describe()["load"]},
        "settings": {**asdict(config), "json_file": None, "weights": str(config.weights or "shipped")},
        "median_ms": {name: float(np.median(each)) for name, each in times.items()},
        "best_ms": {name: min(each) for name, each in times.items()},
        "onnxruntime_missing": missing,
    }


def table(figures: dict[str, Any]) -> str:
    """The figures as lines for a screen."""
    machine, settings = figures["machine"], figures["settings"]
    lines = [
        f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']:.1f} before and "
        f"{machine['load_at_the_end']:.1f} after; {settings['threads']} threads, {settings['rounds']} rounds",
        "",
        row("ms a frame", "median", "best"),
    ]
    for name, median in figures["median_ms"].items():
        lines.append(row(name, f"{median:.1f}", f"{figures['best_ms'][name]:.1f}"))
    if figures["onnxruntime_missing"]:
        lines.append(f"onnxruntime: skipped: {figures['onnxruntime_missing']}")
    return "\n".join(lines)


def main(config: PerceptionBench) -> None:
    """Measure, print a table, and write the figures where a file is named."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)


def _networks(network: Generalist) -> dict[str, Work]:
    """The network alone, folded, on one square."""
    works: dict[str, Work] = {}
    for dtype in (torch.float32, torch.bfloat16) if bf16_is_fast() else (torch.float32,):
        used = folded(network, dtype)
        for sense, model in (("rgb", RgbLogits(used)), ("rgb-d", RgbDepthLogits(used))):
            samples = list(inputs(used, sense == "rgb-d", 1).values())
            works[f"{str(dtype).removeprefix('torch.')} {sense}"] = partial(_run, model, samples)
    return works


def _run(model: nn.Module, samples: list[torch.Tensor]) -> None:
    with torch.inference_mode():
        model(*samples)


def _pictures(network: Generalist) -> dict[str, Work]:
    """`Perception` on views of a generated house."""
    perception = Perception(network, CLASSES)
    works: dict[str, Work] = {}
    for width, height in SIZES:
        rgb, depth, view = _view(width, height)
        works[f"Perception {width} x {height} rgb"] = partial(perception, rgb)
        works[f"Perception {width} x {height} rgb-d"] = partial(perception, rgb, depth, view)
    return works


def _view(width: int, height: int) -> tuple[NDArray[np.uint8], NDArray[np.float32], Viewpoint]:
    simulator = RayCastSimulator(build_scene(generate_house(5, rooms=2)), Camera(width, height, FOV), light="direct")
    frame = simulator.render(poses_on(simulator.floor, 1))
    _, y, _, _, pitch, roll = frame["pose"][0].tolist()
    return frame["rgb"][0], frame["depth"][0], Viewpoint(FOV, y - simulator.floor.level, pitch, roll)


def _onnxruntime(network: Generalist, threads: int) -> tuple[dict[str, Work], str]:
    """The exported network alone; or why it is missing."""
    try:
        import onnxruntime
    except ImportError:
        return {}, "pip install 'testspace[onnx]'"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    works: dict[str, Work] = {}
    with tempfile.TemporaryDirectory() as folder:
        for sense in ("rgb", "rgb-d"):
            file = Path(folder) / f"{sense}.onnx"
            try:
                export_onnx(file, network, CLASSES, sense == "rgb-d")
            except ExportError as error:
                return {}, str(error)
            session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
            samples = {name: value.numpy() for name, value in inputs(network, sense == "rgb-d", 1).items()}
            works[f"onnxruntime float32 {sense}"] = partial(session.run, None, samples)
    return works, ""


def _times(works: dict[str, Work], rounds: int) -> dict[str, list[float]]:
    """Seconds of each piece of work in each round; two rounds before do not count."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 2):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            if number >= 2:
                times[name].append(time.perf_counter() - start)
    return times


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    main(tyro.cli(PerceptionBench))
