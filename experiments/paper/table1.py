"""Table 1, segmentation column, with the bounds of Figure 11: the value of pre-training in the test space.

All methods use the same transfer recipe and number of steps, and pre-trained ones the same steps and frames. All but
the generalist share the encoder and head architecture.
"""

from __future__ import annotations

from functools import partial

from .experiment import Claim, Experiment, Measures, Trial, above, above_generalists
from .figures import bars

SCRATCH, MAE, SENSORY, FULL = "scratch", "TST-MAE", "TST-MM, sensory", "TST-MM, pseudolabels"
SCRATCH_FUSED, SPECIALIST, BOUND = "scratch + own pseudolabels", "TST-MM + own pseudolabels", "supervised bound"


def trial(generalist: tuple[str, ...], trial: Trial) -> Measures:
    """mIoU and pixel accuracy of every method in one house."""
    stages = trial.stages
    generalists = stages.generalists(generalist)
    collected = stages.collect()
    own = stages.own(collected)
    configs = {MAE: stages.mae, SENSORY: stages.mm(pseudolabels=False), FULL: stages.mm()}
    segmenters = {SCRATCH: stages.scratch}
    segmenters |= {name: stages.frozen(general) for name, general in generalists.items()}
    for name, config in configs.items():
        segmenters[name] = stages.transfer(stages.pretrain((collected,), config, title=name), title=name)
    segmenters[SCRATCH_FUSED] = stages.transfer(None, own, title=SCRATCH_FUSED)
    segmenters[SPECIALIST] = stages.specialist(collected, SPECIALIST)
    segmenters[BOUND] = stages.bound()
    return stages.scores(segmenters)


UNDERTRAINED = (
    "Pre-training at this size takes some hundred steps of a four-layer encoder; the paper takes many thousand of "
    "ViT-B. At equal samples, further modalities take tokens from rgb, the only modality that transfer uses."
)


def experiment(generalist: tuple[str, ...] = ()) -> Experiment:
    """Table 1's segmentation column; `generalist`: further generalists (`stages.generalists`)."""
    more = len(generalist)
    return Experiment(
        command="specialise table1",
        source="Table 1 (segmentation on ProcTHOR) and Figure 11",
        question="Is pre-training in the test space better than no pre-training, and than a generalist?",
        unit="%",
        trial=partial(trial, generalist),
        paper={SCRATCH: {"mIoU": 28.62}, FULL: {"mIoU": 60.85}},
        claims=(
            Claim("TST-MM is better than scratch (Table 1)", partial(above, FULL, SCRATCH), UNDERTRAINED),
            Claim("TST-MAE is better than scratch (Figure 3)", partial(above, MAE, SCRATCH), UNDERTRAINED),
            Claim("TST-MM is better than TST-MAE (Figure 17)", partial(above, FULL, MAE), UNDERTRAINED),
            Claim("pseudolabels add to sensory modalities (4.3)", partial(above, FULL, SENSORY), UNDERTRAINED),
            Claim(
                "TST-MM is better than generalists (Table 1)",
                partial(above_generalists, FULL, generalist),
                "The generalist has 3.4 million parameters pre-trained on millions of images, and gets frames scaled "
                "to 224 x 224; the specialist trains for minutes.",
            ),
            Claim("the supervised bound is above TST-MM (Figure 11)", partial(above, BOUND, FULL)),
            Claim(
                "beyond the paper: transfer on the agent's pseudolabelled frames improves TST-MM",
                partial(above, SPECIALIST, FULL),
            ),
            Claim(
                "beyond the paper: with these frames, TST-MM is still better than scratch",
                partial(above, SPECIALIST, SCRATCH_FUSED),
                UNDERTRAINED,
            ),
        ),
        draw=bars,
        stages={"views": 1, "collect": 1, "pseudolabel": 1, "pretrain": 3, "transfer": 8 + more, "evaluate": 8 + more},
        note="The paper's numbers are for ViT-B, other houses and other classes: compare the order of methods, not the "
        "numbers. Multimodal scratch is in `specialise multimodal`. The generalist's encoder is frozen; the others "
        "are fine-tuned in transfer.",
    )
