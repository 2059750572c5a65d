"""Table 7: test-time training (TTT-MAE) of a generalist and of TST-MAE, per frame and online with a reset per room.

TST-MAE is trained by the live agent; the generalist, which never sees the house, is trained offline.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from .experiment import Claim, Experiment, Measures, Trial
from .figures import bars

EXTERNAL, TST = "MAE, external houses", "TST-MAE"
BEFORE, ALONE, ONLINE = "before TTT", "after TTT", "after TTT, online"


def trial(trial: Trial) -> Measures:
    """mIoU of both before and after TTT, and seconds per view."""
    stages = trial.stages
    learner = stages.pretrain((), stages.mae, mix_share=1.0, title=EXTERNAL)
    offline = stages.test_time_training(stages.transfer(learner, title=EXTERNAL), learner, None)
    live = stages.live_run(replace(trial.preset, learner=stages.mae, milestones=(1.0,)))
    adapted = live.summary["segmentation"]["specialist_ttt"]
    return {
        EXTERNAL: _row(
            offline["before"], offline["alone"], offline["online"],
            offline["alone"]["seconds"], offline["online"]["seconds"],
        ),
        TST: _row(
            adapted["before"], adapted, adapted["online"],
            adapted["seconds_per_frame"], adapted["seconds_per_frame_online"],
        ),
    }  # fmt: skip


def _row(
    before: dict[str, Any], alone: dict[str, Any], online: dict[str, Any], seconds: float, seconds_online: float
) -> dict[str, float]:
    return {
        BEFORE: 100 * before["miou"],
        ALONE: 100 * alone["miou"],
        ONLINE: 100 * online["miou"],
        "seconds a frame": seconds,
        "seconds a frame, online": seconds_online,
    }


def _gain(name: str, after: str, measures: Measures) -> float:
    return measures[name][after] - measures[name][BEFORE]


def _more(measures: Measures) -> float:
    return _gain(TST, ALONE, measures) - _gain(EXTERNAL, ALONE, measures)


WEAK = (
    "TTT follows the gradient of a reconstruction that is weak after some hundred steps of pre-training. Fine-tuning "
    "also moves the encoder away from its decoder, which is refitted here. The authors train the head on a frozen "
    "encoder pre-trained for 1600 epochs."
)


def experiment() -> Experiment:
    """Table 7."""
    return Experiment(
        command="ttt",
        source="Table 7",
        question="Does unsupervised training on each test frame help, and does it help a specialist more than a "
        "generalist?",
        unit="mIoU, %; seconds",
        trial=trial,
        paper={EXTERNAL: {BEFORE: 34.54, ALONE: 39.28}, TST: {BEFORE: 35.48, ALONE: 42.41}},
        claims=(
            Claim("TTT improves TST-MAE (Table 7)", partial(_gain, TST, ALONE), WEAK),
            Claim("TTT improves the generalist (Table 7)", partial(_gain, EXTERNAL, ALONE), WEAK),
            Claim("TTT improves TST-MAE more than the generalist (Table 7)", _more, WEAK),
            Claim("beyond the paper: online TTT improves TST-MAE", partial(_gain, TST, ONLINE), WEAK),
        ),
        draw=partial(bars, columns=(BEFORE, ALONE, ONLINE)),
        stages={"views": 1, "run": 1, "pretrain": 1, "transfer": 1, "ttt": 1},
        live=True,
        note="The paper's generalist is MAE on Internet images. Since no such weights are available offline, it is MAE "
        "on rgb of the transfer set here, other houses, trained offline. Both are fine-tuned on D_t.",
    )
