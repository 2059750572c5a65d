"""How fast the ray-cast simulator is: ``python -m testspace.experiments.bench.sim --house FILE[:LINE] [--json FILE]``.

All modalities with labels, edges and, unless said otherwise, shadows; one batch of poses on the reachable floor, the
best of several repeats after a warm-up. Beside them stand bare primary hits: the same rays through Embree on the same
number of threads, with nothing made of them. The ratio of the two is what does not depend on the machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from ...envs.floor import ReachableFloor
from ...envs.frame import Camera, rotation
from ...envs.house_io import load_house
from ...envs.kernel import make_rays
from ...envs.raycast import RayCastSimulator
from ...envs.scene import Scene, build_scene

FRAMES = {64: 128, 224: 16}
"""Frames in a batch, by the side of the image."""


@dataclass(frozen=True)
class SimBench:
    """Frames a second of the simulator in one house."""

    house: str
    """FILE.json or FILE.jsonl[.gz]:LINE."""
    threads: int = 2
    """Python threads that share the pixels."""
    repeats: int = 5
    """The best of this many."""
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """Where to write every figure."""


def poses_on(floor: ReachableFloor, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Poses (count, 6) on the reachable floor at eye height 1.5 m, all headings, looking a little down."""
    rng = np.random.default_rng(seed)
    x, z = floor.sample(count, rng).T
    yaw, pitch = rng.uniform(0, 360, count), rng.uniform(-30, 10, count)
    return np.stack([x, np.full(count, floor.level + 1.5), z, yaw, pitch, np.zeros(count)], axis=1)


def best_rate(work: Callable[[], Any], frames: int, repeats: int) -> float:
    """Frames a second of the fastest of several calls, after one that does not count."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return frames / min(seconds)


def bare_hits(scene: Scene, camera: Camera, poses: NDArray[np.float64], threads: int) -> Callable[[], None]:
    """The same rays as the simulator's, made beforehand, through Embree alone."""
    embree = EmbreeScene()
    TriangleMesh(embree, scene.vertices, scene.faces)
    count = len(poses) * camera.width * camera.height
    origins, directions = np.empty((count, 3), np.float32), np.empty((count, 3), np.float32)
    places, turns = poses[:, :3].astype(np.float32), rotation(poses).astype(np.float32)
    make_rays(places, turns, 0, camera.width, camera.height, camera.focal, origins, directions)
    bounds = np.linspace(0, count, max(threads, count // 8192) + 1).astype(int)
    runs = list(pairwise(bounds))
    pool = ThreadPoolExecutor(threads)

    def trace() -> None:
        list(pool.map(lambda run: embree.run(origins[run[0] : run[1]], directions[run[0] : run[1]], output=1), runs))

    return trace


def _one_by_one(simulator: RayCastSimulator, poses: NDArray[np.float64]) -> None:
    for pose in poses:
        simulator.render(pose[None])


def measure(config: SimBench) -> dict[str, Any]:
    """Every figure: frames a second by size and kind, seconds to the first frame, what the scene and machine are."""
    # Compiles the kernels, or reads them from numba's cache, before any clock runs.
    warm = RayCastSimulator(build_scene(load_house(config.house)), Camera(8, 8))
    warm.render(poses_on(warm.floor, 1))

    start = time.perf_counter()
    scene = build_scene(load_house(config.house))
    simulator = RayCastSimulator(scene, Camera(224, 224), threads=config.threads)
    floor = simulator.floor
    simulator.render(poses_on(floor, 1))
    figures: dict[str, Any] = {
        "house": config.house,
        "rooms": len(scene.rooms),
        "triangles": len(scene.faces),
        "lights": len(scene.lights),
        "cores": os.cpu_count(),
        "threads": config.threads,
        "house_to_first_frame_s": time.perf_counter() - start,
        "frames_per_s": {},
    }
    for side, count in FRAMES.items():
        camera, poses = Camera(side, side), poses_on(floor, count)
        lit, flat = (
            RayCastSimulator(scene, camera, threads=config.threads, shadows=shadows) for shadows in (True, False)
        )
        work: dict[str, Callable[[], Any]] = {
            "all_modalities": partial(lit.render_with_labels, poses),
            "without_shadows": partial(flat.render_with_labels, poses),
            "one_at_a_time": partial(_one_by_one, lit, poses),
            "bare_hits": bare_hits(scene, camera, poses, config.threads),
        }
        rates = {name: best_rate(call, count, config.repeats) for name, call in work.items()}
        rates["ratio_to_bare_hits"] = rates["all_modalities"] / rates["bare_hits"]
        figures["frames_per_s"][str(side)] = rates
    return figures


def main(config: SimBench) -> None:
    """Measure, print a table, and write the figures where asked."""
    figures = measure(config)
    print(
        f"{figures['house']}: {figures['rooms']} rooms, {figures['triangles']} triangles, {figures['lights']} lights; "
        f"{figures['cores']} cores, {figures['threads']} threads; "
        f"house to first frame {figures['house_to_first_frame_s']:.2f} s"
    )
    print(f"{'frames/s':<22}" + "".join(f"{side + ' x ' + side:>12}" for side in figures["frames_per_s"]))
    for name in next(iter(figures["frames_per_s"].values())):
        cells = (rates[name] for rates in figures["frames_per_s"].values())
        print(f"{name.replace('_', ' '):<22}" + "".join(f"{c:>12.2f}" if c < 10 else f"{c:>12.0f}" for c in cells))
    if config.json_file is not None:
        config.json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(SimBench))
