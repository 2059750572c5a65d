"""Figures 5 and 6: performance over the number of modalities in pre-training."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from ...learners.choices import SENSORY
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

MEAN, LOWEST, HIGHEST = "mIoU, mean of sets", "worst set", "best set"
COUNTS = {str(count): float(count) for count in range(1, len(SENSORY) + 2)}
"""Rows by number of modalities; the last one adds pseudolabels."""


def trial(trial: Trial) -> Measures:
    """mIoU by number of modalities: rgb alone (TST-MAE), then rgb with every subset of the others of that size."""
    stages = trial.stages
    collected = stages.collect()
    configs = {"1": [("rgb", stages.mae)]}
    for count in range(1, len(SENSORY)):
        sets = [("rgb", *others) for others in combinations(SENSORY[1:], count)]
        configs[str(count + 1)] = [(", ".join(names), stages.mm(names, pseudolabels=False)) for names in sets]
    configs[str(len(SENSORY) + 1)] = [("all and pseudolabels", stages.mm())]
    measures: Measures = {}
    for count_name, variants in configs.items():
        scores = []
        for title, config in variants:
            learner = stages.pretrain((collected,), config, title=title)
            scores.append(stages.miou(stages.transfer(learner, title=title)))
        measures[count_name] = {MEAN: float(np.mean(scores)), LOWEST: min(scores), HIGHEST: max(scores)}
    return measures


def _more(measures: Measures) -> float:
    return measures[list(COUNTS)[-1]][MEAN] - measures["1"][MEAN]


def _narrower(measures: Measures) -> float:
    spread = {count: measures[count][HIGHEST] - measures[count][LOWEST] for count in ("2", "3")}
    return spread["2"] - spread["3"]


def draw(summary: Summary, file: Path) -> None:
    """Curves over the number of modalities."""
    curves(summary, file, "modalities", list(COUNTS.values()), list(COUNTS))


def experiment() -> Experiment:
    """Figure 6."""
    return Experiment(
        command="specialise figure6",
        source="Figure 6 (more modalities)",
        question="Do more modalities in pre-training improve the specialist, whichever they are?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim(
                "more modalities are better (Figure 6)",
                _more,
                "Pre-training at this size is too short to make a visible difference after transfer.",
            ),
            Claim(
                "with more modalities, the choice matters less (Figure 6)",
                _narrower,
                "There are only three sets each of two and three modalities: their spread is mostly noise.",
            ),
        ),
        draw=draw,
        stages={"views": 1, "collect": 1, "pseudolabel": 1, "pretrain": 9, "transfer": 10, "evaluate": 9},
        note="The paper has nine modalities, and gives no numbers in the text. Every learner takes the same number of "
        "steps.",
    )
