"""Tables 4 and 8: what rgb of the transfer set is worth in pre-training, without its labels, and how much of it."""

from __future__ import annotations

from functools import partial

from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

TRANSFER, TEST_SPACE, BOTH = "transfer set only", "test space only", "both, 1/1"
MAE, MM = "TST-MAE", "TST-MM"
SHARES = {TEST_SPACE: 0.0, BOTH: 0.5, "both, 1/4": 0.2}
"""Shares of the samples that are of the transfer set."""


def trial(trial: Trial) -> Measures:
    """mIoU by what pre-training saw: TST-MAE and TST-MM on sensory modalities; scratch beside them."""
    stages = trial.stages
    collected = stages.collect()
    measures: Measures = {"none": {"scratch": stages.miou(stages.scratch)}}
    external = stages.pretrain((), stages.mae, mix_share=1.0, title="MAE on the transfer set")
    measures[TRANSFER] = {MAE: stages.miou(stages.transfer(external, title="MAE on the transfer set"))}
    for told, share in SHARES.items():
        measures[told] = {}
        for name, config in {MAE: stages.mae, MM: stages.mm(pseudolabels=False)}.items():
            learner = stages.pretrain((collected,), config, mix_share=share, title=f"{name}, {told}")
            measures[told][name] = stages.miou(stages.transfer(learner, title=f"{name}, {told}"))
    return measures


def lead(one: tuple[str, str], other: tuple[str, str], measures: Measures) -> float:
    """Points by which a cell, (line, column), is above another."""
    return measures[one[0]][one[1]] - measures[other[0]][other[1]]


SCRATCH = ("none", "scratch")
LEADS = {
    "mixing in rgb of the transfer set helps TST-MM (Table 4)": ((BOTH, MM), (TEST_SPACE, MM)),
    "mixing in rgb of the transfer set helps TST-MAE": ((BOTH, MAE), (TEST_SPACE, MAE)),
    "the test space teaches more than the transfer set (Table 4)": ((TEST_SPACE, MM), (TRANSFER, MAE)),
    "of the test space alone, TST-MAE is better than scratch": ((TEST_SPACE, MAE), SCRATCH),
    "of the test space alone, TST-MM is better than scratch": ((TEST_SPACE, MM), SCRATCH),
    "with mix-in, TST-MAE is better than scratch (Table 1)": ((BOTH, MAE), SCRATCH),
    "with mix-in, TST-MM is better than scratch (Table 1)": ((BOTH, MM), SCRATCH),
    "with mix-in, TST-MM is better than TST-MAE (Figure 17)": ((BOTH, MM), (BOTH, MAE)),
}
"""What leads what."""
SHORT = (
    "Pre-training at this size is short. Transfer, which follows it in every row and sees the transfer set's rgb in "
    "any case, decides most of the score."
)


def experiment() -> Experiment:
    """Tables 4 and 8."""
    return Experiment(
        command="specialise mixin",
        source="Tables 4 and 8, and Figure 17 with and without mix-in",
        question="Does rgb of the transfer set, mixed into pre-training without labels, make the specialist better?",
        unit="mIoU, %",
        trial=trial,
        paper={TRANSFER: {MAE: 42.01}, TEST_SPACE: {MM: 50.21}, BOTH: {MM: 56.96}},
        claims=tuple(Claim(says, partial(lead, *cells), SHORT) for says, cells in LEADS.items()),
        draw=bars,
        stages={"views": 1, "collect": 1, "pretrain": 7, "transfer": 8, "evaluate": 8},
        note="The paper's numbers are of ViT-S with pseudolabel modalities; here TST-MM has the sensory ones. 1/1: "
        "half of the samples are of the transfer set; 1/4: one for four of the test space.",
    )
