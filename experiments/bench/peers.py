"""Other renderers, each in a process of its own, timed in turn with ours in every round.

A peer's process (`python -m testspace.experiments.bench.peers NAME HOUSE SIDE`) sets itself up, prints a line of JSON,
and then, for each line that it reads, times one round and prints its frames per second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any

from ...core.frame import Camera
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import Scene
from .work import best_rates, poses_on

PEERS = ("miniworld", "moderngl", "mujoco")
FRAMES = 16
INSTALL = "pip install 'testspace[peers]'"


def compare_with_peers(scene: Scene, house: str, side: int, threads: int, rounds: int) -> dict[str, Any]:
    """Frames per second of ours and of each peer, the best of the rounds, and their ratios."""
    simulator = RayCastSimulator(scene, Camera(side, side), threads=threads)
    poses = poses_on(simulator.floor, FRAMES)
    ours: dict[str, tuple[Any, int]] = {"testspace": (partial(simulator.render_with_labels, poses), FRAMES)}
    best, peers = 0.0, {}
    for name in PEERS:
        with _Peer(name, house, side) as peer:
            if "missing" not in peer.report:
                our_rate, peer_rate = 0.0, 0.0
                for _ in range(rounds):
                    our_rate = max(our_rate, best_rates(ours, 1)["testspace"])
                    peer_rate = max(peer_rate, peer.round())
                peer.report |= {"frames_per_s": peer_rate, "testspace": our_rate, "ratio": our_rate / peer_rate}
                best = max(best, our_rate)
            peers[name] = peer.report
    return {"side": side, "testspace": best or best_rates(ours, rounds)["testspace"], "peers": peers}


class _Peer:
    """A peer's process."""

    def __init__(self, name: str, house: str, side: int) -> None:
        command = [sys.executable, "-m", "testspace.experiments.bench.peers", name, house, str(side)]
        # EGL renders without a display. PyOpenGL and MuJoCo read this when they are imported.
        environment = {**os.environ, "MUJOCO_GL": "egl", "PYOPENGL_PLATFORM": "egl"}
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.report = self._read({"missing": "its process ended while it was set up"})

    def _read(self, otherwise: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # peers print messages of their own
                return dict(json.loads(line))
        return otherwise

    def round(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("round\n")
        self._process.stdin.flush()
        return float(self._read({"frames_per_s": "nan"})["frames_per_s"])

    def __enter__(self) -> _Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closes its stdin, which ends it


def serve(name: str, house: str, side: int) -> None:
    """Main function of a peer's process."""
    try:
        module = import_module(f".peer_{name}", __package__)
        report, work, frames = module.prepare(house, side, FRAMES)
        work()
    except ImportError as error:
        print(json.dumps({"missing": f"not installed ({error}); {INSTALL}"}))
        return
    except Exception as error:  # whatever a peer or its driver raises: it is skipped, with its message
        print(
            json.dumps({"missing": f"does not run here: {' '.join(str(error).split())[:200] or type(error).__name__}"})
        )
        return
    print(json.dumps(report), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        work()
        print(json.dumps({"frames_per_s": frames / (time.perf_counter() - start)}), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
