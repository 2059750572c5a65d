"""Preset smoke made smaller, for tests in which a run only has to go its whole way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testspace.experiments.protocol.preset import Preset
from testspace.experiments.protocol.presets import PRESETS


def tiny_preset(**episode: Any) -> Preset:
    """The preset, with these settings of its episode."""
    smoke = PRESETS["smoke"]
    return replace(
        smoke,
        episode=replace(smoke.episode, **episode),
        learner=replace(smoke.learner, targets="patches", batch_size=8),
        transfer_set=replace(smoke.transfer_set, houses=1, frames_per_house=8),
        transfer=replace(smoke.transfer, steps=2, batch_size=4),
        milestones=(1.0,),
        eval_views=8,
        ttt_views=2,
    )
