"""Figure 7: pre-train in one house, evaluate in another. Specialisation is the diagonal.

Only the frames differ: D_t, mix-in and pseudolabel teacher are those of the evaluated house.
"""

from __future__ import annotations

from .experiment import Claim, Experiment, Measures, Trial
from .figures import matrix


def trial(trial: Trial) -> Measures:
    """mIoU of every house's specialist in this trial's house: one row of the matrix."""
    stages = trial.stages
    row = {}
    for number, house in enumerate(trial.houses, 1):
        collected = trial.stages_in(house).collect()
        row[f"pre-trained in {number}"] = stages.miou(stages.specialist(collected, f"specialist of house {number}"))
    row["scratch"] = stages.miou(stages.scratch)
    return {f"tested in {trial.index + 1}": row}


def _diagonal(measures: Measures) -> float:
    """Lead of the house's own specialist over the best of the others. KeyError if there is only one house."""
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
        question="Does pre-training in this house help more than pre-training in another?",
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
        note="Give three or more houses with --house; a trial is one row. Transfer includes pseudolabelled frames, as "
        "in a run of the agent. The paper gives the figure without numbers in its text.",
    )
