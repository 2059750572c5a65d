"""What an experiment came to, in Markdown: the paper's numbers beside ours, with the spread over trials, and claims."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .experiment import Claim, Experiment, Summary


def page(summary: Summary, results: Mapping[str, Any], out: str, with_claims: bool = True) -> list[str]:
    """The paragraphs of one experiment: question, table, claims, and what it was run with. `out` is its folder's name.

    `results` are those of results.json.
    """
    experiment, claims = summary.experiment, told_claims(summary)
    parts = [f"## {experiment.source}", experiment.question, table(summary), experiment.note]
    parts += [
        claims_table(claims) if with_claims else "",
        *reasons(claims),
        told_run(results),
        f"```sh\n{command(experiment, results, out)}\n```",
    ]
    return [part for part in parts if part]


def table(summary: Summary) -> str:
    """Lines by columns: the paper's number, and ours with its spread."""
    columns, paper = summary.columns(), summary.experiment.paper
    shown = [(column, any(column in paper.get(line, {}) for line in summary.lines())) for column in columns]
    head = [
        name for column, known in shown for name in ([f"{column}, paper", f"{column}, here"] if known else [column])
    ]
    rows = [["", *head], ["---"] * (1 + len(head))]
    for line in summary.lines():
        cells = [line]
        for column, known in shown:
            if known:
                cells.append(number(paper.get(line, {}).get(column)))
            cells.append(cell(summary, line, column))
        rows.append(cells)
    text = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{text}\n\n{summary.experiment.unit}; {over(summary)}."


def over(summary: Summary) -> str:
    """What the means are over."""
    count = len(summary.trials)
    return "one trial" if count == 1 else f"mean of {count} trials, ± standard deviation"


def cell(summary: Summary, line: str, column: str) -> str:
    """Mean and spread of a cell, and over how many trials where some that have the line lack it."""
    found, trials = summary.values(line, column), sum(line in one for one in summary.trials)
    if not found:
        return ""
    spread = f" ± {summary.spread(line, column):.1f}" if len(found) > 1 else ""
    return number(summary.mean(line, column)) + spread + (f" ({len(found)} of {trials})" if len(found) < trials else "")


def number(value: float | None) -> str:
    """Three digits or so, nothing for no number."""
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2g}"


def told_claims(summary: Summary) -> list[dict[str, Any]]:
    """Each claim with the mean margin, its spread, and in how many trials it holds."""
    return [_told(summary, claim) for claim in summary.experiment.claims]


def _told(summary: Summary, claim: Claim) -> dict[str, Any]:
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
    """agrees: the mean margin is above 0 by more than two standard errors. disagrees: as far below. undecided: else.

    not measured: no trial has what is compared. One trial has no spread, and decides nothing.
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
    """Claims as a table."""
    rows = ["| The paper finds | margin here | holds in | verdict |", "| --- | --- | --- | --- |"]
    for claim in claims:
        spread = f" ± {claim['spread']:.1f}" if claim["spread"] is not None else ""
        margin = "" if claim["margin"] is None else f"{claim['margin']:+.1f}{spread}"
        rows.append(f"| {claim['says']} | {margin} | {claim['holds_in']} of {claim['trials']} | {claim['verdict']} |")
    return "\n".join(rows)


def reasons(claims: list[dict[str, Any]]) -> list[str]:
    """A paragraph on why, for claims that did not hold on average; those of one reason share it."""
    why: dict[str, list[str]] = {}
    for claim in claims:
        if claim["margin"] is not None and claim["margin"] <= 0 and claim["where_not"]:
            why.setdefault(claim["where_not"], []).append(f"*{claim['says']}*")
    return [f"Not seen here: {'; '.join(said)}. {reason}" for reason, said in why.items()]


def told_run(results: Mapping[str, Any]) -> str:
    """What it was run with, and what it cost."""
    trials = results["trials"]
    done = "; ".join(f"house {Path(trial['house']).name}, seed {trial['seed']}" for trial in trials)
    return (
        f"Run {how(results)}: {len(trials)} of {results['asked']} trials are done ({done}), in "
        f"{minutes(results):.0f} minutes of stages (shared ones counted for each trial)."
    )


def how(results: Mapping[str, Any]) -> str:
    """Whether its numbers come from runs of the live agent, or offline from stages on a finished buffer."""
    return "live" if results.get("live") else "offline"


def minutes(results: Mapping[str, Any]) -> float:
    """Minutes of all stages that the trials needed, whenever they were run."""
    return sum(float(trial["seconds"]) for trial in results["trials"]) / 60


def command(experiment: Experiment, results: Mapping[str, Any], out: str) -> str:
    """What starts it again; house files without their folders."""
    words = ["testspace", "experiment", *experiment.command.split()]
    for key, value in results["settings"].items():
        if value is not None:
            words += [f"--{key.replace('_', '-')}", *(map(str, value) if isinstance(value, list | tuple) else [value])]
    for house in results["houses"]:
        words += ["--house", Path(house).name]
    words += ["--seeds", *map(str, results["seeds"]), "--preset", results["preset"], "--out", out]
    return shlex.join(map(str, words))
