"""What took the time of a run: measured blocks and rollouts add up over sessions, the rest is named too."""

from __future__ import annotations

from pathlib import Path

import pytest

from testspace.experiments.run.stage_times import ACTING, EVALUATING, FUSING, LEARNING, OTHER, stage_seconds
from testspace.experiments.rundir.run_folder import RunFolder


def test_sessions_add_up_and_what_is_left_is_the_rest(tmp_path: Path) -> None:
    for resume in (False, True):
        run = RunFolder(tmp_path / "run", {}, resume)
        run.log("time", 0, stage=EVALUATING, seconds=2.0)
        run.log("time", 0, stage=LEARNING, seconds=0.5)
        run.log("rollout", 10, acting_s=1.0, fusing_s=0.25, learning_s=3.0)
        run.close()
    run = RunFolder(tmp_path / "run", {}, resume=True)
    seconds = stage_seconds(run, 20.0)
    assert seconds[EVALUATING] == 4.0
    assert seconds[LEARNING] == 7.0
    assert (seconds[ACTING], seconds[FUSING]) == (2.0, 0.5)
    assert seconds[OTHER] == pytest.approx(20.0 - 13.5)
    assert stage_seconds(run, 1.0)[OTHER] == 0.0  # acting and learning at the same time
    run.close()


def test_a_block_that_is_interrupted_counts(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run", {}, resume=False)
    with pytest.raises(KeyboardInterrupt), run.timed(EVALUATING, 5):
        raise KeyboardInterrupt
    assert [row["stage"] for row in run.logged("time", frame=5)] == [EVALUATING]
    run.close()
