"""Workloads of the benchmarks (poses, rendering, bare ray hits), and the timer that compares them fairly."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from ...core.frame import Camera, rotation
from ...core.jit import compiled
from ...envs.floor import ReachableFloor
from ...envs.render import embree
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import Scene

Work = Callable[[], Any]


def poses_on(floor: ReachableFloor, count: int, seed: int = 0) -> NDArray[np.float64]:
    """Poses (count, 6) on the reachable floor at 1.5 m, with any yaw and a slight downward pitch."""
    rng = np.random.default_rng(seed)
    x, z = floor.sample(count, rng).T
    yaw, pitch = rng.uniform(0, 360, count), rng.uniform(-30, 10, count)
    return np.stack([x, np.full(count, floor.level + 1.5), z, yaw, pitch, np.zeros(count)], axis=1)


def best_rates(work: Mapping[str, tuple[Work, int]], rounds: int) -> dict[str, float]:
    """Frames per second of each workload (a call and its number of frames): the best of several rounds.

    Each round times all workloads in turn, so that load on the machine affects all of them. A first round is not
    counted."""
    best = dict.fromkeys(work, float("inf"))
    for number in range(rounds + 1):
        for name, (call, _) in work.items():
            start = time.perf_counter()
            call()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return {name: work[name][1] / seconds for name, seconds in best.items()}


def _directions(camera: Camera, poses: NDArray[np.float64]) -> NDArray[np.float32]:
    """World directions of all pixels' rays, float32 (N, H, W, 3), with a forward component of 1."""
    return np.einsum("nij,hwj->nhwi", rotation(poses), camera.rays()).astype(np.float32)


def single_ray_hits(scene: Scene, camera: Camera, poses: NDArray[np.float64], threads: int) -> Work:
    """The simulator's rays, precomputed, through embreex's own call, which traces one ray at a time."""
    tree = EmbreeScene()
    TriangleMesh(tree, scene.vertices, scene.faces)
    count = len(poses) * camera.width * camera.height
    origins = np.repeat(poses[:, :3].astype(np.float32), camera.width * camera.height, axis=0)
    directions = _directions(camera, poses).reshape(-1, 3)
    runs = list(pairwise(np.linspace(0, count, max(threads, count // 8192) + 1).astype(int)))
    pool = ThreadPoolExecutor(threads)

    def trace() -> None:
        list(pool.map(lambda run: tree.run(origins[run[0] : run[1]], directions[run[0] : run[1]], output=1), runs))

    return trace


@partial(compiled, error_model="numpy")
def _packets(view, memory, rays, origins, first, last, depth):  # type: ignore[no-untyped-def]
    floats, side = memory.floats, 4
    height, width = rays.shape[1], rays.shape[2]
    across, tiles = width // side, (width // side) * (height // side)
    for tile in range(first, last):
        frame, rest = tile // tiles, tile % tiles
        top, left = rest // across * side, rest % across * side
        for lane in range(16):
            row, column = top + lane // side, left + lane % side
            for axis in range(3):
                floats[axis, lane] = origins[frame, axis]
                floats[embree.DIRECTION + axis, lane] = rays[frame, row, column, axis]
        embree.intersect(view, memory, 16, True)
        for lane in range(16):
            depth[frame, top + lane // side, left + lane % side] = floats[embree.FAR, lane]


def packet_hits(scene: Scene, camera: Camera, poses: NDArray[np.float64], threads: int) -> Work:
    """The same rays in the simulator's packets of 16, keeping only their depth: a lower bound on the cost of any
    renderer on this tree. The image sides must be multiples of 4."""
    mesh = embree.Mesh(scene.vertices, scene.faces)
    shape = (len(poses), camera.height, camera.width)
    origins, rays, depth = poses[:, :3].astype(np.float32), _directions(camera, poses), np.empty(shape, np.float32)
    tiles = shape[0] * (shape[1] // 4) * (shape[2] // 4)
    runs = list(pairwise(np.linspace(0, tiles, max(threads, tiles // 512) + 1).astype(int)))
    pool = ThreadPoolExecutor(threads)

    def trace() -> NDArray[np.float32]:
        list(pool.map(lambda run: _packets(mesh.handle, embree.scratch(), rays, origins, run[0], run[1], depth), runs))
        return depth

    return trace


def one_by_one(simulator: RayCastSimulator, poses: NDArray[np.float64]) -> None:
    """One call per frame, as a single agent's environment does."""
    for pose in poses:
        simulator.render_with_labels(pose[None])


def fingerprint(simulator: RayCastSimulator, frames: int = 8) -> str:
    """SHA-256 of all bytes of some frames and their labels."""
    frame, labels = simulator.render_with_labels(poses_on(simulator.floor, frames))
    digest = hashlib.sha256()
    for name, array in sorted({**frame, "semantic": labels.semantic, "instance": labels.instance}.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
