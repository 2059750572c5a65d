"""README's section of results, written from stored results of `testspace experiment adapted` and by nothing else."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.storage import replacing
from ...core.text_table import markdown
from .adapted import BOUND, CONTROL, EPISODE, FRAMES, GENERALIST, MAP, RGB, RGBD, SPECIALIST, TOGETHER, VOTES
from .experiment import Measures, Summary
from .results import Stored, read_results
from .tables import cell, on_device

SECTION = re.compile(r"(<!-- results -->\n\n).*?(\n\n<!-- /results -->)", re.DOTALL)

_SENSORS = {
    "slam": "a stereo camera's depth and colour, and poses as SLAM has them",
    "odometry": "the same camera and wheel odometry, whose drift the agent corrects",
}


def write_readme_results(folders: Sequence[Path], readme: Path) -> None:
    """Put the section between README's two comments anew. UserError where there is no such section, or no result."""
    text = readme.read_text()
    if not SECTION.search(text):
        raise UserError(f"{readme}: no '<!-- results -->' and '<!-- /results -->' to write between")
    section = readme_results(read_results(folders))
    with replacing(readme) as unfinished:
        unfinished.write_text(SECTION.sub(lambda found: found[1] + section + found[2], text))


def readme_results(stored: Sequence[Stored]) -> str:
    """What README says of the specialist that starts from the generalist."""
    adapted = [(summary, results) for summary, results, _ in stored if results["experiment"] == "adapted"]
    parts: dict[str, str] = {}
    for summary, results in adapted:
        settings, device = results["settings"], on_device(results)
        if device:
            if settings["sensors"] == "exact" and not settings["references"]:
                parts["gpu"] = _repeated(summary, results, device)
        elif settings["sensors"] != "exact":
            parts[settings["sensors"]] = _measured(summary, settings["sensors"])
        elif settings["references"]:
            parts["references"] = _compared(summary)
        else:
            parts["gain"] = _gain(summary)
    if not parts:
        raise UserError("no results of `testspace experiment adapted` in these folders")
    return "\n\n".join(parts[name] for name in ("gain", "gpu", "references", *_SENSORS) if name in parts)


def _gain(summary: Summary) -> str:
    trials, lines = summary.trials, (GENERALIST, SPECIALIST, MAP, TOGETHER)
    rows = [[line, cell(summary, line, RGB), cell(summary, line, RGBD)] for line in lines]
    rgb, rgbd = (_ahead(trials, column) for column in (RGB, RGBD))
    minutes = np.array([one[EPISODE]["seconds"] for one in trials]) / 60
    memory = [one[EPISODE]["peak memory, MB"] / 1000 for one in trials]
    head = (
        f"Live agent from the generalist, in {len(trials)} real ProcTHOR houses that neither generalist nor recipe had "
        "seen: one run of 4,000 frames in each, preset `adapted`, seed 0; mIoU in percent on 400 held-out views, mean "
        "± standard deviation over houses. `testspace experiment adapted --house FILE:LINE ... --preset adapted "
        "--no-references` "
        "measures it:"
    )
    tail = (
        f"From colour the specialist is better than the generalist in {(rgb > 0).sum()} of {len(rgb)} houses, by "
        f"{rgb.mean():.1f} points on average ({rgb.min():.1f} to {rgb.max():.1f}); with depth in {(rgbd > 0).sum()}, "
        f"by {rgbd.mean():.1f}. The map needs depth and pose at test time. A run took {minutes.min():.0f} to "
        f"{minutes.max():.0f} minutes (median {np.median(minutes):.0f}) on one core beside other work, and "
        f"{min(memory):.1f} to {max(memory):.1f} GB."
    )
    return "\n\n".join((_filled(head), markdown(["", "from colour", "with depth"], rows), _filled(tail)))


def _repeated(summary: Summary, results: Mapping[str, Any], device: str) -> str:
    rgb, trials = _ahead(summary.trials, RGB), results["trials"]
    seeds = " and ".join(map(str, sorted({trial["seed"] for trial in trials})))
    houses = len({trial["house"] for trial in trials})
    return _filled(
        f"Measured again{device}, {len(trials)} runs of seeds {seeds} in {houses} of these houses: "
        f"better in {(rgb > 0).sum()}, by {rgb.mean():.1f} points on average ({rgb.min():.1f} to "
        f"{rgb.max():.1f})."
    )


def _compared(summary: Summary) -> str:
    names = {
        GENERALIST: "generalist", CONTROL: "as many steps on generated views alone (control)",
        FRAMES: "self-training by single frames", VOTES: "hard votes in voxels", SPECIALIST: "specialist",
        BOUND: "true labels of the agent's frames (bound)",
    }  # fmt: skip
    found = "; ".join(f"{name} {summary.mean(line, RGB):.1f}" for line, name in names.items())
    return _filled(f"What else can be done, from colour, in {_some(summary)}: {found}.")


def _measured(summary: Summary, sensors: str) -> str:
    lines = ((GENERALIST, RGB), (SPECIALIST, RGB), (TOGETHER, RGBD))
    before, after, fused = (summary.mean(line, column) for line, column in lines)
    return _filled(
        f"With {_SENSORS[sensors]} (`--sensors {sensors}`), in {_some(summary)}: generalist {before:.1f} from colour, "
        f"specialist {after:.1f}, with depth and map {fused:.1f}."
    )


def _ahead(trials: Sequence[Measures], column: str) -> NDArray[np.float64]:
    return np.array([one[SPECIALIST][column] - one[GENERALIST][column] for one in trials])


def _filled(text: str) -> str:
    return textwrap.fill(text, 138, break_on_hyphens=False)


def _some(summary: Summary) -> str:
    return "one of these houses" if len(summary.trials) == 1 else f"{len(summary.trials)} of these houses"
