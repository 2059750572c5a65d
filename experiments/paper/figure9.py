"""Figure 9: specialisation against generalisation, over the number of houses in pre-training."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import UserError
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

HERE, ELSEWHERE = "in the test space", "in a house never seen"


def trial(trial: Trial) -> Measures:
    """mIoU of TST-MM in its test space and in the last house, by the number of houses in pre-training.

    The number of steps is the same for all. UserError for fewer than three houses.
    """
    if len(trial.houses) < 3:
        raise UserError("figure9 needs three or more houses: the test space, an unseen one, and others to add")
    stages = trial.stages
    order = [*trial.houses[trial.index :], *trial.houses[: trial.index]]
    others = [trial.stages_in(house) for house in order[1:]]
    collected = [stages.collect(), *(other.collect() for other in others[:-1])]
    measures: Measures = {}
    for count in range(1, len(collected) + 1):
        title = f"TST-MM in {count} houses"
        segmenter = stages.transfer(stages.pretrain(collected[:count], title=title), title=title)
        seen = {HERE: None, ELSEWHERE: others[-1].views}
        measures[str(count)] = {name: stages.miou(segmenter, views=views) for name, views in seen.items()}
    return measures


def _falls(measures: Measures) -> float:
    one, *_, most = measures.values()
    return one[HERE] - most[HERE]


def _rises(measures: Measures) -> float:
    one, *_, most = measures.values()
    return most[ELSEWHERE] - one[ELSEWHERE]


def draw(summary: Summary, file: Path) -> None:
    """Two curves over the number of houses."""
    lines = summary.lines()
    curves(summary, file, "houses in pre-training", [float(line) for line in lines], lines)


FEW = (
    "With a few houses and some hundred steps the learner still gains from every frame, and one more house matters "
    "less than the seed. The paper goes to thousands of houses."
)


def experiment() -> Experiment:
    """Figure 9."""
    return Experiment(
        command="specialise figure9",
        source="Figure 9 (specialisation against generalisation)",
        question="Do more houses in pre-training reduce performance in the test space and improve it elsewhere?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim("more houses reduce performance in the test space (Figure 9)", _falls, FEW),
            Claim("more houses improve performance in an unseen house (Figure 9)", _rises, FEW),
        ),
        draw=draw,
        stages={"views": 3, "collect": 2, "pseudolabel": 2, "pretrain": 2, "transfer": 3, "evaluate": 4},
        note="Give three or more houses with --house; each is the test space once, with the one before it as the "
        "unseen house. Costs are for three. The paper gives the figure without numbers in its text.",
    )
