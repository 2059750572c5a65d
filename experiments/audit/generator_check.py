"""Check many generated houses for faults, and compare them with real ones.

    python -m testspace.experiments.audit.generator_check --seeds 1000 --real ../shared/data/procthor-houses.jsonl.gz

Writes generator.md and generator.json. The exit status is 1 if a house has a fault.
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
from .house_statistics import Statistics, comparison_tables

MAX_REAL_HOUSES = 10_000
"""Maximum number of houses read from a file."""
MAX_LISTED_SEEDS = 20
"""Maximum number of seeds listed per kind of fault in the Markdown table; the JSON file lists all."""


@dataclass(frozen=True)
class GeneratorCheck:
    """Settings of the check."""

    seeds: int = 1000
    """Number of houses to generate."""
    first: int = 0
    """First seed."""
    rooms: int | None = None
    """Rooms per house; random by default."""
    split: Annotated[str | None, tyro.conf.arg(metavar="train|val|test")] = None
    """Use the assets of one split only."""
    real: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Real houses (FILE.jsonl[.gz]) to compare with."""
    out: Path = Path("generator-check")
    """Folder for generator.md and generator.json."""


@dataclass
class Outcome:
    """Statistics and faults of a set of houses."""

    statistics: Statistics
    faults: dict[str, dict[str, list[str]]]
    """Descriptions of the faults, by kind, then by seed or line."""
    seconds: float = 0.0
    """Mean time to generate one house."""

    def add_faults(self, name: str, faults: list[Fault]) -> None:
        """Add the faults of one house."""
        for fault in faults:
            self.faults[fault.kind].setdefault(name, []).append(fault.what)


def _empty() -> Outcome:
    return Outcome(Statistics(), defaultdict(dict))


def check_generated(config: GeneratorCheck, progress: Progress) -> Outcome:
    """Generate and audit the houses."""
    outcome = _empty()
    with progress.stage("generated houses") as advance:
        for index in range(config.seeds):
            seed = config.first + index
            start = time.perf_counter()
            house = generate_house(seed, config.rooms, split=config.split)
            outcome.seconds += (time.perf_counter() - start) / config.seeds
            outcome.add_faults(str(seed), audit(house))
            outcome.statistics.add(house)
            advance(index + 1, config.seeds, f"{sum(len(kind) for kind in outcome.faults.values())} faulty")
    return outcome


def check_real(path: Path, progress: Progress) -> Outcome:
    """Audit the houses of a file; HouseError if it holds none."""
    outcome = _empty()
    with progress.stage("real houses") as advance:
        for line in range(MAX_REAL_HOUSES):
            try:
                house = load_house(f"{path}:{line}")
            except HouseError:
                if line == 0:
                    raise
                break  # past the last line
            outcome.add_faults(str(line), audit(house))
            outcome.statistics.add(house)
            advance(line + 1, line + 1)
    return outcome


def markdown(config: GeneratorCheck, generated: Outcome, real: Outcome | None) -> str:
    """The tables as Markdown."""
    lines = [
        f"# {generated.statistics.houses} generated houses (seeds {config.first} to {config.first + config.seeds - 1})",
        "",
        f"{1000 * generated.seconds:.0f} ms a house to generate.",
        "",
        "| fault | houses | faults | seeds | real houses | faults there |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for kind in KINDS:
        row = [kind, *_counts(generated, kind), " ".join(list(generated.faults[kind])[:MAX_LISTED_SEEDS])]
        lines.append(f"| {' | '.join([*row, *(_counts(real, kind) if real else ('', ''))])} |")
    tables = comparison_tables(generated.statistics, real.statistics if real else None)
    for head, table in zip(("mean", "share of objects (%)"), tables, strict=True):
        lines += ["", f"| {head} | generated | real |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in table]
    if real:
        distance = generated.statistics.distance(real.statistics)
        lines += ["", f"Total variation between the two mixes of types: {distance:.3f}."]
    return "\n".join(lines) + "\n"


def _counts(outcome: Outcome, kind: str) -> tuple[str, str]:
    houses = outcome.faults[kind]
    return str(len(houses)), str(sum(len(descriptions) for descriptions in houses.values()))


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
    """Write both files and print the Markdown; returns whether all generated houses are free of faults."""
    if config.seeds < 1 or config.first < 0:
        raise UserError("--seeds must be 1 or more, and --first 0 or more")
    with Progress() as progress:
        real = check_real(config.real, progress) if config.real else None
        generated = check_generated(config, progress)
    text = markdown(config, generated, real)
    config.out.mkdir(parents=True, exist_ok=True)
    (config.out / "generator.md").write_text(text, encoding="utf-8")
    document = {
        "config": {key: str(value) if isinstance(value, Path) else value for key, value in asdict(config).items()},
        "generated": _as_json(generated),
        "real": _as_json(real) if real else None,
    }
    (config.out / "generator.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(text, end="")
    return not any(generated.faults[kind] for kind in KINDS)


def main() -> int:
    """Run the command; returns 1 if a house has a fault. Exits with 2 on an invalid request."""
    config = tyro.cli(GeneratorCheck, description=__doc__)
    with ending_in_one_line():
        return 0 if run_check(config) else 1


if __name__ == "__main__":
    sys.exit(main())
