"""Figure 9: pre-train in more and more houses: worse in the test space, better in houses never seen."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import UserError
from ..stages import Stages
from .experiment import Claim, Experiment, Measures, Summary, Trial
from .figures import curves

HERE, ELSEWHERE = "in the test space", "in a house never seen"


def trial(trial: Trial) -> Measures:
    """mIoU of TST-MM in its test space and in the last house, by the number of houses that pre-training saw.

    The steps are the same for all. UserError for less than three houses.
    """
    if len(trial.houses) < 3:
        raise UserError("figure9 needs three houses or more: one to test in, one never seen, and others to add")
    stages = trial.stages
    order = [*trial.houses[trial.index :], *trial.houses[: trial.index]]
    others = [Stages(trial.store, trial.preset, (house,), trial.seed) for house in order[1:]]
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
    curves(summary, file, "houses that pre-training saw", [float(line) for line in lines], lines)


FEW = (
    "A few houses and some hundred steps: at this size a learner is still gaining from every frame, and one house more "
    "changes less than the seed does. The paper goes to thousands of houses."
)


def experiment() -> Experiment:
    """Figure 9."""
    return Experiment(
        command="specialise figure9",
        source="Figure 9 (specialisation against generalisation)",
        question="Do more houses in pre-training make the model worse at home and better elsewhere?",
        unit="mIoU, %",
        trial=trial,
        paper={},
        claims=(
            Claim("more houses make it worse in the test space (Figure 9)", _falls, FEW),
            Claim("more houses make it better in a house never seen (Figure 9)", _rises, FEW),
        ),
        draw=draw,
        stages={"views": 3, "collect": 2, "pseudolabel": 2, "pretrain": 2, "transfer": 3, "evaluate": 4},
        note="Name three houses or more with --house; each is the test space once, and the one named before it is "
        "never seen. The costs are those of three. The paper gives the figure without numbers in its text.",
    )
