"""Results of an experiment in Markdown: our numbers with their spread next to the paper's, and claims."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core.text_table import markdown
from .experiment import Claim, Experiment, Summary


def page(summary: Summary, results: Mapping[str, Any], out: str, with_claims: bool = True) -> list[str]:
    """The paragraphs of one experiment: question, table, claims and run. `out`: name of its folder.

    `results`: contents of results.json.
    """
    experiment, claims = summary.experiment, claim_results(summary)
    parts = [f"## {experiment.source}{on_device(results, ', ')}", experiment.question, table(summary), experiment.note]
    parts.append(trials_table(summary, results) if experiment.each and len(summary.trials) > 1 else "")
    parts += [
        claims_table(claims) if with_claims else "",
        *reasons(claims),
        run_description(results),
        f"```sh\n{command(experiment, results, out)}\n```",
    ]
    return [part for part in parts if part]


def table(summary: Summary) -> str:
    """The table of results: the paper's numbers, and ours with their spread."""
    columns, paper = summary.columns(), summary.experiment.paper
    visible = [(column, any(column in paper.get(line, {}) for line in summary.lines())) for column in columns]
    head = [
        name for column, known in visible for name in ([f"{column}, paper", f"{column}, here"] if known else [column])
    ]
    rows = []
    for line in summary.lines():
        cells = [line]
        for column, known in visible:
            if known:
                cells.append(number(paper.get(line, {}).get(column)))
            cells.append(cell(summary, line, column))
        rows.append(cells)
    return f"{markdown(['', *head], rows)}\n\n{summary.experiment.unit}; {over(summary)}."


def trials_table(summary: Summary, results: Mapping[str, Any]) -> str:
    """The experiment's cells of `each` trial."""
    cells, rows = summary.experiment.each, []
    for trial, measures in zip(results["trials"], summary.trials, strict=True):
        values = [number(measures.get(line, {}).get(column)) for line, column in cells]
        rows.append([f"{Path(trial['house']).name}, seed {trial['seed']}", *values])
    return markdown(["", *(f"{line}: {column}" for line, column in cells)], rows)


def over(summary: Summary) -> str:
    """What the means are computed over."""
    count = len(summary.trials)
    return "one trial" if count == 1 else f"mean of {count} trials, ± standard deviation"


def cell(summary: Summary, line: str, column: str) -> str:
    """Mean and spread of a cell, and the number of trials if some that have the row lack it."""
    values, trials = summary.values(line, column), sum(line in one for one in summary.trials)
    if not values:
        return ""
    spread = f" ± {summary.spread(line, column):.1f}" if len(values) > 1 else ""
    return (
        number(summary.mean(line, column)) + spread + (f" ({len(values)} of {trials})" if len(values) < trials else "")
    )


def number(value: float | None) -> str:
    """A number to about three digits; empty for None."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def claim_results(summary: Summary) -> list[dict[str, Any]]:
    """Each claim with its mean margin, spread, and the number of trials in which it holds."""
    return [_claim_result(summary, claim) for claim in summary.experiment.claims]


def _claim_result(summary: Summary, claim: Claim) -> dict[str, Any]:
    margins = summary.margins(claim)
    mean = float(np.mean(margins)) if margins else None
    return {
        "says": claim.says,
        "margin": mean,
        "spread": float(np.std(margins, ddof=1)) if len(margins) > 1 else None,
        "holds_in": sum(margin > 0 for margin in margins),
        "trials": len(margins),
        "verdict": verdict(margins),
        "where_not": claim.where_not,
    }


def verdict(margins: list[float]) -> str:
    """agrees: the mean margin exceeds 0 by more than two standard errors. disagrees: it is below 0 by as much.

    undecided: neither, or a single trial, which has no spread. not measured: no trial has both sides.
    """
    if not margins:
        return "not measured"
    if len(margins) == 1:
        return "undecided (one trial)"
    mean, error = float(np.mean(margins)), float(np.std(margins, ddof=1) / math.sqrt(len(margins)))
    if abs(mean) <= 2 * error:
        return "undecided"
    return "agrees" if mean > 0 else "disagrees"


def claims_table(claims: list[dict[str, Any]]) -> str:
    """Table of claims."""
    rows = []
    for claim in claims:
        spread = f" ± {claim['spread']:.1f}" if claim["spread"] is not None else ""
        margin = "" if claim["margin"] is None else f"{claim['margin']:+.1f}{spread}"
        rows.append([claim["says"], margin, f"{claim['holds_in']} of {claim['trials']}", claim["verdict"]])
    return markdown(["finding of the paper", "margin here", "holds in", "verdict"], rows)


def reasons(claims: list[dict[str, Any]]) -> list[str]:
    """Likely reasons for claims that did not hold on average, grouped by reason."""
    why: dict[str, list[str]] = {}
    for claim in claims:
        if claim["margin"] is not None and claim["margin"] <= 0 and claim["where_not"]:
            why.setdefault(claim["where_not"], []).append(f"*{claim['says']}*")
    return [f"Not reproduced: {'; '.join(said)}. {reason}" for reason, said in why.items()]


def run_description(results: Mapping[str, Any]) -> str:
    """Trials and cost of the experiment."""
    trials = results["trials"]
    done = "; ".join(f"house {Path(trial['house']).name}, seed {trial['seed']}" for trial in trials)
    return (
        f"Run {how(results)}{on_device(results)}: {len(trials)} of {results['planned']} trials are done ({done}), in "
        f"{minutes(results):.0f} minutes of stages (shared ones are counted for each trial)."
    )


def how(results: Mapping[str, Any]) -> str:
    """live: numbers come from runs of the live agent. offline: from stages on a finished buffer."""
    return "live" if results.get("live") else "offline"


def on_device(results: Mapping[str, Any], before: str = " ") -> str:
    """The GPU that networks were trained on, as " on an NVIDIA H200"; empty for the CPU."""
    device = results.get("device", "CPU")
    return "" if device == "CPU" else f"{before}on an {device}"


def minutes(results: Mapping[str, Any]) -> float:
    """Minutes of all stages that the trials used, cached ones included."""
    return sum(float(trial["seconds"]) for trial in results["trials"]) / 60


def command(experiment: Experiment, results: Mapping[str, Any], out: str) -> str:
    """Command that reproduces it; house files without their folders."""
    words = ["testspace", "experiment", *experiment.command.split()]
    for key, value in results["settings"].items():
        option = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value is not None:
            words += [f"--{option}", *(map(str, value) if isinstance(value, list | tuple) else [value])]
    for house in results["houses"]:
        words += ["--house", Path(house).name]
    for option, value in results.get("camera", {}).items():
        words += [] if value is None else [f"--{option.replace('_', '-')}", str(value)]
    words += ["--seeds", *map(str, results["seeds"]), "--preset", results["preset"], "--out", out]
    return shlex.join(map(str, words))
