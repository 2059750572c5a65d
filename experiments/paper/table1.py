"""Table 1, segmentation column, with the bounds of Figure 11: what pre-training in the test space is worth.

All methods have one recipe and number of steps of transfer, pre-trained ones the same steps and frames. All but the
generalist share encoder and head.
"""

from __future__ import annotations

from functools import partial

from .experiment import Claim, Experiment, Measures, Trial, above, above_generalists
from .figures import bars

SCRATCH, MAE, SENSORY, FULL = "scratch", "TST-MAE", "TST-MM, sensory", "TST-MM, pseudolabels"
VOTED, LIVED, BOUND = "scratch + own pseudolabels", "TST-MM + own pseudolabels", "supervised bound"


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
    segmenters[VOTED] = stages.transfer(None, own, title=VOTED)
    segmenters[LIVED] = stages.specialist(collected, LIVED)
    segmenters[BOUND] = stages.bound()
    return stages.scores(segmenters)


UNDERTRAINED = (
    "Pre-training at this size is some hundred steps of an encoder of four layers, where the paper takes many thousand "
    "of ViT-B. At equal samples a further modality then takes its share of them from rgb, the one that transfer sees."
)


def experiment(generalist: tuple[str, ...] = ()) -> Experiment:
    """Table 1's segmentation column; `generalist` names more of them (`stages.generalists`)."""
    more = len(generalist)
    return Experiment(
        command="specialise table1",
        source="Table 1 (segmentation on ProcTHOR) and Figure 11",
        question="Is pre-training in the test space worth more than none, and than a generalist?",
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
                "The generalist brings 3.4 million parameters that millions of images have trained, and sees frames "
                "scaled to 224 x 224; the specialist had minutes.",
            ),
            Claim("the supervised bound is above TST-MM (Figure 11)", partial(above, BOUND, FULL)),
            Claim(
                "beyond the paper: the agent's own pseudolabels in transfer make it better still",
                partial(above, LIVED, FULL),
            ),
            Claim(
                "... and TST-MM then is better than scratch with the same",
                partial(above, LIVED, VOTED),
                UNDERTRAINED,
            ),
        ),
        draw=bars,
        stages={"views": 1, "collect": 1, "pseudolabel": 1, "pretrain": 3, "transfer": 8 + more, "evaluate": 8 + more},
        note="The paper's numbers are of ViT-B, other houses and other classes: the order of methods compares, the "
        "numbers do not. Multimodal scratch is in `specialise multimodal`. The generalist's encoder stays frozen; "
        "those of the others learn on in transfer.",
    )
