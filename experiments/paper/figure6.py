"""Figures 5 and 6: what each modality adds to pre-training, and how performance scales with their number."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np

from ...learners.choices import SENSORY
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

MEAN, LOWEST, HIGHEST = "mIoU, mean of sets", "worst set", "best set"
COUNTS = {str(count): float(count) for count in range(1, len(SENSORY) + 2)}
"""Lines, by number of modalities; the last has pseudolabels beside the sensory ones."""


def trial(trial: Trial) -> Measures:
    """mIoU of TST by number of modalities: rgb alone (TST-MAE), then rgb with every set of so many of the others."""
    stages = trial.stages
    collected = stages.collect()
    configs = {"1": [("rgb", stages.mae)]}
    for count in range(1, len(SENSORY)):
        sets = [("rgb", *others) for others in combinations(SENSORY[1:], count)]
        configs[str(count + 1)] = [(", ".join(names), stages.mm(names, pseudolabels=False)) for names in sets]
    configs[str(len(SENSORY) + 1)] = [("all and pseudolabels", stages.mm())]
    measures: Measures = {}
    for count_name, some in configs.items():
        found = []
        for title, config in some:
            learner = stages.pretrain((collected,), config, title=title)
            found.append(stages.miou(stages.transfer(learner, title=title)))
        measures[count_name] = {MEAN: float(np.mean(found)), LOWEST: min(found), HIGHEST: max(found)}
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
        question="Do more modalities in pre-training make the specialist better, whichever they are?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim(
                "more modalities are better (Figure 6)",
                _more,
                "Pre-training at this size is too short to be seen behind transfer, whatever it is fed.",
            ),
            Claim(
                "with more of them it matters less which (Figure 6)",
                _narrower,
                "Sets of two and of three modalities are three each: their spread is mostly that of chance.",
            ),
        ),
        draw=draw,
        stages={"views": 1, "collect": 1, "pseudolabel": 1, "pretrain": 9, "transfer": 10, "evaluate": 9},
        note="The paper has nine modalities, and its figure no numbers in the text. Every learner takes as many steps.",
    )
