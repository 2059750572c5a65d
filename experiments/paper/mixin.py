"""Tables 4 and 8: mixing unlabelled rgb of the transfer set into pre-training, and how much of it."""

from __future__ import annotations

from functools import partial

from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

TRANSFER, TEST_SPACE, BOTH = "transfer set only", "test space only", "both, 1/1"
MAE, MM = "TST-MAE", "TST-MM"
SHARES = {TEST_SPACE: 0.0, BOTH: 0.5, "both, 1/4": 0.2}
"""Fraction of the samples that come from the transfer set."""


def trial(trial: Trial) -> Measures:
    """mIoU by the data of pre-training, for TST-MAE and TST-MM on sensory modalities, and for scratch."""
    stages = trial.stages
    collected = stages.collect()
    measures: Measures = {"none": {"scratch": stages.miou(stages.scratch)}}
    external = stages.pretrain((), stages.mae, mix_share=1.0, title="MAE on the transfer set")
    measures[TRANSFER] = {MAE: stages.miou(stages.transfer(external, title="MAE on the transfer set"))}
    for mix, share in SHARES.items():
        measures[mix] = {}
        for name, config in {MAE: stages.mae, MM: stages.mm(pseudolabels=False)}.items():
            learner = stages.pretrain((collected,), config, mix_share=share, title=f"{name}, {mix}")
            measures[mix][name] = stages.miou(stages.transfer(learner, title=f"{name}, {mix}"))
    return measures


def lead(one: tuple[str, str], other: tuple[str, str], measures: Measures) -> float:
    """Difference between two cells (row, column), in points."""
    return measures[one[0]][one[1]] - measures[other[0]][other[1]]


SCRATCH = ("none", "scratch")
LEADS = {
    "mixing in rgb of the transfer set helps TST-MM (Table 4)": ((BOTH, MM), (TEST_SPACE, MM)),
    "mixing in rgb of the transfer set helps TST-MAE": ((BOTH, MAE), (TEST_SPACE, MAE)),
    "pre-training in the test space is better than on the transfer set (Table 4)": ((TEST_SPACE, MM), (TRANSFER, MAE)),
    "without mix-in, TST-MAE is better than scratch": ((TEST_SPACE, MAE), SCRATCH),
    "without mix-in, TST-MM is better than scratch": ((TEST_SPACE, MM), SCRATCH),
    "with mix-in, TST-MAE is better than scratch (Table 1)": ((BOTH, MAE), SCRATCH),
    "with mix-in, TST-MM is better than scratch (Table 1)": ((BOTH, MM), SCRATCH),
    "with mix-in, TST-MM is better than TST-MAE (Figure 17)": ((BOTH, MM), (BOTH, MAE)),
}
"""Claims as pairs of cells: the first is better than the second."""
SHORT = (
    "Pre-training at this size is short. Transfer, which follows it in every row and uses the transfer set's rgb "
    "anyway, determines most of the score."
)


def experiment() -> Experiment:
    """Tables 4 and 8."""
    return Experiment(
        command="specialise mixin",
        source="Tables 4 and 8, and Figure 17 with and without mix-in",
        question="Does unlabelled rgb of the transfer set in pre-training improve the specialist?",
        unit="mIoU, %",
        trial=trial,
        paper={TRANSFER: {MAE: 42.01}, TEST_SPACE: {MM: 50.21}, BOTH: {MM: 56.96}},
        claims=tuple(Claim(says, partial(lead, *cells), SHORT) for says, cells in LEADS.items()),
        draw=bars,
        stages={"views": 1, "collect": 1, "pretrain": 7, "transfer": 8, "evaluate": 8},
        note="The paper's numbers are for ViT-S with pseudolabel modalities; here TST-MM uses the sensory ones. 1/1: "
        "half of the samples come from the transfer set; 1/4: one for every four of the test space.",
    )
