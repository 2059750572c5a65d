"""Beyond the paper: specialisation by exploration policy. The paper samples poses densely, which no robot can.

The live agent runs with each policy from the same start pose; its specialist is evaluated at several fractions of the
episode.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ..protocol.preset import Preset
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import bars, curves

BUILT_IN = ("random", "frontier", "coverage", "novelty", "curiosity", "dense")
SEEN, MIOU = "floor seen", "mIoU"
NEEDED = "frames to half of the best gain"
COVERAGE_AT = (0.05, 0.1, 0.25, 0.5, 1.0)
"""Fractions of the episode at which coverage is reported."""


def trial(policy: tuple[str, ...], shares: tuple[float, ...], trial: Trial) -> Measures:
    """Coverage and mIoU in percent by number of frames, and frames to half of the best gain; one column per policy."""
    frames = trial.preset.episode.frames
    baseline = "scratch" if trial.preset.from_scratch else "generalist"
    measures: Measures = {f"{SEEN} after {round(share * frames)}": {} for share in COVERAGE_AT}
    measures |= {f"{MIOU} after {round(share * frames)}": {} for share in shares}
    learned: dict[str, list[tuple[int, float]]] = {}
    for name in policy:
        run = trial.stages.live_run(_sizes(trial.preset, shares), name)
        frame, seen = run.coverage().T
        for share in COVERAGE_AT:
            until = round(share * frames)
            measures[f"{SEEN} after {until}"][column(name)] = 100 * float(np.interp(until, frame, seen))
        start = 100 * run.scores(baseline)[0]["miou"]
        curve = learned[column(name)] = [(0, start)]
        for row in run.scores("specialist") if shares else ():
            curve.append((row["frame"], 100 * row["miou"]))
            measures[f"{MIOU} after {row['frame']}"] |= {baseline: start, column(name): curve[-1][1]}
    needed = frames_to_half(learned) if shares else {}
    return {**measures, NEEDED: needed} if needed else measures


def _sizes(preset: Preset, shares: tuple[float, ...]) -> Preset:
    """An episode evaluated at these fractions of it; without any, one that only explores."""
    episode = replace(preset.episode, rollout=max(1, preset.episode.frames // 20))  # coverage is measured after each
    if shares:
        return replace(preset, episode=episode, milestones=shares)
    episode = replace(episode, replay_ratio=0.0)
    transfer, ttt = replace(preset.transfer, steps=1), replace(preset.ttt, steps=1, refit_steps=1)
    return replace(preset, episode=episode, milestones=(1.0,), transfer=transfer, ttt=ttt, ttt_views=1)


def column(policy: str) -> str:
    """Column name of a policy: its name without folders."""
    where, colon, name = policy.rpartition(":")
    return f"{Path(where).name}{colon}{name}" if colon else Path(policy).name


def frames_to_half(curves: dict[str, list[tuple[int, float]]]) -> dict[str, float]:
    """Frames at which each curve first reaches half of the best final gain; curves that never do are left out.

    All curves start at the same mIoU. Empty if none gains anything."""
    start = next(iter(curves.values()))[0][1]
    best = max(curve[-1][1] for curve in curves.values())
    if best <= start:
        return {}
    found = {name: frames_needed(curve, (start + best) / 2) for name, curve in curves.items()}
    return {name: frames for name, frames in found.items() if frames is not None}


def frames_needed(curve: list[tuple[int, float]], target: float) -> float | None:
    """Frames at which the piecewise linear curve (frames, mIoU) first reaches `target`; None if it never does."""
    for (x0, y0), (x1, y1) in pairwise(curve):
        if y0 >= target:
            return float(x0)
        if y1 >= target:
            return x0 + (target - y0) / (y1 - y0) * (x1 - x0)
    return None


def _ahead(better: str, worse: str, what: str, measures: Measures) -> float:
    """Mean lead over all evaluations. KeyError if one of the two was not run."""
    rows = [row for line, row in measures.items() if line.startswith(what)]
    if not rows:
        raise KeyError(what)
    return float(np.mean([row[better] - row[worse] for row in rows]))


def draw(summary: Summary, file: Path) -> None:
    """mIoU over frames if measured, else coverage; coverage is always drawn to coverage.png.

    A single evaluation is drawn as bars.
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
    """These policies, with the specialist evaluated at these fractions of the episode (none: coverage only).

    UserError for invalid policies or fractions.
    """
    if not policy or len({column(name) for name in policy}) < len(policy):
        raise UserError("give one or more policies without duplicates: --policy")
    if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        raise UserError("fractions of the episode must be increasing, above 0 and at most 1: --shares")
    return Experiment(
        command="policies",
        source="Policies",
        question="Does a policy that seeks views with high learner loss specialise faster than dense sampling?",
        unit="%",
        trial=partial(trial, policy, shares),
        paper={},
        claims=(
            Claim("beyond the paper: at equal frames, curiosity gives a better specialist than dense sampling",
                  partial(_ahead, "curiosity", "dense", MIOU)),
            Claim("beyond the paper: at equal frames, dense sampling gives a better specialist than frontiers",
                  partial(_ahead, "dense", "frontier", MIOU)),
            Claim("frontier exploration covers the floor faster than a random walk",
                  partial(_ahead, "frontier", "random", SEEN)),
        ),
        draw=draw,
        stages={"run": len(policy)},
        live=True,
        note=f"Rows of mIoU and coverage are in percent; '{NEEDED}' is in frames, and empty if a policy does not "
        "reach it. Dense sampling teleports and uses the ground-truth floor. Curiosity follows the learner that is "
        "evaluated.",
    )  # fmt: skip
