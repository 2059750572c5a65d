"""Table 2: retrieval across modalities with nothing trained for it: image to depth, and depth to image."""

from __future__ import annotations

from ...envs.generator import generate_house
from ..protocol.transfer_set import FIRST_SEED
from ..stages import Stages
from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

ELSEWHERE, TST = "TST-MM of another house", "TST-MM"
TARGET = "normals"
WAYS = ("image to depth", "depth to image")


def trial(trial: Trial) -> Measures:
    """Recall among the held-out views of the house, of the house's own TST-MM and of one that lived elsewhere."""
    stages = trial.stages
    other = Stages(trial.store, trial.preset, (generate_house(FIRST_SEED),), trial.seed)
    config = stages.mm(pseudolabels=False)
    measures: Measures = {}
    for name, collected in {ELSEWHERE: other.collect(), TST: stages.collect()}.items():
        found = stages.retrieval(stages.pretrain((collected,), config, title=name), TARGET)
        measures[name] = {f"{way}, R@{k}": 100 * share for way in WAYS for k, share in found[way].items()}
    return measures


def _above(measures: Measures) -> float:
    """The mean over both ways of R@1."""
    return sum(measures[TST][f"{way}, R@1"] - measures[ELSEWHERE][f"{way}, R@1"] for way in WAYS) / len(WAYS)


def _paper(*recalls: float) -> dict[str, float]:
    return {f"{way}, R@{k}": recall for (way, k), recall in zip(_CELLS, recalls, strict=True)}


_CELLS = [(way, k) for way in WAYS for k in (1, 5, 10)]


def experiment() -> Experiment:
    """Table 2."""
    return Experiment(
        command="specialise table2",
        source="Table 2 (retrieval across modalities)",
        question="Does the specialist know which depth belongs to which image of its house?",
        unit="recall, %",
        trial=trial,
        paper={
            ELSEWHERE: _paper(1.06, 2.18, 3.08, 1.0, 2.76, 3.66),
            TST: _paper(25.48, 37.0, 41.58, 24.32, 36.46, 40.82),
        },
        claims=(
            Claim(
                "the specialist finds more than a model of elsewhere (Table 2)",
                _above,
                "Normals in coarse patches, averaged over a view, tell few views of a house apart; the paper compares "
                "predicted CLIP features.",
            ),
        ),
        draw=bars,
        stages={"views": 1, "collect": 2, "pretrain": 2, "retrieval": 2},
        note="Views are compared by the normals that are predicted from either; the paper's target is CLIP's features, "
        "its other model 4M-21 of the Internet, and its house has 5000 test views. Here the other model is TST-MM of a "
        "generated house.",
    )
