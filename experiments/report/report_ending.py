"""The end of a report: what took how long, what to do next, and the settings."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from .report_page import card, section, table


def cost_section(summary: Mapping[str, Any]) -> str:
    """What was done in how much time and memory, and the seconds of each stage."""
    facts = f'<div class="cards">{"".join(_facts(summary))}</div>'
    stages = summary.get("stages") or {}
    if not stages:
        return section("What it cost", "The run in numbers.", facts)
    whole = float(summary.get("seconds") or sum(stages.values()))
    rows = [
        [
            escape(name), f"{value:,.1f}", f"{value / whole:.0%}",
            f'<div style="width:{min(100.0, 100 * value / whole):.1f}%;background:var(--specialist)"></div>',
        ]
        for name, value in stages.items()
    ]  # fmt: skip
    rows.append(["<b>total</b>", f"<b>{whole:,.1f}</b>", "", ""])
    says = "Wall-clock seconds; those of a run that was resumed add up. "
    says += "Acting and learning went on at the same time." if summary.get("async") else "One stage at a time."
    if frames := summary.get("interruptions"):
        says += f" Interrupted and resumed at frame{'s' if len(frames) > 1 else ''} {', '.join(map(str, frames))}."
    return section("What it cost", says, facts + table(["what for", "seconds", "share", ""], rows))


def _facts(summary: Mapping[str, Any]) -> list[str]:
    plain = (
        ("coverage", "{:.0%}", "of the floor seen", "of what the agent could reach"),
        ("frames", "{:,.0f}", "frames", "one at each step of the agent"),
        ("seconds", "{:,.0f} s", "in all", "wall-clock time of the run, evaluation included"),
        ("peak_rss_mb", "{:,.0f} MB", "memory", "most that the process had at any time"),
        ("simulator_fps", "{:,.0f} /s", "frames", "acting and rendering, without learning"),
        ("samples_per_s", "{:,.0f} /s", "training samples", "while it learns"),
    )
    there = [one for one in plain if summary.get(one[0]) is not None]
    facts = [card(form.format(summary[key]), name, says) for key, form, name, says in there]
    known, total = summary.get("generalist_knows", (0, 0))
    if total:
        says = "objects of the house whose type and size the generalist may have met in training"
        facts.append(card(f"{known} of {total}", "assets known before", says))
    return facts


def next_section(out: Path, summary: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Commands that go on from here, to be run beside the run's folder `out`."""
    run = shlex.quote(out.resolve().name)
    steps = []
    if "generalist_knows" in summary:
        steps += [
            (
                "Segment your own pictures of this house with the specialist",
                f"testspace segment PICTURES --run {run} --out labels",
            ),
            ("Take it to a robot as ONNX", f"testspace export-onnx --run {run} --out specialist.onnx"),
        ]
    else:
        steps.append(
            (
                "See what the masked model predicts of depth from colour",
                f"testspace predict {run} --from rgb --to depth",
            )
        )
    steps.append(("Walk through the run in 3D", f"testspace watch {run} --view"))
    steps.append(("Keep its frames as a recording", f"testspace record {run} --out recording"))
    if (again := _longer(summary, config)) is not None:
        steps.append(("Explore and learn for longer", again))
    body = "".join(f"<p>{escape(says)}:</p><pre>{escape(command)}</pre>" for says, command in steps)
    return section("What to do next", "In the folder that contains the run's folder:", body)


def _longer(summary: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    """The command that runs twice as long in the same house; None where that is not known."""
    preset, frames = config.get("preset"), summary.get("frames")
    if not preset or not frames or config.get("sim") == "recording":
        return None
    preset = {"adapted-smoke": "adapted", "smoke": "nano"}.get(preset, preset)
    words = ["testspace", "run", "--seed", str(config.get("seed", 0)), "--preset", str(preset)]
    if config.get("sim") not in (None, "raycast"):
        words += ["--sim", str(config["sim"])]
    house = str(config.get("house") or "")
    if house and not house.startswith("seed "):
        words += ["--house", house.rsplit("/", 1)[-1]]
    if preset == config.get("preset"):
        words += ["--episode.frames", str(2 * int(frames))]
    return shlex.join([*words, "--out", "longer"])


def settings_section(config: Mapping[str, Any]) -> str:
    """The settings as they are stored."""
    if not config:
        return ""
    shown = escape(json.dumps(config, indent=2, ensure_ascii=False))
    body = f"<details><summary>config.json</summary><pre>{shown}</pre></details>"
    return section("Settings", "The same settings and seed reproduce the run.", body)
