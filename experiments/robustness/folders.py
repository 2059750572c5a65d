"""Damaged run folders: every file of a run in every way, and every command that reads a run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .cases import Main, Outcome, run_case
from .damage import DAMAGES, damage_file

LONGEST = 240.0
"""Seconds of the processor that a resumed run may take."""
NOT_READ = ("tensorboard", "report.html", "first-look.png", "watch.rrd", ".lock", "meta.json", ".old/")
"""Parts of the names of files that no command reads, or only where another is damaged."""


def commands(run: Path, resume: Sequence[str], picture: Path, scratch: bool) -> dict[str, list[str]]:
    """The words of each command that reads this run, by name. `resume`: what the run was started with."""
    out = run.parent / "out"
    words = {
        "resume": ["run", *resume, "--out", str(run), "--resume"],
        "report": ["report", str(run)],
        "watch": ["watch", str(run), "--frames", "5", "--out", str(run.parent / "watch.rrd")],
        "record": ["record", str(run), "--out", str(out)],
        "doctor": ["doctor", str(run)],
    }
    if scratch:
        return {**words, "predict": ["predict", str(run), "--frames", "1", "--out", str(run.parent / "p.png")]}
    return {
        **words,
        "segment": ["segment", str(picture), "--run", str(run), "--out", str(out)],
        "export": ["export-onnx", "--run", str(run), "--out", str(run.parent / "s.onnx")],
    }


def files_of(run: Path) -> list[str]:
    """The files of a run that some command reads, relative to it."""
    names = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    return [name for name in names if not any(part in name for part in NOT_READ)]


def damaged_folders(
    main: Main, run: Path, resume: Sequence[str], picture: Path, scratch: bool, work: Path, seed: int, count: int
) -> Iterator[tuple[str, Outcome]]:
    """`count` cases, drawn from every file, damage and command: their names, and what came of each.

    `main` is the command line's.
    """
    names, kinds = files_of(run), list(DAMAGES)
    possible = [
        (name, kind, command) for name in names for kind in kinds for command in commands(run, [], run, scratch)
    ]
    rng = np.random.default_rng(seed)
    for number in rng.permutation(len(possible))[:count].tolist():
        name, kind, command = possible[number]
        yield (
            f"{command} {name} {kind} {seed}/{number}",
            damaged_folder(main, run, resume, picture, scratch, work, name, kind, command, [seed, number]),
        )


def damaged_folder(
    main: Main,
    run: Path,
    resume: Sequence[str],
    picture: Path,
    scratch: bool,
    work: Path,
    name: str,
    kind: str,
    command: str,
    seed: Sequence[int],
) -> Outcome:
    """One case, in a copy of the run in `work`, which is emptied."""
    shutil.rmtree(work, ignore_errors=True)
    copy = work / "run"
    shutil.copytree(run, copy)
    damage_file(copy / name, kind, np.random.default_rng(seed))
    words = commands(copy, resume, picture, scratch)[command]
    return run_case(lambda: main(words), LONGEST, None)
