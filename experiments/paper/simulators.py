"""Beyond the paper: the same run in several simulators, and whether what is learned in one serves in another.

`testspace experiment simulators --house FILE:LINE ... --preset adapted`.
"""

from __future__ import annotations

from functools import partial

from ..run.run_config import Sim
from .adapted import GENERALIST
from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

NAMES: dict[Sim, str] = {"raycast": "ray caster", "thor": "AI2-THOR", "habitat": "habitat-sim"}
"""Names in the table."""
MODES = {"rgb": "rgb", "rgbd": "rgb-d"}
SEEN, SECONDS = "floor seen", "seconds"


def line(sim: Sim) -> str:
    """The row of the specialist of a simulator."""
    return f"specialist of {NAMES[sim]}"


def column(sim: Sim, mode: str = "rgb") -> str:
    """The column of a simulator's pictures."""
    return f"{NAMES[sim]}, {MODES[mode]}"


def trial(sims: tuple[Sim, ...], policy: str, trial: Trial) -> Measures:
    """mIoU of the generalist and of each simulator's specialist in the held-out views of every simulator."""
    stages = trial.stages
    shown = {sim: stages.pictures(sim) for sim in sims}
    runs = {sim: stages.live_run(policy=policy, sim=sim) for sim in sims}
    measures: Measures = {}
    for name, run in ((GENERALIST, None), *((line(sim), run) for sim, run in runs.items())):
        scores = {sim: stages.score_in(pictures, run) for sim, pictures in shown.items()}
        measures[name] = {
            column(sim, mode): 100 * found[mode]["miou"] for sim, found in scores.items() for mode in MODES
        }
        if run is not None:
            summary = run.summary
            measures[name] |= {SEEN: 100 * summary["coverage"], SECONDS: summary["seconds"]}
    return measures


def _gain(learned: Sim, shown: Sim, measures: Measures) -> float:
    """By how much a specialist is better than the generalist, in points of mIoU from rgb, in a simulator's pictures."""
    return measures[line(learned)][column(shown)] - measures[GENERALIST][column(shown)]


def _at_home(learned: Sim, shown: Sim, measures: Measures) -> float:
    """By how much the specialist of a simulator is better in its pictures than one of another."""
    return measures[line(shown)][column(shown)] - measures[line(learned)][column(shown)]


def experiment(sims: tuple[Sim, ...] = ("raycast", "thor"), policy: str = "frontier") -> Experiment:
    """The live agent in each of these simulators, exploring by this policy."""
    first, *others = sims
    pairs = [pair for other in others for pair in ((first, other), (other, first))]
    serves = "a specialist of {} is better than the generalist in the pictures of {}"
    home = "... and the one of {1} is better there than the one of {0}"
    claims = [
        claim
        for learned, shown in pairs
        for claim in (
            Claim(serves.format(NAMES[learned], NAMES[shown]), partial(_gain, learned, shown)),
            Claim(home.format(NAMES[learned], NAMES[shown]), partial(_at_home, learned, shown)),
        )
    ]
    return Experiment(
        command="simulators",
        source="The same run in several simulators",
        question="Does a specialist of one simulator serve in the pictures of another?",
        unit="mIoU, %; seconds",
        trial=partial(trial, sims, policy),
        paper={},
        claims=tuple(claims),
        draw=partial(bars, columns=[column(sim) for sim in sims]),
        stages={"run": len(sims), "pictures": len(sims), "score_in": len(sims) * (len(sims) + 1)},
        live=True,
        note="Columns are the held-out views of the same house in each simulator, drawn by the same seed on its own "
        "floor. Classes in AI2-THOR are its own; those of habitat-sim, which is given the house as a mesh, are our "
        "scene's at the same poses. A run in habitat-sim does not know the house's assets, so generated houses may "
        "share some with it. Floor seen and seconds are those of the run.",
    )
