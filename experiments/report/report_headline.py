"""The top of a report: what was done, in a few sentences, and the numbers that it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

Row = dict[str, Any]


def house_name(summary: Mapping[str, Any]) -> str:
    """What the house is called in the title."""
    name = str(summary.get("house") or "a house").rsplit("/", 1)[-1]
    return f"generated house {name.removeprefix('seed ')}" if name.startswith("seed ") else name


def lead(summary: Mapping[str, Any]) -> str:
    """What was done, for somebody who has never heard of it."""
    scores = summary.get("segmentation") or {}
    if "generalist" in scores or "generalist_knows" in summary:
        says = (
            "A camera explored a house that it had never seen. The <b>generalist</b>, a segmentation network trained "
            "on other, generated houses, predicted the class of every pixel on the way; these predictions were fused "
            "in 3D, over all views of each place. A copy of the network was then trained on the fused labels: the "
            "<b>specialist</b> of this house. No labels of this house were used for that."
        )
    else:
        says = (
            "A camera explored a house that it had never seen and trained a network on its colour, depth, surface "
            "normals and edges, without any labels of the house (Test-Space Training). Pseudolabels come from a "
            "network trained on labelled frames of <em>other</em> houses: its predictions are fused in 3D, over all "
            "views of each place. The <b>specialist</b> is compared with the same network without that training "
            "(<b>scratch</b>)."
        )
    if scores:
        says += " All scores are on views of this house that were held out from training."
    notes = [str(line) for line in summary.get("notes", [])]
    if str(summary.get("preset", "")).endswith("smoke"):
        notes.insert(0, "A smoke run only shows that everything works: it is too short for its numbers to mean much.")
    return f'<p class="soft">{says}</p>' + "".join(f"<p><b>{escape(line)}</b></p>" for line in notes)


def headline(summary: Mapping[str, Any]) -> str:
    """From baseline to specialist to what helps it; empty without scores."""
    scores = summary.get("segmentation") or {}
    steps = _steps(scores)
    if not steps:
        return ""
    arrow = '<i class="arrow" aria-hidden="true"></i>'
    return f'<div class="flow">{arrow.join(steps)}</div><p class="soft">{_meaning(scores)}</p>'


def _steps(scores: Mapping[str, Row]) -> list[str]:
    """The cards of the methods, in the order in which they build on each other."""
    specialist, scratch, generalist = (scores.get(name) for name in ("specialist", "scratch", "generalist"))
    steps = []
    if generalist:
        numbers = [_number(generalist, "from rgb"), _number(scores.get("generalist_rgbd"), "from rgb and depth")]
        steps.append(_step("Generalist", "before it is trained in this house", numbers))
    if scratch:
        steps.append(_step("Scratch", "not trained in this house", [_number(scratch, "from rgb")]))
    if specialist:
        base = generalist or scratch
        numbers = [
            _number(specialist, "from rgb", base),
            _number(scores.get("specialist_rgbd"), "from rgb and depth", scores.get("generalist_rgbd")),
        ]
        steps.append(_step("Specialist", "after it was trained in this house", numbers))
    if joint := scores.get("specialist_map"):
        against = scores.get("specialist_rgbd")
        numbers = [
            _number(joint, "network and fused map", against), _number(scores.get("map"), "fused map alone")
        ]  # fmt: skip
        steps.append(_step("Specialist and map", "where depth and pose are known too", numbers))
    if (adapted := scores.get("specialist_ttt")) and specialist:
        before = adapted.get("before", specialist)
        says = f"{before['miou']:.1%} to {adapted['miou']:.1%} on the same views"
        steps.append(_step("Test-time training", says, [_number(adapted, "from rgb", before)]))
    return steps


def _step(name: str, says: str, numbers: list[str]) -> str:
    return f'<div class="step"><h3>{escape(name)}</h3><small>{escape(says)}</small>{"".join(numbers)}</div>'


def _number(score: Row | None, label: str, against: Row | None = None) -> str:
    """A score, and its difference to another."""
    if score is None:
        return ""
    change = f" <em>{_points(score, against)}</em>" if against else ""
    return f"<p><b>{score['miou']:.1%}</b>{change}<span>{escape(label)}</span></p>"


def _points(score: Row, against: Row) -> str:
    return f"{100 * (score['miou'] - against['miou']):+.1f} points".replace("-", "\N{MINUS SIGN}")


def _meaning(scores: Mapping[str, Row]) -> str:
    score = scores.get("specialist") or next(iter(scores.values()))
    counted, classes = score.get("counted"), score.get("per_class") or {}
    over = f" over the {len(counted)} of {len(classes)} classes here that are not too rare" if counted else ""
    says = f"Numbers are mIoU: the mean{over} of intersection over union, predicted against true pixels."
    if (specialist := scores.get("specialist")) and "pixel_accuracy" in specialist:
        says += f" Of all pixels, the specialist has {specialist['pixel_accuracy']:.1%} right."
    return says + " One house and one seed: differences of a point may be chance."
