"""The curves of a report: scores on held-out views over the run, and training losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .report_changes import change_marks, scratch_points
from .report_figures import Series, chart
from .report_page import BASELINES, COLOURS, CURVES, NAMES, section

Row = dict[str, Any]
FAR_BELOW = 0.6
"""Share of the specialist's score below which a method has no curve."""
LOSSES = {
    "loss": "sum of all",
    "loss_classes": "classes",
    "loss_masked": "masked modelling",
}
"""What losses are called."""


def learning_curve(rows: list[Row], summary: Mapping[str, Any]) -> str:
    """mIoU and pixel accuracy of every method over the run; empty without scores."""
    charts = []
    for key, title in (("miou", "mIoU"), ("pixel_accuracy", "Pixel accuracy")):
        series = []
        for method, name in NAMES.items():
            # scores on a subset of the views (those with "before") are not part of this curve
            tested = [row for row in rows if row.get("method") == method and key in row and "before" not in row]
            points = [(row["frame"], 100 * row[key]) for row in sorted(tested, key=lambda row: row["frame"])]
            if not points or _far_below(method, key, summary):
                continue
            fixed = method in BASELINES
            if fixed:
                points = scratch_points(tested, dict(summary), key)
            xs, ys = zip(*points, strict=True)
            series.append(Series(name, xs, ys, COLOURS[method], dashed=fixed, dots=not fixed))
        charts.append(chart(title, "frames", series, unit="%", marks=change_marks(dict(summary))))
    if not any(charts):
        return ""
    body = f'<div class="charts">{"".join(charts)}</div>'
    if "generalist" in summary.get("segmentation", {}):
        says = (
            "Dashed: the generalist, which is not trained here. The specialist is evaluated at several points of the "
            "run. Both see rgb alone, or rgb and depth (rgb-d). The fused map is looked up by depth and pose; what "
            "was not seen yet counts as wrong there, and it is left out where it is far below. The axes do not start "
            "at 0."
        )
        return section("Scores over the run", says, body)
    says = (
        "Dashed: scratch, the same network with random weights, fine-tuned on labelled frames of other houses only. "
        "At several points of the run a copy of the encoder was fine-tuned on these frames and on the agent's own with "
        "pseudolabels, for as many steps: the specialist. The axes do not start at 0."
    )
    return section("Scores over the run", says, body)


def _far_below(method: str, key: str, summary: Mapping[str, Any]) -> bool:
    """Whether a method is so far below the specialist that its curve would flatten the others."""
    scores = summary.get("segmentation", {})
    specialist, score = (scores.get(name, {}).get(key) for name in ("specialist", method))
    return specialist is not None and score is not None and score < FAR_BELOW * specialist


def losses(rows: list[Row]) -> str:
    """The training losses; empty without any."""
    names = sorted({name for row in rows for name in row.get("losses") or {} if "loss" in name})
    series = []
    for n, name in enumerate(names):
        points = [(row["frame"], row["losses"][name]) for row in rows if name in (row.get("losses") or {})]
        xs, ys = zip(*points, strict=True)
        shown = LOSSES.get(name, name.removeprefix("loss_").removeprefix("loss/"))
        series.append(Series(shown, xs, ys, CURVES[n % len(CURVES)], dashed=n >= len(CURVES)))
    if not (drawn := chart("Loss", "frames", series)):
        return ""
    if "loss_classes" in names:
        says = (
            "Of the specialist: classes, on its own frames with fused labels and on generated ones; and masked patches."
        )
    else:
        says = "Of the masked model, which predicts hidden patches of every modality from the visible ones."
    return section("Training", f"{says} Means over a rollout.", f'<div class="charts">{drawn}</div>')
