"""`testspace bench ...`: how fast the simulator and the learner are here."""

from __future__ import annotations

from pathlib import Path

import tyro

bench = tyro.extras.SubcommandApp()


@bench.command
def sim(
    *,
    house: str = "7",
    json: Path | None = None,
    peers: tyro.conf.FlagCreatePairsOff[bool] = False,
    threads: int = 2,
    rounds: int = 5,
) -> None:
    """Time the simulator: every modality beside bare ray hits, a triangle's cost, the first frame, memory, and more.

    Args:
        house: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house.
        json: Where to write every figure.
        peers: Also time MiniWorld, moderngl and MuJoCo (pip install 'testspace[peers]').
        threads: Python threads that share the pixels; one thread is measured too.
        rounds: The best of this many.
    """
    from ..bench.sim import SimBench, main

    main(SimBench(house=house, json_file=json, peers=peers, threads=threads, rounds=rounds))


@bench.command
def learner(
    *,
    json: Path | None = None,
    rounds: int = 5,
    batch: int = 16,
    threads: int | None = None,
    fp32: tyro.conf.FlagCreatePairsOff[bool] = False,
) -> None:
    """Time a training step and the encoder, on the matrix rate of this machine, beside 4M's way of doing the same.

    Args:
        json: Where to write every figure.
        rounds: The best of this many.
        batch: Samples a step.
        threads: Threads of torch; without it, as many as torch takes.
        fp32: Compute in float32, not in bfloat16.
    """
    from ..bench.learner import LearnerBench, main

    main(LearnerBench(json_file=json, rounds=rounds, batch=batch, threads=threads, fp32=fp32))
