"""How well each class is segmented: bars for the classes that count in the mean, a table of all."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from ...envs.house.classes import CLASS_ID, CLASSES, class_colours
from .report_page import COLOURS, NAMES, keys, section, table

Row = dict[str, Any]
BARS = ("generalist", "scratch", "specialist", "specialist_map", "specialist_ttt")
"""Methods that have a bar; the table has all."""


def classes_section(summary: Mapping[str, Any]) -> str:
    """Intersection over union by class; empty without scores."""
    scores = summary.get("segmentation", {})
    tested = {method: scores[method] for method in NAMES if "before" not in scores.get(method, {"before": {}})}
    per_class = {method: score["per_class"] for method, score in tested.items() if score.get("per_class")}
    if not per_class:
        return ""
    names = {key: _name(key) for iou in per_class.values() for key in iou}
    sorted_by = per_class.get("specialist") or list(per_class.values())[-1]
    order = sorted(names, key=lambda key: (-sorted_by.get(key, 0.0), names[key]))
    listed = {name for score in tested.values() for name in score.get("counted", ())}
    counted = [key for key in order if names[key] in listed] if listed else order
    bars = {method: iou for method, iou in per_class.items() if method in BARS}
    body = keys([(COLOURS[method], NAMES[method]) for method in bars])
    body += f'<div class="classes">{"".join(_bars(names[key], key, bars) for key in counted)}</div>'
    zero = [key for key in order if not any(round(100 * iou.get(key, 0.0), 1) for iou in per_class.values())]
    body += f"<details><summary>All {len(order)} classes, all methods</summary>{_table(order, zero, names, per_class)}"
    if zero:
        body += f'<p class="soft">0.0 for every method: {escape(", ".join(sorted(names[key] for key in zero)))}.</p>'
    body += "</details>"
    says = "Intersection over union in percent, over all held-out views. "
    if listed:
        says += (
            f"Shown are the {len(counted)} of {len(order)} classes that count in the mean: those that fill at least "
            "0.2% of the labelled pixels, and that the labels of other houses have. "
        )
    says += "Small squares: the colour of the class in the pictures."
    return section("Classes", says, body)


def _name(key: str) -> str:
    return CLASSES[int(key)] if str(key).isdigit() else str(key)


def _bars(name: str, key: str, methods: Mapping[str, Row]) -> str:
    """One class: its name, and a bar with its number for each method."""
    colour = "rgb({} {} {})".format(*class_colours()[CLASS_ID[name]]) if name in CLASS_ID else "var(--line)"
    drawn = []
    for method, iou in methods.items():
        value = iou.get(key)
        says = "–" if value is None else f"{100 * value:.1f}"
        width = 100 * (value or 0.0)
        style = f"width:calc({width:.1f}% * .88);background:{COLOURS[method]}"
        drawn.append(f'<div><i style="{style}"></i><small>{says}</small></div>')
    label = f'<span class="name"><i style="background:{colour}"></i>{escape(name)}</span>'
    return f"<div>{label}<div>{''.join(drawn)}</div></div>"


def _table(order: list[str], zero: list[str], names: Mapping[str, str], methods: Mapping[str, Row]) -> str:
    rows = []
    for key in order:
        if key not in zero:
            values = [iou.get(key) for iou in methods.values()]
            rows.append([escape(names[key]), *("–" if v is None else f"{100 * v:.1f}" for v in values)])
    return table(["class", *(NAMES[method] for method in methods)], rows)
