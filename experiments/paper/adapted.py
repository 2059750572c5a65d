"""Beyond the paper: the specialist that starts from the generalist, by the live agent in many houses.

`testspace experiment adapted --house FILE:LINE ...` prints the README's table.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.errors import UserError
from ...envs.choices import Sensors
from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

if TYPE_CHECKING:
    from ..stages.specialist_stage import LabelSource

GENERALIST, SPECIALIST, CONTROL, BOUND = "generalist", "specialist", "control", "bound"
FRAMES, VOTES = "self-training by frames", "hard votes in voxels"
COMPARED: dict[str, LabelSource] = {CONTROL: "generated", FRAMES: "frames", VOTES: "votes", BOUND: "truth"}
"""What the specialist is compared with, by the labels that each is trained on."""
MAP, TOGETHER = "fused map", "specialist and map"
RGB, RGBD, ACCURACY = "mIoU, rgb", "mIoU, rgb-d", "pixel accuracy, rgb"
EPISODE = "run"


def trial(policy: str, references: bool, sensors: Sensors, trial: Trial) -> Measures:
    """Scores of generalist, specialist and map of a live run, and of control and bound on its buffer."""
    stages = trial.stages
    run = stages.live_run(policy=policy, sensors=sensors)
    summary = run.summary
    scores = summary["segmentation"]
    measures: Measures = {}
    for name in (GENERALIST, SPECIALIST):
        measures[name] = scores_row(scores, name)
    if references:
        for name, labels in COMPARED.items():
            compared = stages.compared(run, labels)
            measures[name] = scores_row({name: compared["rgb"], f"{name}_rgbd": compared["rgbd"]}, name)
    for name, row in ((MAP, "map"), (TOGETHER, "specialist_map")):
        measures[name] = {RGBD: 100 * scores[row]["miou"]}
    known, total = summary["generalist_knows"]
    measures[EPISODE] = {
        "floor seen": 100 * summary["coverage"],
        "seconds": summary["seconds"],
        "peak memory, MB": summary["peak_rss_mb"],
        "assets known before": float(known),
        "assets": float(total),
    }
    return measures


def scores_row(scores: Mapping[str, Mapping[str, Any]], method: str) -> dict[str, float]:
    """mIoU and pixel accuracy, in percent, of a method from rgb and with depth."""
    rgb, rgbd = scores[method], scores[f"{method}_rgbd"]
    return {RGB: 100 * rgb["miou"], RGBD: 100 * rgbd["miou"], ACCURACY: 100 * rgb["pixel_accuracy"]}


def _ahead(better: str, worse: str, column: str, measures: Measures) -> float:
    return measures[better][column] - measures[worse][column]


def _half_way(measures: Measures) -> float:
    """By how much the specialist is beyond the middle between generalist and bound, from rgb."""
    middle = (measures[GENERALIST][RGB] + measures[BOUND][RGB]) / 2
    return measures[SPECIALIST][RGB] - middle


def experiment(policy: str = "frontier", references: bool = True, sensors: Sensors = "exact") -> Experiment:
    """The live agent, exploring by this policy. references: train what it is compared with too, as long each.

    sensors: as for `testspace run`. UserError for others than exact ones with references, which are scored on exact
    views.
    """
    if references and sensors != "exact":
        raise UserError(f"--sensors {sensors} needs --no-references: they are scored on exact views")
    measured = {"exact": "", "slam": ", poses by SLAM", "odometry": ", drifting odometry"}[sensors]
    claims = [
        Claim(
            f"the specialist is better than the generalist, from rgb{measured}",
            partial(_ahead, SPECIALIST, GENERALIST, RGB),
        ),
        Claim("... and with depth", partial(_ahead, SPECIALIST, GENERALIST, RGBD)),
    ]
    if references:
        claims += [
            Claim("... and better than as many steps without the house", partial(_ahead, SPECIALIST, CONTROL, RGB)),
            Claim("... and better than self-training by single frames", partial(_ahead, SPECIALIST, FRAMES, RGB)),
            Claim("... and better than by hard votes in voxels", partial(_ahead, SPECIALIST, VOTES, RGB)),
            Claim("... and half of the way to the supervised bound", _half_way),
        ]
    claims.append(Claim("... and the fused map adds to the network", partial(_ahead, TOGETHER, SPECIALIST, RGBD)))
    with_references = ", with control, rivals and bound" if references else ""
    return Experiment(
        command="adapted",
        source=f"The specialist that starts from the generalist{with_references}{measured}",
        question="How much better does the generalist become in a house, without labels of it?",
        unit="%; seconds; MB",
        trial=partial(trial, policy, references, sensors),
        paper={},
        claims=claims,
        each=(
            (GENERALIST, RGB),
            (SPECIALIST, RGB),
            (GENERALIST, RGBD),
            (SPECIALIST, RGBD),
            (MAP, RGBD),
            (TOGETHER, RGBD),
            (EPISODE, "seconds"),
            (EPISODE, "peak memory, MB"),
        ),
        draw=partial(bars, lines=(GENERALIST, CONTROL, FRAMES, VOTES, SPECIALIST, BOUND), columns=(RGB, RGBD)),
        stages={"run": 1, "views": 1, "compared": len(COMPARED) * references},
        live=True,
        note="Control: as many steps on generated views alone. Self-training: the agent's frames labelled by the "
        "generalist, each alone. Hard votes: the rule of Frey et al. (2022) on our cells. Bound: true labels of the "
        "agent's frames. All four are trained on the finished buffer of the run. The fused map is looked up by depth "
        "and pose. Assets known before: those of the house that the generalist may have been trained on. Seconds and "
        "memory are those of the whole run.",
    )
