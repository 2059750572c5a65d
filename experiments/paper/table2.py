"""Table 2: zero-shot cross-modal retrieval, image to depth and depth to image."""

from __future__ import annotations

from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

ELSEWHERE, TST = "TST-MM of another house", "TST-MM"
TARGET = "normals"
DIRECTIONS = ("image to depth", "depth to image")


def trial(trial: Trial) -> Measures:
    """Recall among the held-out views of the house, for its own TST-MM and one pre-trained elsewhere."""
    from ...envs.generator import generate_house
    from ..protocol.transfer_set import FIRST_SEED

    stages = trial.stages
    other = trial.stages_in(generate_house(FIRST_SEED))
    config = stages.mm(pseudolabels=False)
    measures: Measures = {}
    for name, collected in {ELSEWHERE: other.collect(), TST: stages.collect()}.items():
        recall = stages.retrieval(stages.pretrain((collected,), config, title=name), TARGET)
        measures[name] = {
            f"{direction}, R@{k}": 100 * share for direction in DIRECTIONS for k, share in recall[direction].items()
        }
    return measures


def _above(measures: Measures) -> float:
    """Difference in R@1, averaged over both directions."""
    return sum(
        measures[TST][f"{direction}, R@1"] - measures[ELSEWHERE][f"{direction}, R@1"] for direction in DIRECTIONS
    ) / len(DIRECTIONS)


def _paper(*recalls: float) -> dict[str, float]:
    return {f"{direction}, R@{k}": recall for (direction, k), recall in zip(_CELLS, recalls, strict=True)}


_CELLS = [(direction, k) for direction in DIRECTIONS for k in (1, 5, 10)]


def experiment() -> Experiment:
    """Table 2."""
    return Experiment(
        command="specialise table2",
        source="Table 2 (cross-modal retrieval)",
        question="Can the specialist match images and depth maps of its house?",
        unit="recall, %",
        trial=trial,
        paper={
            ELSEWHERE: _paper(1.06, 2.18, 3.08, 1.0, 2.76, 3.66),
            TST: _paper(25.48, 37.0, 41.58, 24.32, 36.46, 40.82),
        },
        claims=(
            Claim(
                "the specialist retrieves more than a model pre-trained elsewhere (Table 2)",
                _above,
                "Normals of coarse patches, averaged over a view, distinguish few views of a house; the paper compares "
                "predicted CLIP features.",
            ),
        ),
        draw=bars,
        stages={"views": 1, "collect": 2, "pretrain": 2, "retrieval": 2},
        note="Views are compared by the normals predicted from each modality. The paper predicts CLIP features, "
        "compares with 4M-21 pre-trained on Internet data, and has 5000 test views; here the other model is TST-MM of "
        "a generated house.",
    )
