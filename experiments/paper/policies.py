"""Beyond the paper: which policy's frames make a specialist soonest? It collects by dense sampling, which no robot can.

Each policy walks a life's frames from the same start. At some shares of them the specialist of a life is trained on
what was seen by then, with as many steps for a frame: mIoU over frames.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ..stages.walk_stage import read_coverage, walk
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import bars, curves

BUILT_IN = ("random", "frontier", "coverage", "novelty", "curiosity", "dense")
SEEN, MIOU, SCRATCH = "floor seen", "mIoU", "scratch"
NEEDED = "frames to half of the best gain"
COVERAGE_AT = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of a life at which coverage is told."""


def trial(policy: tuple[str, ...], shares: tuple[float, ...], trial: Trial) -> Measures:
    """Of each policy, a column: coverage in percent and mIoU after so many frames, and the frames that mIoU took."""
    stages = trial.stages
    frames = stages.frames
    measures: Measures = {f"{SEEN} after {round(share * frames)}": {} for share in COVERAGE_AT}
    measures |= {f"{MIOU} after {round(share * frames)}": {} for share in shares}
    scratch = stages.miou(stages.scratch) if shares else 0.0
    learned: dict[str, list[tuple[int, float]]] = {}
    told_at = [round(share * frames) for share in COVERAGE_AT]
    for name in policy:
        walked = walk(trial.store, trial.house, stages.views, stages.labelled, trial.preset, trial.seed, name, told_at)
        known = {int(frame): share for frame, share in read_coverage(walked)}
        for until in told_at:
            measures[f"{SEEN} after {until}"][told(name)] = 100 * float(known[until])
        curve = learned[told(name)] = [(0, scratch)]
        for share in shares:
            until = round(share * frames)
            seen = stages.remember([(walked, until)], until, "ring")
            title = f"{name} at {until}"
            learner = stages.pretrain((seen,), steps=stages.steps(until), title=title)
            curve.append((until, stages.miou(stages.transfer(learner, stages.own(seen), title))))
            measures[f"{MIOU} after {until}"] |= {SCRATCH: scratch, told(name): curve[-1][1]}
    needed = frames_to_half(learned) if shares else {}
    return {**measures, NEEDED: needed} if needed else measures


def told(policy: str) -> str:
    """A policy's column: its name without folders."""
    where, colon, name = policy.rpartition(":")
    return f"{Path(where).name}{colon}{name}" if colon else Path(policy).name


def frames_to_half(curves: dict[str, list[tuple[int, float]]]) -> dict[str, float]:
    """Frames at which each curve, of those that all begin at the same mIoU and do get there, first reaches half of what
    the best of them gains by its end. Empty where none gains anything."""
    start = next(iter(curves.values()))[0][1]
    best = max(curve[-1][1] for curve in curves.values())
    if best <= start:
        return {}
    found = {name: frames_needed(curve, (start + best) / 2) for name, curve in curves.items()}
    return {name: frames for name, frames in found.items() if frames is not None}


def frames_needed(curve: list[tuple[int, float]], target: float) -> float | None:
    """Frames at which straight lines through (frames, mIoU) first reach `target`; None where they do not."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if y0 >= target:
            return float(x0)
        if y1 >= target:
            return x0 + (target - y0) / (y1 - y0) * (x1 - x0)
    return None


def _ahead(better: str, worse: str, what: str, measures: Measures) -> float:
    """Mean lead over all shares. KeyError where one of the two was not tried."""
    rows = [row for line, row in measures.items() if line.startswith(what)]
    if not rows:
        raise KeyError(what)
    return float(np.mean([row[better] - row[worse] for row in rows]))


def draw(summary: Summary, file: Path) -> None:
    """mIoU over frames where it was measured, else coverage; coverage stands beside it in a second picture.

    A single share of a life is no curve: its bars are drawn.
    """
    seen = [line for line in summary.lines() if line.startswith(SEEN)]
    miou = [line for line in summary.lines() if line.startswith(MIOU)]
    for lines, where in ((miou or seen, file), (seen, file.with_name("coverage.png"))):
        if len(lines) == 1:
            bars(summary, where, lines=lines)
        else:
            frames = [float(line.rsplit(" ", 1)[1]) for line in lines]
            curves(summary, where, "frames", frames, lines, f"{lines[0].rsplit(' after ')[0]}, %")


def experiment(policy: tuple[str, ...] = BUILT_IN, shares: tuple[float, ...] = (0.25, 0.5, 1.0)) -> Experiment:
    """These policies, with the specialist tested at these shares of a life (none: coverage alone). UserError for
    policies or shares that cannot be."""
    if not policy or len({told(name) for name in policy}) < len(policy):
        raise UserError("name a policy or more, each once: --policy")
    if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        raise UserError("shares of a life must rise, above 0 and up to 1: --shares")
    points = len(policy) * len(shares)
    return Experiment(
        command="policies",
        source="Policies",
        question="Does a policy that looks where the learner is weak specialise faster than dense sampling?",
        unit="%",
        trial=partial(trial, policy, shares),
        paper={},
        claims=(
            Claim("beyond the paper: curiosity's frames specialise better than dense sampling's, at equal numbers",
                  partial(_ahead, "curiosity", "dense", MIOU)),
            Claim("beyond the paper: dense sampling's frames specialise better than a frontier explorer's",
                  partial(_ahead, "dense", "frontier", MIOU)),
            Claim("the frontier explorer covers the floor faster than a random walk",
                  partial(_ahead, "frontier", "random", SEEN)),
        ),
        draw=draw,
        stages={"views": 1, "walk": len(policy), "remember": points, "pseudolabel": points, "pretrain": points,
                "transfer": points + 1, "evaluate": points + 1},
        note=f"Lines of mIoU and of floor seen are percent; '{NEEDED}' counts frames, and has no number where a "
        "policy does not get there. Dense sampling teleports and knows the true floor. Curiosity follows a learner of "
        "its own, which learns as it walks; the specialists that are compared are trained alike for all.",
    )  # fmt: skip
