"""Figures in the paper's form: grouped bars, a matrix, curves; each with the spread over trials."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.storage import replacing
from .experiment import Summary
from .tables import over

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = (
    "#9aa5b1", "#2f6fb2", "#e08e21", "#2f9e6e", "#a34fb0", "#c44e52", "#17a2b8", "#8c6d46", "#d36ba8", "#4b5563",
)  # fmt: skip


def bars(
    summary: Summary, file: Path, columns: Sequence[str] | None = None, lines: Sequence[str] | None = None
) -> None:
    """Grouped bars, one group per column and one bar per row: mean, spread, and a dot per trial. None: all of them."""
    visible, lines = list(columns or summary.columns()), list(lines or summary.lines())
    axes, finish = _figure(file, 2.2 + 0.42 * len(lines) * len(visible), summary)
    width = 0.8 / len(lines)
    for place, line in enumerate(lines):
        x = np.arange(len(visible)) + (place - (len(lines) - 1) / 2) * width
        means = [summary.mean(line, column) for column in visible]
        spreads = [summary.spread(line, column) for column in visible]
        axes.bar(
            x, means, 0.9 * width, yerr=spreads, color=COLOURS[place % len(COLOURS)], label=line, capsize=3, zorder=2
        )
        for at, column in zip(x, visible, strict=True):
            values = summary.values(line, column)
            axes.plot(np.full(len(values), at), values, ".", color="#20242a", markersize=4, zorder=3)
    axes.set_xticks(np.arange(len(visible)), [textwrap.fill(column, 14) for column in visible], fontsize=8)
    axes.grid(axis="y", color="#dde2e7", zorder=0)
    _legend(axes)
    finish()


def matrix(summary: Summary, file: Path) -> None:
    """Matrix of means, as in Figure 7; darker is better within a row."""
    lines, columns = summary.lines(), summary.columns()
    means = np.array([[summary.mean(line, column) for column in columns] for line in lines])
    axes, finish = _figure(file, 2.5 + 0.9 * len(columns), summary)
    span = np.nanmax(means, 1, keepdims=True) - np.nanmin(means, 1, keepdims=True)
    axes.imshow(
        (means - np.nanmin(means, 1, keepdims=True)) / np.maximum(span, 1e-9), cmap="Blues", vmin=-0.2, vmax=1.6
    )
    for row, line in enumerate(lines):
        for column, name in enumerate(columns):
            spread = f"\n± {summary.spread(line, name):.1f}" if len(summary.values(line, name)) > 1 else ""
            axes.text(column, row, f"{means[row, column]:.1f}{spread}", ha="center", va="center", fontsize=9)
    axes.set_xticks(range(len(columns)), [textwrap.fill(column, 12) for column in columns])
    axes.set_yticks(range(len(lines)), lines)
    finish()


def curves(
    summary: Summary,
    file: Path,
    x_name: str,
    x: Sequence[float] | Mapping[str, Sequence[float]],
    lines: Sequence[str],
    y_name: str | None = None,
    log: bool = False,
) -> None:
    """One curve per column through the means of `lines`, at positions `x`; bands show the spread.

    `x`: positions for all columns, or by column. `y_name`: axis label, if it is not the experiment's unit. `log`:
    logarithmic x axis.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes, finish = _figure(file, 7.5, summary)
    if y_name is not None:
        axes.set_ylabel(y_name, fontsize=9)
    visible = [column for column in summary.columns() if any(summary.values(line, column) for line in lines)]
    places = x if isinstance(x, Mapping) else dict.fromkeys(visible, x)
    visible = [column for column in visible if column in places]
    for column in visible:
        place = summary.columns().index(column)  # a method has the same style in every figure of an experiment
        mean = np.array([summary.mean(line, column) for line in lines])
        spread = np.array([summary.spread(line, column) for line in lines])
        colour = COLOURS[place % len(COLOURS)]
        style = ("-", "--", "-.", ":")[place % 4]  # overlapping curves remain visible
        axes.plot(places[column], mean, f"o{style}", color=colour, label=column)
        axes.fill_between(places[column], mean - spread, mean + spread, color=colour, alpha=0.1, linewidth=0)
    if log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    elif all(float(at).is_integer() for column in visible for at in places[column]):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # integer ticks only
    axes.set_xlabel(x_name)
    axes.grid(color="#dde2e7", zorder=0)
    _legend(axes)
    finish()


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=8, bbox_to_anchor=(1.01, 1), loc="upper left")


def _figure(file: Path, width: float, summary: Summary) -> tuple[Axes, _Finish]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.0, min(14.0, width)), 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(f"{summary.experiment.source}: {over(summary)}", fontsize=10)
    axes.set_ylabel(summary.experiment.unit, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    return axes, _Finish(figure, file)


class _Finish:
    """Writes the figure atomically."""

    def __init__(self, figure: object, file: Path) -> None:
        self.figure, self.file = figure, file

    def __call__(self) -> None:
        from matplotlib.figure import Figure

        assert isinstance(self.figure, Figure)
        with replacing(self.file) as unfinished:
            self.figure.savefig(unfinished, dpi=150, format="png", metadata={"Software": None})
