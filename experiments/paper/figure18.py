"""Figure 18: the smallest unit of space to specialise on, as rings around the centre of a house."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..stages.names import EFFICIENTNET
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

SHARES = {"1/4": 0.25, "1/2": 0.5, "1/1": 1.0}
"""Rings around the centre, by the fraction of the held-out views in them."""
SAME, LESS, EXTERNAL = "pre-trained in the same ring", "pre-trained in the smallest ring", "MAE on the transfer set"


def trial(trial: Trial) -> Measures:
    """mIoU in each ring, of models pre-trained in the same ring, in the smallest, and elsewhere."""
    stages = trial.stages
    collected = stages.collect()
    segmenters = {}
    for name, share in SHARES.items():
        title = f"TST-MM in {name}"
        own = stages.part(collected, share) if share < 1 else collected
        segmenters[name] = stages.transfer(stages.pretrain((own,), title=title), title=title)
    external = stages.pretrain((), stages.mae, mix_share=1.0, title=EXTERNAL)
    fixed = {LESS: segmenters["1/4"], EXTERNAL: stages.transfer(external, title=EXTERNAL)}
    fixed |= {name: stages.frozen(general) for name, general in stages.generalists().items()}
    return {
        name: {
            method: stages.miou(segmenter, share=share)
            for method, segmenter in {SAME: segmenters[name], **fixed}.items()
        }
        for name, share in SHARES.items()
    }


def _above(worse: str, line: str, measures: Measures) -> float:
    return measures[line][SAME] - measures[line][worse]


def draw(summary: Summary, file: Path) -> None:
    """Curves over the size of the ring."""
    curves(summary, file, "ring, as a fraction of the house's views", list(SHARES.values()), list(SHARES))


SHORT = "Pre-training at this size is too short to make a visible difference after transfer."


def experiment() -> Experiment:
    """Figure 18."""
    return Experiment(
        command="specialise figure18",
        source="Figure 18 (smaller and smaller spaces)",
        question="Can a model specialise on part of a house, and does a smaller part serve a larger one?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim("small ring: TST-MM is above the transfer set (Figure 18)", partial(_above, EXTERNAL, "1/4"), SHORT),
            Claim("small ring: TST-MM is above generalists (Figure 18)", partial(_above, EFFICIENTNET, "1/4"), SHORT),
            Claim("a small ring does not serve the whole house (Figure 18)", partial(_above, LESS, "1/1"), SHORT),
        ),
        draw=draw,
        stages={
            "views": 1, "collect": 1, "part": 2, "pseudolabel": 3, "pretrain": 4, "transfer": 6, "evaluate": 12,
        },
        note="Rings are defined by the agent's position, around the centre of the house. The paper gives the figure "
        "without numbers in its text.",
    )  # fmt: skip
