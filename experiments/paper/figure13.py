"""Figure 13: label propagation within the test space, without the domain shift from external houses."""

from __future__ import annotations

from functools import partial

from .experiment import Claim, Experiment, Measures, Trial, above, above_generalists
from .figures import bars

SCRATCH, MAE, SENSORY, FULL, BOUND = "scratch", "TST-MAE", "TST-MM, sensory", "TST-MM, pseudolabels", "supervised bound"


def trial(generalist: tuple[str, ...], trial: Trial) -> Measures:
    """mIoU and pixel accuracy of every method in one house, from 20 labelled frames of it."""
    stages = trial.stages
    generalists = stages.generalists(generalist)
    collected = stages.collect()
    segmenters = {SCRATCH: stages.propagate(None, SCRATCH)}
    segmenters |= {name: stages.propagate(general, name) for name, general in generalists.items()}
    for name, config in {MAE: stages.mae, SENSORY: stages.mm(pseudolabels=False), FULL: stages.mm()}.items():
        segmenters[name] = stages.propagate(stages.pretrain((collected,), config, title=name), name)
    segmenters[BOUND] = stages.bound()
    return stages.scores(segmenters)


SHORT = "Pre-training at this size takes some hundred steps; the paper takes many thousand."


def experiment(generalist: tuple[str, ...] = ()) -> Experiment:
    """Figure 13; `generalist`: further generalists (`stages.generalists`)."""
    more = len(generalist)
    return Experiment(
        command="specialise figure13",
        source="Figure 13 (label propagation, Appendix C)",
        question="Does pre-training in the test space help with 20 labelled frames of it?",
        unit="%",
        trial=partial(trial, generalist),
        paper={},
        claims=(
            Claim("TST-MM is better than scratch (Figure 13)", partial(above, FULL, SCRATCH), SHORT),
            Claim("TST-MM on sensory modalities is better than scratch", partial(above, SENSORY, SCRATCH), SHORT),
            Claim("TST-MAE is better than scratch (Figure 13)", partial(above, MAE, SCRATCH), SHORT),
            Claim("TST-MM is better than TST-MAE (Figure 13)", partial(above, FULL, MAE), SHORT),
            Claim("TST-MM is better than the generalist, frozen", partial(above_generalists, FULL, generalist), SHORT),
            Claim("the supervised bound is above TST-MM (Figure 13)", partial(above, BOUND, FULL)),
        ),
        draw=bars,
        stages={"views": 1, "collect": 1, "pseudolabel": 1, "pretrain": 3, "transfer": 7 + more, "evaluate": 6 + more},
        note="The only experiment in which a segmenter uses labels of the test space: 20 frames, chosen to cover many "
        "classes, the same for all methods. Pre-training uses none. The paper has the figure on ScanNet++, without "
        "numbers. The generalist's encoder is frozen.",
    )
