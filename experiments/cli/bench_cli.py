"""`testspace bench ...`: speed of the simulator, the learner and the generalist on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

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
    """Benchmark the simulator: all modalities and bare ray casting, cost per triangle, first frame, memory, and more.

    Args:
        house: FILE.json, FILE.jsonl[.gz]:LINE, or the seed of a generated house.
        json: File for all figures.
        peers: Also time MiniWorld, moderngl and MuJoCo (pip install 'testspace[peers]').
        threads: Python threads that render in parallel; a single thread is measured too.
        rounds: Rounds; the best one counts.
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
    """Benchmark a training step and the encoder, relative to the machine's matmul rate and next to 4M's implementation.

    Args:
        json: File for all figures.
        rounds: Rounds; the best one counts.
        batch: Samples per step.
        threads: Threads of torch; default: torch's own choice.
        fp32: Use float32 instead of bfloat16.
    """
    from ..bench.learner import LearnerBench, main

    main(LearnerBench(json_file=json, rounds=rounds, batch=batch, threads=threads, fp32=fp32))


@bench.command
def training(
    *,
    json: Path | None = None,
    sizes: tuple[Literal["small", "base"], ...] = ("small", "base"),
    batch: int = 256,
    steps: int = 20,
    compile: bool = False,
    device: str = "auto",
) -> None:
    """Benchmark whole training steps of the paper's models: samples per second, and how far they use the device.

    Args:
        json: File for all figures.
        sizes: Models of Table 9.
        batch: Samples per step.
        steps: Steps that are timed.
        compile: Compile the layers (torch.compile).
        device: auto (the GPU if there is one), cpu, cuda.
    """
    from ..bench.training import TrainingBench, main

    main(TrainingBench(sizes=sizes, batch=batch, steps=steps, compile=compile, device=device, json_file=json))


@bench.command
def perception(*, json: Path | None = None, rounds: int = 40, threads: int = 1, weights: Path | None = None) -> None:
    """Benchmark the generalist: milliseconds a frame in torch, in onnxruntime, and with all that `segment` does.

    Args:
        json: File for all figures.
        rounds: Rounds; their median and the best one are reported.
        threads: Threads of torch and of onnxruntime.
        weights: File of weights; without it, those that come with testspace.
    """
    from ..bench.perception import PerceptionBench, main

    main(PerceptionBench(json_file=json, rounds=rounds, threads=threads, weights=weights))


def add_robustness(command_line: Callable[[list[str]], object]) -> None:
    """Add the command that tries the command line itself, which this module is a part of."""

    @bench.command
    def robustness(
        *,
        work: Path,
        seed: int = 0,
        files: int = 2000,
        folders: int = 60,
        kills: int = 24,
        resets: int = 1000,
        runs: int = 10,
        corpus: Path | None = None,
        json: Path | None = None,
    ) -> None:
        """Try mutated files, damaged run folders and killed runs; say which end in anything but a result or one line.

        Args:
            work: Folder for all that the cases write; a later call goes on with the runs that are there.
            seed: Another seed, other cases.
            files: Mutated files over all readers.
            folders: Damaged run folders, of each of two kinds of run.
            kills: Kills, over eight kinds of run, each compared with a run that was not killed.
            resets: Resets of an environment in one process, which must not grow.
            runs: Runs in one process, which must not grow.
            corpus: Folder of more samples to mutate: houses, meshes, recordings, models, policies.
            json: File for all figures.
        """
        from ..robustness.command import Robustness, main

        main(Robustness(work, seed, files, folders, kills, resets, runs, corpus, json), command_line)
