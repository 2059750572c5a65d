"""The house in a report: the fused semantic map from above with its doubt, and what the agent explored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..rundir.semantic_file import StoredMap
from .report_figures import Series, chart, draw_map
from .report_page import keys, section
from .report_views import class_legend
from .semantic_drawing import CUT, DOUBTS, draw_from_above, from_above

Row = dict[str, Any]
Arrays = Mapping[str, NDArray[Any]]
UNSURE = 0.5
"""Doubt from which on a place is called unsure."""


def semantic_section(stored: StoredMap | None, plan: Arrays) -> str:
    """What each place of the house is taken for, beside where that is in doubt; empty without a map."""
    view = None if stored is None else from_above(stored)
    if stored is None or view is None:
        return ""
    unsure = float(np.mean(view.doubt[view.classes > 0] > UNSURE))
    doubts = [
        ("rgb({} {} {})".format(*colour), f"{value:.0%}" + (" or more" if value == DOUBTS[-1][0] else ""))
        for value, colour in DOUBTS
    ]
    left = f"<h3>Class</h3>{draw_from_above(view, plan, 'classes')}{class_legend({'map': view.classes}, ['map'])}"
    right = f"<h3>Doubt</h3>{draw_from_above(view, plan, 'doubt')}{keys(doubts)}"
    says = (
        f"All predictions on the agent's way, fused in cells of {100 * stored.cell:.0f} cm and seen from above: the "
        f"highest thing in each place, with everything above {CUT:g} m cut away. Doubt is 1 less the probability of "
        f"the class that is shown: where it is red, the views disagree or the network hesitates. It is above "
        f"{UNSURE:.0%} in {unsure:.0%} of these places: look at them again, or label them by hand. The map has "
        f"{len(stored.places):,} cells (report_data/semantic_map.npz)."
    )
    body = f'<div class="charts"><figure>{left}</figure><figure>{right}</figure></div>'
    return section("The house as it is understood", says, body)


def exploration(plan: Arrays, rows: list[Row]) -> str:
    """The occupancy map with the path, and the curves of coverage; empty without either."""
    covered = [(row["frame"], 100 * row["coverage"]) for row in rows if row.get("coverage") is not None]
    parts = []
    if "reachable" in plan:
        legend = [
            ("var(--seen)", "reachable floor, seen"),
            ("var(--unseen)", "reachable floor, not seen"),
            ("var(--wall)", "occupied in the agent's map"),
            ("var(--specialist)", "path"),
            ("var(--ink)", "start"),
            ("var(--ttt)", "end"),
        ]
        parts.append(f"<figure>{draw_map(dict(plan))}{keys(legend)}</figure>")
    if covered:
        xs, ys = zip(*covered, strict=True)
        series = [Series("floor seen", xs, ys, "var(--seen)")]
        held = [(row["frame"], 100 * row["buffer_coverage"]) for row in rows if "buffer_coverage" in row]
        if held:
            xs, ys = zip(*held, strict=True)
            series.append(Series("views in the replay buffer", xs, ys, "var(--unseen)"))
        parts.append(chart("Coverage", "frames", series, unit="%", y_from=0))
    if not parts:
        return ""
    says = (
        "Where the agent went, over the true plan. The agent does not know the plan: it is here to measure coverage. "
        "Views in the replay buffer: of all places (1 m apart) and directions (45 degrees apart), the share of which "
        "a frame is kept."
    )
    return section("Exploration", says, f'<div class="charts">{"".join(parts)}</div>')
