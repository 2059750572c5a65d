"""Figure 7: pre-train in one house, evaluate in another. Specialisation is the diagonal.

Everything but the frames is that of the house that is tested: D_t, what is mixed in, who guesses the pseudolabels.
"""

from __future__ import annotations

from ..stages import Stages
from .experiment import Claim, Experiment, Measures, Trial
from .figures import matrix


def trial(trial: Trial) -> Measures:
    """mIoU in this trial's house of specialists of every house: one row of the matrix."""
    stages = trial.stages
    row = {}
    for number, house in enumerate(trial.houses, 1):
        collected = Stages(trial.store, trial.preset, (house,), trial.seed).collect()
        row[f"pre-trained in {number}"] = stages.miou(stages.specialist(collected, f"specialist of house {number}"))
    row["scratch"] = stages.miou(stages.scratch)
    return {f"tested in {trial.index + 1}": row}


def _diagonal(measures: Measures) -> float:
    """How far the house's own specialist is ahead of the best of the others. KeyError where there is one house only."""
    ((line, row),) = measures.items()
    own = f"pre-trained in {line.rsplit(' ', 1)[1]}"
    others = [value for name, value in row.items() if name not in (own, "scratch")]
    if not others:
        raise KeyError("one house")
    return row[own] - max(others)


def experiment() -> Experiment:
    """Figure 7."""
    return Experiment(
        command="specialise figure7",
        source="Figure 7",
        question="Is it this house's frames that help, or would any house's do?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim(
                "the best model for a house is the one that was pre-trained in it (Figure 7)",
                _diagonal,
                "The margin is over the best of all other houses, which chance favours as their number grows; and at "
                "this size much of what is learned is how such houses look, which other houses teach as well.",
            ),
        ),
        draw=matrix,
        stages={"views": 1, "collect": 1, "pseudolabel": 3, "pretrain": 3, "transfer": 4, "evaluate": 4},
        note="Name three houses or more with --house; a trial is one row. The models are those of a life, with the "
        "frames' pseudolabels in transfer. The paper gives the figure without numbers in its text.",
    )
