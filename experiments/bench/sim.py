"""Throughput of the ray-cast simulator: `testspace bench sim [--house REF] [--json FILE] [--peers]`.

Rates are for all modalities with labels and edges and default lighting, over one batch of poses on the reachable floor;
every round times all variants in turn, and the best round counts. Ratios within a run are more reliable than rates:
they hold when the machine is slow or busy.

The reference is bare primary hits, the same rays without shading: as embreex traces them, one ray at a time
(`bare_hits`), and in the packets that the simulator itself uses (`packet_hits`), an upper bound.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import numpy as np
import tyro

from ...core.frame import Camera
from ...envs.assembly.building import build_scene
from ...envs.generator.house_reference import find_house
from ...envs.gym_envs.house_env import HouseEnv
from ...envs.gym_envs.house_vector_env import HouseVectorEnv
from ...envs.gym_envs.registration import HOUSE
from ...envs.house.house import House
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import Scene
from .first_frame import cold_and_cached
from .machine import cores, describe, memory_mb, publish
from .meshes import with_triangles
from .table import table
from .work import Work, best_rates, fingerprint, one_by_one, packet_hits, poses_on, single_ray_hits


@dataclass(frozen=True)
class SimBench:
    """Settings of the benchmark."""

    house: str = "7"
    """FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house."""
    json_file: Annotated[Path | None, tyro.conf.arg(name="json")] = None
    """File for all figures."""
    peers: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also time MiniWorld, moderngl and MuJoCo (pip install 'testspace[peers]')."""
    threads: int = 2
    """Rendering threads; one thread is measured too."""
    rounds: int = 5
    """Number of rounds; the best counts."""
    sides: tuple[int, ...] = (224, 64)
    """Sides of the square images, in pixels."""
    triangles: tuple[int, ...] = (20_000, 100_000, 500_000)
    """Numbers of triangles to which a house is subdivided, to measure the cost of a triangle."""
    growth_house: str | None = None
    """The house to subdivide, with about as many triangles as the smallest number; `house` by default."""
    steps: int = 10_000
    """Steps of the walk over which memory is measured."""


def batch(side: int) -> int:
    """Frames per call: about the same number of pixels at every size, enough to keep all cores busy."""
    return max(4, min(128, 16 * 224**2 // side**2))


def rates(scene: Scene, config: SimBench) -> dict[str, Any]:
    """Frames per second by size: all modalities, one frame per call, and bare hits; and their ratios."""
    result = {}
    for side in config.sides:
        camera = Camera(side, side)
        work: dict[str, tuple[Work, int]] = {}
        for threads in sorted({1, config.threads}, reverse=True):
            simulator = RayCastSimulator(scene, camera, threads=threads)
            poses = poses_on(simulator.floor, batch(side))
            suffix = "" if threads == config.threads else "_one_thread"
            work |= {
                "all_modalities" + suffix: (partial(simulator.render_with_labels, poses), len(poses)),
                "bare_hits" + suffix: (single_ray_hits(scene, camera, poses, threads), len(poses)),
                "packet_hits" + suffix: (packet_hits(scene, camera, poses, threads), len(poses)),
            }
            if not suffix:
                work["one_frame_a_call"] = (partial(one_by_one, simulator, poses), len(poses))
        measured = best_rates(work, config.rounds)
        for hits in ("bare_hits", "packet_hits"):
            measured[f"ratio_to_{hits}"] = measured["all_modalities"] / measured[hits]
        if config.threads > 1:
            measured["ratio_of_threads"] = measured["all_modalities"] / measured["all_modalities_one_thread"]
        result[str(side)] = measured
    return result


def growth(scene: Scene, config: SimBench) -> dict[str, Any]:
    """Milliseconds per frame of one house by number of triangles, and the ratio of the most to the fewest.

    The triangles of its objects are subdivided, as in finer models: all sizes give the same images from the same poses.
    `hits_ratio`: the ratio for ray hits alone. `scan_ratio`: with walls and floors subdivided too, as in a scan, so
    that every ray of a packet hits another triangle."""
    camera = Camera(config.sides[0], config.sides[0])
    work: dict[str, tuple[Work, int]] = {}
    poses = poses_on(RayCastSimulator(scene, camera).floor, batch(camera.width))
    counts = sorted({max(count, len(scene.faces)) for count in config.triangles})
    for count in counts:
        finer = with_triangles(scene, count)
        simulator = RayCastSimulator(finer, camera, threads=config.threads, cache=False)
        work[str(count)] = (partial(simulator.render_with_labels, poses), len(poses))
        work[f"hits {count}"] = (packet_hits(finer, camera, poses, config.threads), len(poses))
    scan = RayCastSimulator(with_triangles(scene, counts[-1], walls=True), camera, threads=config.threads, cache=False)
    work["scan"] = (partial(scan.render_with_labels, poses), len(poses))
    cost = {name: 1000 / rate for name, rate in best_rates(work, config.rounds).items()}
    few, many = str(counts[0]), str(counts[-1])
    return {
        "side": camera.width,
        "house": scene.source,
        "triangles": counts,
        "ms_a_frame": {str(count): cost[str(count)] for count in counts},
        "ratio": cost[many] / cost[few],
        "hits_ratio": cost[f"hits {many}"] / cost[f"hits {few}"],
        "scan_ratio": cost["scan"] / cost[few],
    }


def memory(house: House, config: SimBench) -> dict[str, Any]:
    """Resident memory over a random walk in the environment at 64 x 64: after a tenth of it, and at the end."""
    env, rng = HouseEnv(house, Camera(64, 64), max_steps=config.steps + 1), np.random.default_rng(0)
    env.reset(seed=0)
    resident = {}
    for step in range(1, config.steps + 1):
        env.step(int(rng.choice(5, p=(0.5, 0.2, 0.2, 0.05, 0.05))))
        if step in (config.steps // 10, config.steps):
            resident[str(step)] = memory_mb()
    first, last = resident.values()
    return {"steps": config.steps, "resident_mb": resident, "growth_mb": last - first}


def determinism(scene: Scene, config: SimBench, elsewhere: list[str]) -> dict[str, Any]:
    """Whether other numbers of threads and other processes give the same bytes, with light baked again each time."""
    here = {
        str(threads): fingerprint(RayCastSimulator(scene, Camera(64, 64), threads=threads, cache=False))
        for threads in sorted({1, config.threads, 3})
    }
    return {"same": len({*here.values(), *elsewhere}) == 1, "threads": here, "other_processes": elsewhere}


def vectors(house: House, config: SimBench) -> dict[str, Any]:
    """Frames per second of vector environments at 64 x 64: batched on one core and on all, and in other processes."""
    camera, count = Camera(64, 64), 32
    vector_envs: dict[str, gymnasium.vector.VectorEnv[Any, Any, Any]] = {
        "batched_one_thread": HouseVectorEnv(count, house, camera, threads=1),
        "batched_all_cores": HouseVectorEnv(count, house, camera),
    }
    modes = {"sync": ("sync", 2), "async_one_process": ("async", 1), "async_process_a_core": ("async", cores())}
    for name, (mode, number) in modes.items():
        vector_envs[name] = gymnasium.make_vec(
            HOUSE, number, vectorization_mode=mode, house=house, camera=camera, threads=1, disable_env_checker=True
        )
    work: dict[str, tuple[Work, int]] = {}
    for name, envs in vector_envs.items():
        envs.reset(seed=0)
        actions, calls = np.full(envs.num_envs, 2), max(1, 64 // envs.num_envs)
        work[name] = (partial(_step_repeatedly, envs, actions, calls), calls * envs.num_envs)
    measured = best_rates(work, config.rounds)
    for envs in vector_envs.values():
        envs.close()
    return {
        "cores": cores(),
        "frames_per_s": measured,
        "batched_ratio_of_cores": measured["batched_all_cores"] / measured["batched_one_thread"],
        "async_ratio_of_cores": measured["async_process_a_core"] / measured["async_one_process"],
    }


def _step_repeatedly(envs: Any, actions: Any, calls: int) -> None:
    for _ in range(calls):
        envs.step(actions)


def measure(config: SimBench) -> dict[str, Any]:
    """Run the benchmark; returns all figures."""
    house = find_house(config.house)
    scene, growth_house = build_scene(house), config.growth_house
    # Compile the kernels, or load them from numba's cache, before timing starts.
    RayCastSimulator(scene, Camera(8, 8), cache=False).render(poses_on(RayCastSimulator(scene).floor, 1))
    figures: dict[str, Any] = {
        "machine": describe(),
        "settings": {**asdict(config), "json_file": None},
        "house": {
            "source": scene.source or config.house,
            "rooms": len(scene.rooms),
            "triangles": len(scene.faces),
            "lights": len(scene.lights),
        },
        "frames_per_s": rates(scene, config),
        "growth": growth(scene if growth_house is None else build_scene(find_house(growth_house)), config),
        "first_frame": cold_and_cached(config.house, config.threads, max(1, config.rounds // 2)),
        "memory": memory(house, config),
        "vector_environments": vectors(house, config),
    }
    figures["determinism"] = determinism(scene, config, [run["frames"] for run in figures["first_frame"].values()])
    if config.peers:
        from .peers import compare_with_peers

        figures["peers"] = compare_with_peers(scene, config.house, config.sides[0], config.threads, config.rounds)
    figures["machine"]["load_at_the_end"] = describe()["load"]
    return figures


def main(config: SimBench) -> None:
    """Run the benchmark, print a table, and write the figures to `--json`."""
    figures = measure(config)
    publish(figures, table(figures), config.json_file)


if __name__ == "__main__":
    main(tyro.cli(SimBench))
