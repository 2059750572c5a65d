"""The command line: `testspace run` and `testspace report`.

What is slow to import is imported inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from .errors import one_line

app = tyro.extras.SubcommandApp()

HouseRef = Annotated[str | None, tyro.conf.arg(metavar="FILE[:LINE]")]
"""A ProcTHOR house: FILE.json, or FILE.jsonl[.gz] with a line number from 0."""
HousesRef = Annotated[str | None, tyro.conf.arg(metavar="FILE")]
"""Many ProcTHOR houses: FILE.jsonl[.gz]."""


@app.command
def run(
    *,
    out: Path,
    house: HouseRef = None,
    seed: int = 0,
    policy: str = "frontier",
    preset: str = "nano",
    resume: tyro.conf.FlagCreatePairsOff[bool] = False,
    transfer_houses: HousesRef = None,
) -> None:
    """Live in a house: explore it, learn it without labels, and be tested in it.

    Args:
        out: Folder for what the run leaves behind: report.html, summary.json, metrics.jsonl, checkpoint.
        house: House to live in: a file in ProcTHOR's format. Without it, one is generated from the seed.
        seed: Seed of everything random, and number of the generated house where no house is given.
        policy: Who acts: frontier or random.
        preset: Size and budget: smoke (seconds) or nano (minutes on two CPU cores).
        resume: Go on with the run that stands in the output folder; starts it where there is none.
        transfer_houses: Houses to label the transfer set in. Without it, houses are generated.
    """
    from .life import RunConfig, run_life

    run_life(
        RunConfig(
            house=house,
            seed=seed,
            policy=policy,
            preset=preset,
            out=out,
            resume=resume,
            transfer_houses=transfer_houses,
        )
    )
    print(headline(out))


@app.command
def report(out: Path, /) -> None:
    """Write report.html again from what a run has stored.

    Args:
        out: Folder of the run.
    """
    from .report import write_report

    print(write_report(out))


def headline(out: Path) -> str:
    """What the run came to, in a few lines, from its summary.json."""
    summary = json.loads((out / "summary.json").read_text())
    lines = ["{frames} frames lived, {coverage:.0%} of the floor seen, {seconds:.0f} s".format(**summary)]
    for method, score in summary["segmentation"].items():
        line = f"  {method:<16} mIoU {score['miou']:6.1%}   pixel accuracy {score['pixel_accuracy']:6.1%}"
        if "before" in score:
            line += f"   (mIoU {score['before']['miou']:.1%} without, on the same {score['views']} views)"
        lines.append(line)
    lines.append(f"report: {out / 'report.html'}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 0, 2 (the user's to mend, one line on stderr), or 130 (interrupted)."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    # OpenMP reads this when torch is imported. Without a bound, threads that wait by spinning make a training step a
    # hundred times slower as soon as another program wants one of the cores; with far less, waking them costs more.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        app.cli(prog="testspace", description="An agent that lives in one house and learns to see in it.", args=asked)
    except KeyboardInterrupt:
        print(f"\ntestspace: stopped. {_how_to_go_on(asked)}", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        message = one_line(error)
        if message is None:
            raise
        print(f"testspace: error: {message}", file=sys.stderr)
        sys.exit(2)


def _how_to_go_on(asked: Sequence[str]) -> str:
    if "run" not in asked[:1]:
        return "Nothing was lost."
    again = [*asked] if "--resume" in asked else [*asked, "--resume"]
    return f"Go on with: testspace {shlex.join(again)}"
