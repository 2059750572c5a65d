"""Multimodal scratch of Table 1: is pre-training needed, or is depth as an input in transfer enough?

Four segmenters with the same transfer recipe: from rgb or from all sensory modalities, pre-trained or not.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .experiment import Claim, Experiment, Measures, Trial, above
from .figures import bars

SCRATCH, MULTIMODAL = "unimodal scratch", "multimodal scratch"
TST, TST_MULTIMODAL = "TST-MM, sensory", "TST-MM, sensory, all in transfer"


def trial(trial: Trial) -> Measures:
    """mIoU and pixel accuracy of each in one house."""
    stages = trial.stages
    learner = stages.pretrain((stages.collect(),), replace(stages.mm(pseudolabels=False), targets="patches"), title=TST)
    return stages.scores(
        {
            SCRATCH: stages.scratch,
            MULTIMODAL: stages.transfer_multimodal(None, MULTIMODAL),
            TST: stages.transfer(learner, title=TST),
            TST_MULTIMODAL: stages.transfer_multimodal(learner, TST_MULTIMODAL),
        }
    )


def experiment() -> Experiment:
    """Table 1's two rows without pre-training."""
    return Experiment(
        command="specialise multimodal",
        source="Table 1 (scratch, unimodal and multimodal)",
        question="Does cross-modal pre-training help, or are the modalities as inputs enough?",
        unit="%",
        trial=trial,
        paper={SCRATCH: {"mIoU": 28.62}, MULTIMODAL: {"mIoU": 26.29}},
        claims=(
            Claim(
                "TST-MM with rgb only in transfer is better than multimodal scratch (Table 1)",
                partial(above, TST, MULTIMODAL),
                "The simulator's depth has no noise, and shape distinguishes classes that texture does not; "
                "pre-training at this size is short.",
            ),
            Claim(
                "multimodal scratch is no better than unimodal scratch (Table 1, ProcTHOR)",
                partial(above, SCRATCH, MULTIMODAL),
                "The simulator's depth has no noise, and D_t is rendered with the same camera.",
            ),
            Claim(
                "beyond the paper: with all modalities in transfer too, pre-training still helps",
                partial(above, TST_MULTIMODAL, MULTIMODAL),
            ),
        ),
        draw=bars,
        stages={"views": 1, "collect": 1, "pretrain": 1, "transfer": 7, "evaluate": 4},
        note="The head uses the features of the rgb tokens, which attend to the others. A multimodal transfer has four "
        "times the tokens, and counts as two and a half transfers. The paper's numbers are for ViT-B, other houses "
        "and other classes.",
    )
