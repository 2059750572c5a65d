"""Time from a house to its first frame in a new process: `python -m testspace.experiments.bench.first_frame`.

Prints one line of JSON. $TESTSPACE_CACHE is the folder of the baked-light cache.
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
    """Seconds for the imports, for the start of numba and Embree, and from a house reference to its first frame; and a
    fingerprint of the frames.

    A user waits for all of it once per process (`process_s` of `in_new_process`); the next house of the same process
    needs neither the imports nor the start."""
    start = time.perf_counter()
    import numpy as np

    from ...core.frame import Camera
    from ...envs.assembly.building import build_scene
    from ...envs.generator.house_reference import find_house
    from ...envs.render.embree import Mesh
    from ...envs.render.raycast import RayCastSimulator
    from .work import fingerprint, poses_on

    imported = time.perf_counter()
    Mesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32)).occluded(*np.zeros((2, 1, 3), np.float32))
    started = time.perf_counter()
    simulator = RayCastSimulator(build_scene(find_house(house)), Camera(SIDE, SIDE), threads=threads)
    simulator.render(poses_on(simulator.floor, 1))
    rendered = time.perf_counter()
    small = RayCastSimulator(simulator.scene, Camera(64, 64), threads=threads)
    return {
        "import_s": imported - start,
        "start_s": started - imported,
        "first_frame_s": rendered - started,
        "frames": fingerprint(small),
    }


def in_new_process(house: str, threads: int, cache: Path) -> dict[str, Any]:
    """`measure` in a new Python process with another hash seed, and the seconds of the whole process."""
    command = [sys.executable, "-m", "testspace.experiments.bench.first_frame", house, str(threads)]
    environment = {
        **os.environ,
        "TESTSPACE_CACHE": str(cache),
        "PYTHONHASHSEED": "1",
        # pip compiles the modules of an installed package; those of a checkout are compiled by the first process here
        "PYTHONPYCACHEPREFIX": str(cache.parent / "modules"),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if completed.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {completed.stderr.strip().splitlines()[-1:]}")
    return {**json.loads(completed.stdout), "process_s": seconds}


def cold_and_cached(house: str, threads: int, rounds: int) -> dict[str, Any]:
    """The fastest of several new processes with an empty cache, and of as many that find the previous one's light.

    A first process on one thread is not counted (`compile`): it fills numba's cache, which does not depend on the
    house, and compiles Python's modules."""
    runs: dict[str, list[dict[str, Any]]] = {"compile": [], "cold": [], "cached": []}
    with TemporaryDirectory() as folder:
        runs["compile"].append(in_new_process(house, 1, Path(folder) / "compile"))
        for number in range(rounds):
            for kind in ("cold", "cached"):
                runs[kind].append(in_new_process(house, threads, Path(folder) / str(number)))
    return {kind: min(measured, key=lambda run: float(run["first_frame_s"])) for kind, measured in runs.items()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
