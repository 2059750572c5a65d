"""Beyond the paper: what masked modelling adds to the specialist that starts from the generalist, by live runs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ..protocol.preset import Preset
from .adapted import GENERALIST, RGB, RGBD, scores_row
from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

MASKED, UNMASKED = "with masked modelling", "without"


def trial(policy: str, trial: Trial) -> Measures:
    """Scores of the generalist, and of specialists trained with masked modelling and without."""
    measures: Measures = {}
    for name, preset in ((MASKED, trial.preset), (UNMASKED, without_masks(trial.preset))):
        scores = trial.stages.live_run(preset, policy).summary["segmentation"]
        measures.setdefault(GENERALIST, scores_row(scores, "generalist"))
        measures[name] = scores_row(scores, "specialist")
    return measures


def without_masks(preset: Preset) -> Preset:
    """The preset whose specialist sees whole frames and reconstructs nothing."""
    return replace(preset, specialist=replace(preset.specialist, mask_share=0.0, reconstruction=0.0))


def _gain(column: str, measures: Measures) -> float:
    return measures[MASKED][column] - measures[UNMASKED][column]


def experiment(policy: str = "frontier") -> Experiment:
    """The live agent, exploring by this policy, with masked modelling and without."""
    return Experiment(
        command="masked",
        source="Masked modelling beside fused labels",
        question="Does masked modelling improve the specialist that starts from the generalist?",
        unit="%",
        trial=partial(trial, policy),
        paper={},
        claims=(
            Claim("beyond the paper: masked modelling beside fused labels helps, from rgb", partial(_gain, RGB)),
            Claim("... and with depth", partial(_gain, RGBD)),
        ),
        draw=partial(bars, columns=(RGB, RGBD)),
        stages={"run": 2},
        live=True,
        note="With: half of the agent's frames have hidden patches of rgb and geometry, and the loss includes their "
        "reconstruction. Without: whole frames, and the loss of the fused labels alone. The rest of the run is the "
        "same.",
        each=((MASKED, RGB), (UNMASKED, RGB), (MASKED, RGBD), (UNMASKED, RGBD)),
    )
