"""Beyond the paper: which rule fuses the predictions of many views into the best pseudolabels, and specialist?

Each rule labels the same frames by the same scratch segmenter. The specialist is scratch transferred on D_t and on the
agent's pseudolabelled frames, without pre-training, so that the labels alone make the difference.
"""

from __future__ import annotations

from functools import partial

from ...agent.fusion.fusion_config import FusionConfig
from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

SOFT, HARD, NO_PRIOR = "probabilities, prior", "hard vote, prior", "probabilities"
RULES = {
    "hard vote": FusionConfig(rule="hard", prior_power=0.0),
    HARD: FusionConfig(rule="hard"),
    NO_PRIOR: FusionConfig(prior_power=0.0),
    "probabilities, prior^0.5": FusionConfig(prior_power=0.5),
    SOFT: FusionConfig(),
}
NONE = "no pseudolabels"
LABELS, SPECIALIST = "pseudolabels, mIoU", "specialist, mIoU"


def trial(trial: Trial) -> Measures:
    """mIoU of the pseudolabels on the agent's frames, and of the specialist on held-out views, by rule."""
    stages = trial.stages
    collected = stages.collect()
    measures: Measures = {NONE: {SPECIALIST: stages.miou(stages.scratch)}}
    for name, config in RULES.items():
        own = stages.own(collected, config)
        specialist = stages.miou(stages.transfer(None, own, f"scratch with {name}"))
        measures[name] = {LABELS: 100 * stages.label_score(own)["miou"], SPECIALIST: specialist}
    return measures


def _ahead(better: str, worse: str, column: str, measures: Measures) -> float:
    return measures[better][column] - measures[worse][column]


def experiment() -> Experiment:
    """The rules of label fusion."""
    return Experiment(
        command="fusion",
        source="Label fusion (Section 4.3)",
        question="Do summed probabilities make better pseudolabels than votes, and does the geometric prior help?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim("beyond the paper: probabilities label better than votes", partial(_ahead, SOFT, HARD, LABELS)),
            Claim("... and make a better specialist", partial(_ahead, SOFT, HARD, SPECIALIST)),
            Claim("beyond the paper: the geometric prior makes better labels", partial(_ahead, SOFT, NO_PRIOR, LABELS)),
            Claim(
                "beyond the paper: fused labels make a specialist better than scratch",
                partial(_ahead, SOFT, NONE, SPECIALIST),
            ),
        ),
        draw=bars,
        stages={
            "views": 1, "collect": 1, "pseudolabel": len(RULES), "label_score": len(RULES),
            "transfer": 1 + len(RULES), "evaluate": 1 + len(RULES),
        },
        note="`hard vote` is the rule of Frey et al. (2022) on our cells. Specialists here have no pre-training.",
    )  # fmt: skip
