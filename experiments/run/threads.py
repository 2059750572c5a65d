"""How many threads torch should use: what is fastest here, not what the machine claims to have.

A network of nano's size makes short work of each matrix. Where two cores are two, two threads are half as fast again as
one; where they are two halves of one core, as many clouds lend them, two threads are slower than one.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np
import torch

from ...envs.house.classes import CLASSES
from ...learners.heads.segmentation_training import fine_tune_segmenter
from ...learners.heads.transfer import LabelledFrames
from ...learners.objectives.tst import scratch_encoder
from ..protocol.preset import Preset

WORTH_ASKING = 500
"""Steps of transfer from which on a run is long enough for a trial of two seconds."""
TRIAL = 10
"""Steps of each trial; the first half warms up."""


def set_fastest_threads(preset: Preset, before: int | None = None) -> int:
    """Let torch use one thread or all, whichever makes a step of transfer faster here; returns the number.

    A number that the user has set ($OMP_NUM_THREADS) stays, and so does torch's own where the run is short. A resumed
    run keeps the number that it had `before`: another one adds in another order, and so gives other weights.
    """
    most = torch.get_num_threads()
    if before is not None and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(before)
        return before
    if (
        preset.from_scratch
        and most > 1
        and "OMP_NUM_THREADS" not in os.environ
        and preset.transfer.steps >= WORTH_ASKING
    ):
        seconds = {count: _seconds_a_step(preset, count) for count in (most, 1)}
        torch.set_num_threads(min(seconds, key=lambda count: seconds[count]))
    return torch.get_num_threads()


def _seconds_a_step(preset: Preset, threads: int) -> float:
    """Seconds that a step of transfer takes on so many threads, on frames of noise."""
    torch.set_num_threads(threads)
    rng, side = np.random.default_rng(0), preset.learner.image_size
    frames = LabelledFrames(
        rng.integers(0, 256, (64, side, side, 3), np.uint8),
        rng.integers(1, len(CLASSES), (64, side, side)).astype(np.int16),
    )
    ends: list[float] = []
    fine_tune_segmenter(
        scratch_encoder(preset.learner, 0), frames, len(CLASSES), replace(preset.transfer, steps=TRIAL),
        progress=lambda *_: ends.append(time.perf_counter()),
    )  # fmt: skip
    return float(np.median(np.diff(ends[TRIAL // 2 :])))
