"""The section of a report on changes of the house: drop, recovery, and pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...envs.house.classes import class_colours
from .report_figures import png
from .report_files import read_report_arrays
from .report_page import section, table

Row = dict[str, Any]


def change_marks(summary: Row) -> list[tuple[float, str]]:
    """Frame and name of each change, as marks of a chart."""
    return [(float(change["at"]), str(change["change"])) for change in summary.get("changes", ())]


def scratch_points(tested: Sequence[Row], summary: Row, key: str) -> list[tuple[float, float]]:
    """Scores of scratch in percent; scratch is not trained in the house, so they are constant between changes."""
    end = float(summary.get("frames") or 0)
    rows = sorted(tested, key=lambda row: row["frame"])
    points: list[tuple[float, float]] = []
    for row, after in zip(rows, [*rows[1:], {"frame": end}], strict=True):
        points += [(float(row["frame"]), 100 * row[key]), (float(after["frame"]), 100 * row[key])]
    return points


def changes_section(folder: Path, summary: Row) -> str:
    """What changed and what became of it, with pictures from `folder`/change_N.npz; empty without changes."""
    changes = summary.get("changes") or ()
    if not changes:
        return ""
    rows = []
    for change in changes:
        later = ", ".join(f"{100 * row['miou']:.1f} at {row['frame']:,}" for row in change["later"]) or "–"
        share = "–" if change["recovered"] is None else f"{change['recovered']:.0%}"
        rows.append(
            [
                escape(f"{change['change']} at {change['at']:,}"), f"{100 * change['before']:.1f}",
                f"{100 * change['right_after']:.1f}", later, share,
            ]
        )  # fmt: skip
    head = ["change, frame", "before", "right after", "later", "recovered"]
    body = table(head, rows)
    for number in range(1, len(changes) + 1):
        file = folder / f"change_{number}.npz"
        if arrays := read_report_arrays(file):
            body += _panels(arrays)
    original = summary.get("original_house")
    kept = ""
    if original:
        kept = f" In the original house, the last specialist reaches {original['miou']:.1%}"
        if "forgetting" in original:
            kept += f" (backward transfer {100 * original['backward_transfer']:+.1f} points"
            kept += f", forgetting {100 * original['forgetting']:.1f})"
        kept += "."
    says = (
        "The house changed during the run, unknown to the agent. The specialist's mIoU in percent on the same views: "
        "before, right after without adaptation, and after further acting and learning. Recovered: fraction of the "
        f"drop regained at the last evaluation.{kept} Below, the views that changed most: before, after, "
        "ground-truth classes after, and the specialist's prediction right after."
    )
    return section("The house changed", says, body)


def _panels(arrays: Mapping[str, NDArray[Any]]) -> str:
    palette = class_colours()
    names = {"before": "before", "after": "after", "truth": "truth", "prediction_specialist": "specialist, right after"}
    rows = []
    for n in range(len(arrays["before"])):
        cells = []
        for key, name in names.items():
            image = arrays[key][n] if arrays[key].ndim == 4 else palette[arrays[key][n]]
            cells.append(f'<figure><img alt="{name}" src="{png(image)}"><figcaption>{name}</figcaption></figure>')
        rows.append(f'<div class="panel" style="--n:6">{"".join(cells)}</div>')
    return f'<div style="margin-top:1.5rem">{"".join(rows)}</div>'
