"""Figure 17 over budgets: comparison of objectives at equal samples and at equal seconds.

Every objective gets the same frames of the house, the same rgb of the transfer set, and the same transfer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

SCRATCH, MAE, MM, DINO = "scratch", "TST-MAE", "TST-MM", "TST-DINO"
BUDGETS = {MAE: (0.25, 1.0, 4.0), MM: (0.25, 1.0, 4.0), DINO: (0.25, 1.0)}
"""Samples of pre-training, as multiples of the preset's. A sample of TST-DINO (six crops and a teacher) costs about
four times as much as one of the others."""
SAMPLES, SECONDS = "mIoU after samples", "seconds for samples"


def trial(trial: Trial) -> Measures:
    """mIoU and seconds of pre-training by number of samples; one column per objective."""
    stages = trial.stages
    collected, batch = stages.collect(), trial.preset.learner.batch_size
    scratch = stages.miou(stages.scratch)
    measures: Measures = {}
    for share in sorted({share for shares in BUDGETS.values() for share in shares}):
        steps = stages.steps(round(share * stages.frames))
        scores, seconds = {SCRATCH: scratch}, {}
        for name in (name for name, shares in BUDGETS.items() if share in shares):
            title = f"{name}, {steps * batch} samples"
            if name == DINO:
                learner = stages.pretrain_dino((collected,), steps * batch, title)
            else:
                config = stages.mae if name == MAE else stages.mm(pseudolabels=False)
                learner = stages.pretrain((collected,), config, steps=steps, title=title)
            scores[name], seconds[name] = stages.miou(stages.transfer(learner, title=title)), learner.seconds
        measures |= {f"{SAMPLES}: {steps * batch}": scores, f"{SECONDS}: {steps * batch}": seconds}
    return measures


def _rows(what: str, measures: Measures) -> list[tuple[int, dict[str, float]]]:
    return [(int(line.rpartition(" ")[2]), row) for line, row in measures.items() if line.startswith(what)]


def at_equal_samples(better: str, worse: str, measures: Measures) -> float:
    """Lead at the largest number of samples measured for both."""
    return [row[better] - row[worse] for _, row in _rows(SAMPLES, measures) if {better, worse} <= set(row)][-1]


def at_equal_seconds(better: str, worse: str, measures: Measures) -> float:
    """Lead at the longest duration measured for both, interpolated linearly in log seconds.

    KeyError if their durations do not overlap.
    """
    known = {
        name: [
            (seconds[name], miou[name])
            for (_, seconds), (_, miou) in zip(_rows(SECONDS, measures), _rows(SAMPLES, measures), strict=True)
            if name in seconds
        ]
        for name in (better, worse)
    }
    end = min(curve[-1][0] for curve in known.values())
    if end < max(curve[0][0] for curve in known.values()):
        raise KeyError("no seconds in common")
    ours, theirs = (
        float(np.interp(np.log(end), np.log(x), y)) for x, y in (zip(*known[n], strict=True) for n in known)
    )
    return ours - theirs


def draw(summary: Summary, file: Path) -> None:
    """mIoU over samples, and in seconds.png over the mean seconds of pre-training."""
    lines = [line for line in summary.lines() if line.startswith(SAMPLES)]
    samples = [float(line.rpartition(" ")[2]) for line in lines]
    curves(summary, file, "samples of pre-training", samples, lines, "mIoU, %", log=True)
    seconds = {
        name: [summary.mean(f"{SECONDS}: {round(count)}", name) for count in samples]
        for name in summary.columns()
        if name != SCRATCH
    }
    curves(summary, file.with_name("seconds.png"), "seconds of pre-training", seconds, lines, "mIoU, %", log=True)


def experiment() -> Experiment:
    """Figure 17 over budgets."""
    short = "Pre-training at this size is short, and further modalities take tokens from rgb."
    return Experiment(
        command="specialise figure17",
        source="Figure 17 (objectives), over budgets",
        question="Which objective gives the best specialist, at equal samples and at equal seconds?",
        unit="mIoU in %, and seconds",
        trial=trial,
        paper={},
        claims=(
            Claim("TST-MM is better than scratch", partial(at_equal_samples, MM, SCRATCH), short),
            Claim("TST-MM is better than TST-MAE, at equal samples", partial(at_equal_samples, MM, MAE), short),
            Claim("TST-MM is better than TST-MAE, at equal seconds", partial(at_equal_seconds, MM, MAE), short),
            Claim("TST-MM is better than TST-DINO, at equal samples", partial(at_equal_samples, MM, DINO), short),
            Claim("TST-MM is better than TST-DINO, at equal seconds", partial(at_equal_seconds, MM, DINO), short),
            Claim("TST-DINO is better than TST-MAE, at equal seconds", partial(at_equal_seconds, DINO, MAE), short),
        ),
        draw=draw,
        stages={"views": 1, "collect": 1, "pretrain": 8 * 1.6, "transfer": 9, "evaluate": 9},
        note="TST-MM uses the sensory modalities. For every objective, half of the samples come from the transfer set. "
        "Seconds are wall-clock times of pre-training; parallel trials slow each other down alike. The paper gives "
        "the figure without numbers in its text.",
    )
