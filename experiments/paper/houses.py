"""The live agent in many houses: specialist against scratch, and the effect of test-time training.

`testspace experiment houses --house FILE:LINE ... --preset nano-long`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from .experiment import Claim, Experiment, Measures, Trial, above
from .figures import bars

SCRATCH, SPECIALIST, BEFORE, TTT = "scratch", "specialist", "specialist, TTT's views", "specialist with TTT"
EPISODE = "run"


def trial(policy: str, trial: Trial) -> Measures:
    """mIoU and pixel accuracy of scratch, and of the specialist at the end of the episode, without and with TTT."""
    run = trial.stages.live_run(replace(trial.preset, milestones=(1.0,)), policy)
    summary = run.summary
    scores = summary["segmentation"]
    rows = {name: scores[name] for name in (SCRATCH, SPECIALIST)}
    rows |= {BEFORE: scores["specialist_ttt"]["before"], TTT: scores["specialist_ttt"]}
    measures = {
        name: {"mIoU": 100 * row["miou"], "pixel accuracy": 100 * row["pixel_accuracy"]} for name, row in rows.items()
    }
    measures[EPISODE] = {
        "floor seen": 100 * summary["coverage"],
        "classes": float(len(scores[SPECIALIST]["counted"])),
        "seconds": summary["seconds"],
        "peak memory, MB": summary["peak_rss_mb"],
        "assets shared with D_t": float(len(summary["shared_assets"])),
    }
    return measures


def _above_by(points: float, measures: Measures) -> float:
    return above(SPECIALIST, SCRATCH, measures) - points


def experiment(policy: str = "frontier") -> Experiment:
    """The live agent, exploring by this policy."""
    return Experiment(
        command="houses",
        source="The live agent in many houses",
        question="Is the specialist better in its house than the same network without pre-training there?",
        unit="%; seconds; MB",
        trial=partial(trial, policy),
        paper={},
        claims=(
            Claim("the specialist is better than scratch (Figure 1)", partial(above, SPECIALIST, SCRATCH)),
            Claim("... by four points of mIoU or more", partial(_above_by, 4.0)),
            Claim(
                "TTT improves the specialist (Table 7)",
                partial(above, TTT, BEFORE),
                "Gradients of reconstruction and of segmentation are nearly orthogonal in a network this small.",
            ),
        ),
        draw=partial(bars, lines=(SCRATCH, SPECIALIST), columns=("mIoU", "pixel accuracy")),
        stages={"run": 1},
        live=True,
        note="Scratch is the same network with the same recipe, transferred on D_t alone; the specialist is "
        "pre-trained on the agent's frames and transferred on D_t and on its pseudolabelled frames. TTT has fewer "
        "views than the other lines; its baseline is the line above it. Seconds and memory are those of the whole run.",
    )
