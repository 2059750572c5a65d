"""Learning-rate schedules: a linear rise, then half a cosine or, for the generalist, a constant and a linear fall."""

from __future__ import annotations

import math


def warmup_cosine(peak: float, step: int, warmup_steps: int, total_steps: int | None) -> float:
    """Learning rate of step `step` (from 0): rises to `peak` over `warmup_steps`, then falls to 0 at `total_steps`.

    Constant after the warm-up where `total_steps` is None, and 0 after the end.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if total_steps is None:
        return peak
    done = (step - warmup_steps) / max(1, total_steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def warmup_fall(peak: float, step: float, warmup_steps: int, total_steps: float, fall: float) -> float:
    """Learning rate of step `step` (from 0): rises to `peak` over `warmup_steps`, and falls to 0 over the last share
    `fall` of `total_steps`; 0 after the end."""
    warmup = min(1.0, (step + 1) / warmup_steps)
    return peak * warmup * min(1.0, max(0.0, (total_steps - step) / (fall * total_steps)))
