"""From a house to its first frame in a process of its own: `python -m testspace.experiments.bench.first_frame`.

Prints one line of JSON. The cache of baked light is where $TESTSPACE_CACHE says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SIDE = 224


def measure(house: str, threads: int) -> dict[str, Any]:
    """Seconds to import, seconds in which numba and Embree start, seconds from the reference of a house to its first
    frame, and what frames come out.

    A user waits for all of it once a process (`process_s` of `in_new_process`); for the next house of the same process
    neither the imports nor the start come again."""
    start = time.perf_counter()
    import numpy as np

    from ...core.frame import Camera
    from ...envs.assembly.building import build_scene
    from ...envs.render.embree import Mesh
    from ...envs.render.raycast import RayCastSimulator
    from .work import find_house, fingerprint, poses_on

    imported = time.perf_counter()
    Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)).occluded(*np.zeros((2, 1, 3), np.float32))
    started = time.perf_counter()
    simulator = RayCastSimulator(build_scene(find_house(house)), Camera(SIDE, SIDE), threads=threads)
    simulator.render(poses_on(simulator.floor, 1))
    seen = time.perf_counter()
    small = RayCastSimulator(simulator.scene, Camera(64, 64), threads=threads)
    return {
        "import_s": imported - start,
        "start_s": started - imported,
        "first_frame_s": seen - started,
        "frames": fingerprint(small),
    }


def in_new_process(house: str, threads: int, cache: Path) -> dict[str, Any]:
    """`measure` in a fresh Python with another order of hashes, and the seconds that the whole process took."""
    command = [sys.executable, "-m", "testspace.experiments.bench.first_frame", house, str(threads)]
    environment = {
        **os.environ,
        "TESTSPACE_CACHE": str(cache),
        "PYTHONHASHSEED": "1",
        # pip compiles an installed package's modules: a checkout's are compiled by the first process here
        "PYTHONPYCACHEPREFIX": str(cache.parent / "modules"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")
    return {**json.loads(done.stdout), "process_s": seconds}


def cold_and_cached(house: str, threads: int, rounds: int) -> dict[str, Any]:
    """The best of several fresh processes with an empty cache, and of as many that find the light of the one before.

    A first process, on one thread, does not count (`compile`): it compiles what numba keeps compiled from then on,
    whatever the house, and Python's own modules."""
    runs: dict[str, list[dict[str, Any]]] = {"compile": [], "cold": [], "cached": []}
    with TemporaryDirectory() as folder:
        runs["compile"].append(in_new_process(house, 1, Path(folder) / "compile"))
        for number in range(rounds):
            for kind in ("cold", "cached"):
                runs[kind].append(in_new_process(house, threads, Path(folder) / str(number)))
    return {kind: min(found, key=lambda run: float(run["first_frame_s"])) for kind, found in runs.items()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
