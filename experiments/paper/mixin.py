"""Tables 4 and 8: what rgb of the transfer set is worth in pre-training, without its labels, and how much of it."""

from __future__ import annotations

from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

TRANSFER, TEST_SPACE, BOTH = "transfer set only", "test space only", "both, 1/1"
SHARES = {TEST_SPACE: 0.0, BOTH: 0.5, "both, 1/4": 0.2}
"""Shares of the samples that are of the transfer set."""


def trial(trial: Trial) -> Measures:
    """mIoU by what pre-training saw: TST-MAE and TST-MM on sensory modalities; scratch beside them."""
    stages = trial.stages
    collected = stages.collect()
    measures: Measures = {"none": {"scratch": stages.miou(stages.scratch)}}
    external = stages.pretrain((), stages.mae, mix_share=1.0, title="MAE on the transfer set")
    measures[TRANSFER] = {"TST-MAE": stages.miou(stages.transfer(external, title="MAE on the transfer set"))}
    for told, share in SHARES.items():
        measures[told] = {}
        for name, config in {"TST-MAE": stages.mae, "TST-MM": stages.mm(pseudolabels=False)}.items():
            learner = stages.pretrain((collected,), config, mix_share=share, title=f"{name}, {told}")
            measures[told][name] = stages.miou(stages.transfer(learner, title=f"{name}, {told}"))
    return measures


def _mixed(measures: Measures) -> float:
    return measures[BOTH]["TST-MM"] - measures[TEST_SPACE]["TST-MM"]


def _space(measures: Measures) -> float:
    return measures[TEST_SPACE]["TST-MM"] - measures[TRANSFER]["TST-MAE"]


def _objective(measures: Measures) -> float:
    return measures[BOTH]["TST-MM"] - measures[BOTH]["TST-MAE"]


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
        paper={TRANSFER: {"TST-MAE": 42.01}, TEST_SPACE: {"TST-MM": 50.21}, BOTH: {"TST-MM": 56.96}},
        claims=(
            Claim("mixing in rgb of the transfer set helps TST-MM (Table 4)", _mixed, SHORT),
            Claim("the test space teaches more than the transfer set (Table 4)", _space, SHORT),
            Claim("with mix-in, TST-MM is better than TST-MAE (Figure 17)", _objective, SHORT),
        ),
        draw=bars,
        stages={"views": 1, "collect": 1, "pretrain": 7, "transfer": 8, "evaluate": 8},
        note="The paper's numbers are of ViT-S with pseudolabel modalities; here TST-MM has the sensory ones. 1/1: "
        "half of the samples are of the transfer set; 1/4: one for four of the test space.",
    )
