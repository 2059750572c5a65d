"""Checks many generated houses, and sets them beside real ones.

    python -m testspace.experiments.audit.generator_check --seeds 1000 --real ../shared/data/procthor-houses.jsonl.gz

Writes generator.md and generator.json, and ends with status 1 where a house has a fault.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from ...core.errors import UserError, ending_in_one_line
from ...core.progress import Progress
from ...envs.generator import generate_house
from ...envs.house.house import HouseError
from ...envs.house.house_io import load_house
from .house_audit import KINDS, Fault, audit
from .house_statistics import Statistics, compared

MOST = 10_000
"""Houses that are read from one file at most."""
SHOWN = 20
"""Seeds that are named for each kind of fault in the Markdown table; the JSON file has all."""


@dataclass(frozen=True)
class GeneratorCheck:
    """What to check."""

    seeds: int = 1000
    """How many houses to generate."""
    first: int = 0
    """Their first seed."""
    rooms: int | None = None
    """Rooms in each; without it, as many as chance says."""
    split: Annotated[str | None, tyro.conf.arg(metavar="train|val|test")] = None
    """Use the assets of one split only."""
    real: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Real houses (FILE.jsonl[.gz]) to set beside them."""
    out: Path = Path("generator-check")
    """Folder for generator.md and generator.json."""


@dataclass
class Outcome:
    """What was found in a set of houses."""

    statistics: Statistics
    faults: dict[str, dict[str, list[str]]]
    """By kind, then by seed or line, what is wrong."""
    seconds: float = 0.0
    """Mean time that it took to generate one house."""

    def note(self, name: str, faults: list[Fault]) -> None:
        """Enter the faults of one house."""
        for fault in faults:
            self.faults[fault.kind].setdefault(name, []).append(fault.what)


def _nothing() -> Outcome:
    return Outcome(Statistics(), defaultdict(dict))


def check_generated(config: GeneratorCheck, progress: Progress) -> Outcome:
    """Generates and audits the houses, one after another."""
    found = _nothing()
    with progress.stage("generated houses") as advance:
        for index in range(config.seeds):
            seed = config.first + index
            begun = time.perf_counter()
            house = generate_house(seed, config.rooms, split=config.split)
            found.seconds += (time.perf_counter() - begun) / config.seeds
            found.note(str(seed), audit(house))
            found.statistics.add(house)
            advance(index + 1, config.seeds, f"{sum(len(kind) for kind in found.faults.values())} faulty")
    return found


def check_real(path: Path, progress: Progress) -> Outcome:
    """Audits the houses of a file; UserError where it holds none."""
    found = _nothing()
    with progress.stage("real houses") as advance:
        for line in range(MOST):
            try:
                house = load_house(f"{path}:{line}")
            except HouseError:
                if line == 0:
                    raise
                break  # past the last line
            found.note(str(line), audit(house))
            found.statistics.add(house)
            advance(line + 1, line + 1)
    return found


def markdown(config: GeneratorCheck, ours: Outcome, theirs: Outcome | None) -> str:
    """The tables, for people."""
    lines = [
        f"# {ours.statistics.houses} generated houses (seeds {config.first} to {config.first + config.seeds - 1})",
        "",
        f"{1000 * ours.seconds:.0f} ms a house to generate.",
        "",
        "| fault | houses | faults | seeds | real houses | faults there |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in KINDS:
        row = [kind, *_counts(ours, kind), " ".join(list(ours.faults[kind])[:SHOWN])]
        lines.append(f"| {' | '.join([*row, *(_counts(theirs, kind) if theirs else ('', ''))])} |")
    tables = compared(ours.statistics, theirs.statistics if theirs else None)
    for head, table in zip(("mean", "share of objects (%)"), tables, strict=True):
        lines += ["", f"| {head} | generated | real |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in table]
    if theirs:
        apart = ours.statistics.distance(theirs.statistics)
        lines += ["", f"Total variation between the two mixes of types: {apart:.3f}."]
    return "\n".join(lines) + "\n"


def _counts(outcome: Outcome, kind: str) -> tuple[str, str]:
    named = outcome.faults[kind]
    return str(len(named)), str(sum(len(what) for what in named.values()))


def _as_json(outcome: Outcome) -> dict[str, Any]:
    numbers = outcome.statistics
    return {
        "faults": {kind: outcome.faults[kind] for kind in KINDS},
        "means": numbers.figures(),
        "types": dict(numbers.types.most_common()),
        "room_counts": {str(count): numbers.room_counts[count] for count in sorted(numbers.room_counts)},
        "seconds_a_house": outcome.seconds,
    }


def run_check(config: GeneratorCheck) -> bool:
    """Writes both files and prints the Markdown; whether every generated house is without fault."""
    if config.seeds < 1 or config.first < 0:
        raise UserError("--seeds must be 1 or more, and --first 0 or more")
    with Progress() as progress:
        theirs = check_real(config.real, progress) if config.real else None
        ours = check_generated(config, progress)
    text = markdown(config, ours, theirs)
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "generator.md").write_text(text, encoding="utf-8")
    document = {
        "config": {key: str(value) if isinstance(value, Path) else value for key, value in asdict(config).items()},
        "generated": _as_json(ours),
        "real": _as_json(theirs) if theirs else None,
    }
    (config.out / "generator.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(text, end="")
    return not any(ours.faults[kind] for kind in KINDS)


def main() -> int:
    """The command; 1 where a house has a fault, 2 where it was asked for what cannot be."""
    config = tyro.cli(GeneratorCheck, description=__doc__)
    with ending_in_one_line():
        return 0 if run_check(config) else 1


if __name__ == "__main__":
    sys.exit(main())
