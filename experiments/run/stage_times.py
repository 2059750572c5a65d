"""What a run took its time for, from the rows of metrics.jsonl: sessions that were resumed add up."""

from __future__ import annotations

from ..rundir.run_folder import RunFolder

LABELLED, ACTING, FUSING, LEARNING, EVALUATING, FILMING = (
    "making labelled views", "acting", "fusing", "learning", "evaluating", "making the video"
)  # fmt: skip
OTHER = "starting, storing, drawing"


def stage_seconds(run: RunFolder, total: float) -> dict[str, float]:
    """Seconds of each stage, and of everything else up to `total`. With --async, acting and learning overlap."""
    seconds = dict.fromkeys((LABELLED, ACTING, FUSING, LEARNING, EVALUATING), 0.0)
    for row in run.logged("time"):
        seconds[row["stage"]] = seconds.get(row["stage"], 0.0) + row["seconds"]
    for row in run.logged("rollout"):
        for stage, key in ((ACTING, "acting_s"), (FUSING, "fusing_s"), (LEARNING, "learning_s")):
            seconds[stage] += row.get(key, 0.0)
    return {**seconds, OTHER: max(0.0, total - sum(seconds.values()))}
