"""Held-out views in a report: the same view before and after with a slider, and all predictions in rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.house.classes import CLASSES, class_colours
from .report_figures import draw_depth, draw_normals, png
from .report_page import BASELINES, NAMES, keys, section

Arrays = Mapping[str, NDArray[Any]]
COMPARED = 3
"""Views with a slider, at most."""
PER_LINE = 6
"""Pictures side by side, at most."""
MIN_LEGEND_SHARE = 0.0015
"""Minimum fraction of the pixels for a class to appear in the legend."""
SLIDE = "this.parentNode.style.setProperty('--at',this.value+'%')"


def before_after(panels: Arrays) -> str:
    """The views in which baseline and specialist differ most, with a slider between both."""
    after = "prediction_specialist"
    before = next((f"prediction_{name}" for name in BASELINES if f"prediction_{name}" in panels), None)
    if before is None or after not in panels or "rgb" not in panels:
        return ""
    truth, palette = panels.get("truth"), class_colours()
    differ = (panels[before] != panels[after]).mean((1, 2))
    rows = []
    for n in np.argsort(-differ, kind="stable")[:COMPARED]:
        left, right = (NAMES[key.removeprefix("prediction_")] for key in (before, after))
        shares = [_right(panels[key][n], None if truth is None else truth[n]) for key in (before, after)]
        slider = (
            '<div class="slider" style="--at:50%">'
            f'<img alt="{left}" src="{png(palette[panels[before][n]])}">'
            f'<img class="after" alt="{right}" src="{png(palette[panels[after][n]])}">'
            f'<input type="range" min="0" max="100" value="50" aria-label="{left} left, {right} right of here" '
            f'oninput="{SLIDE}"></div>'
        )
        caption = f"<span>{left}{shares[0]}</span><span>{right}{shares[1]}</span>"
        cells = [f'<figure><img alt="camera" src="{png(panels["rgb"][n])}"><figcaption>camera</figcaption></figure>']
        cells.append(f'<figure class="wider">{slider}<figcaption class="ends">{caption}</figcaption></figure>')
        if truth is not None:
            cells.append(
                f'<figure><img alt="true classes" src="{png(palette[truth[n]])}">'
                "<figcaption>true classes</figcaption></figure>"
            )
        rows.append(f'<div class="compare">{"".join(cells)}</div>')
    says = (
        "Held-out views in which both differ most. Drag across the picture in the middle: left of the line is the "
        "network before it was trained in this house, right of it the specialist, both from rgb alone."
    )
    return section("Before and after", says, class_legend(panels, [before, after, "truth"]) + "".join(rows))


def views(panels: Arrays) -> str:
    """All stored views: what the camera gives, the truth, and what each method predicts."""
    if "rgb" not in panels:
        return ""
    palette = class_colours()
    pictures: list[tuple[str, NDArray[np.uint8], NDArray[Any] | None]] = [("colour", panels["rgb"], None)]
    if "depth" in panels:
        pictures.append(("depth", draw_depth(panels["depth"], float(np.percentile(panels["depth"], 99))), None))
    if "normals" in panels:
        pictures.append(("normals", draw_normals(panels["normals"]), None))
    if "edges" in panels:
        pictures.append(("edges", np.repeat(panels["edges"][..., None], 3, -1), None))
    labels = {"truth": "truth", **{f"prediction_{method}": name for method, name in NAMES.items()}}
    shown = {key: name for key, name in labels.items() if key in panels}
    pictures += [(name, palette[panels[key]], panels[key]) for key, name in shown.items()]
    truth = panels.get("truth")
    body = []
    for n in range(len(panels["rgb"])):
        cells = []
        for name, images, classes in pictures:
            right = (
                "" if classes is None or classes is truth else _right(classes[n], None if truth is None else truth[n])
            )
            image = f'<img alt="{name}" src="{png(images[n])}">'
            cells.append(f"<figure>{image}<figcaption>{name}{right}</figcaption></figure>")
        body.append(f'<div class="panel" style="--n:{min(len(cells), PER_LINE)}">{"".join(cells)}</div>')
    says = "What the camera gives (depth: bright is near), the true classes, and what each method predicts"
    says += ", with the share of pixels that are right." if truth is not None else "."
    return section("Views and predictions", says, class_legend(panels, list(shown)) + "".join(body))


def _right(classes: NDArray[Any], truth: NDArray[Any] | None) -> str:
    """Share of the pixels with a true class that are right; empty where there is none."""
    if truth is None or not (truth > 0).any():
        return ""
    return f" {np.mean(classes[truth > 0] == truth[truth > 0]):.0%}"


def class_legend(arrays: Arrays, shown: list[str]) -> str:
    """A legend of the classes in these arrays of class ids, the most frequent first."""
    there = [arrays[key].ravel() for key in shown if key in arrays]
    if not there:
        return ""
    counts = np.bincount(np.concatenate(there), minlength=len(CLASSES))
    counts[0] = 0
    order = [int(c) for c in np.argsort(-counts, kind="stable")]
    order = [c for c in order if counts[c] and counts[c] >= MIN_LEGEND_SHARE * counts.sum()]
    return keys([("rgb({} {} {})".format(*class_colours()[c]), CLASSES[c]) for c in order])
