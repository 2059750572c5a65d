"""`testspace doctor RUN`: which files of a run are whole, by their checksums, and what a damaged one costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import UserError
from ...core.storage import check_folder, read_arrays
from ...learners.data.buffer_files import PREVIOUS, STATE, parse_state
from ...learners.data.replay_buffer import ReplayBuffer
from ...learners.nn.checkpoint import load_tensors
from .run_folder import METRICS, read_config, read_rows, read_summary


@dataclass(frozen=True)
class Check:
    """A file or folder of a run."""

    name: str
    """Relative to the run."""
    found: str
    """What it holds, or what is wrong with it."""
    wrong: bool
    """Whether it is damaged."""
    costs: str
    """What happens without it."""

    def __str__(self) -> str:
        return f"{'DAMAGED' if self.wrong else 'whole  '}  {self.name:<40} {self.found}" + (
            f"; {self.costs}" if self.wrong else ""
        )


def check_run(run: Path) -> list[Check]:
    """Every part of a run that has a checksum or a form. UserError where the folder is not that of a run."""
    if not any((run / name).exists() for name in ("config.json", "buffer", METRICS)):
        raise UserError(f"{run}: no run there (no config.json, buffer or {METRICS})")
    checks = [_check(run, "config.json", _settings, "the run cannot be resumed"), _metrics(run)]
    if (run / "buffer").is_dir():
        checks += [
            _check(run, f"buffer/{STATE}", _seen, "the flush before it counts"),
            _check(run, f"buffer/{PREVIOUS}", _seen, f"nothing, unless {STATE} is damaged too"),
            _check(run, "buffer", _frames, "another frame takes the place of each when the run is resumed"),
        ]
    agents = _names(run, "agent/agent-*.npz")
    costs = "the run goes on from the flush before" if len(agents) > 1 else "the run cannot go on"
    checks += [_check(run, name, _arrays, costs) for name in agents]
    folders = [*_names(run, "agent/learner*"), *_names(run, "segmenters/*")]
    costs = "the one before is used, or it is made again"
    checks += [_check(run, name, _sums, costs) for name in folders if (run / name).is_dir()]
    checks += [_check(run, name, _tensors, "it is made again") for name in _names(run, "segmenters/*.safetensors")]
    scored = any(row.get("method") == "specialist" for row in read_rows(run)[0])
    if scored and not _names(run, "segmenters/specialist*"):
        checks.append(Check("segmenters/specialist", "gone, though it was evaluated", True, "--resume makes it again"))
    costs = "the report and the recording do without"
    checks += [_check(run, name, _arrays, costs) for name in _names(run, "report_data/*.npz")]
    if (run / "summary.json").exists():
        checks.append(_check(run, "summary.json", _results, "--resume writes it again"))
    return checks


def is_finished(run: Path) -> bool:
    """Whether a run came to its end and all of it is whole."""
    return (run / "summary.json").exists() and not any(check.wrong for check in check_run(run))


def _check(run: Path, name: str, look: Callable[[Path], str], costs: str) -> Check:
    try:
        return Check(name, look(run / name), False, costs)
    except (ValueError, OSError) as error:
        return Check(name, " ".join(str(error).split()), True, costs)


def _metrics(run: Path) -> Check:
    rows, damaged = read_rows(run)
    if not rows:
        return Check(METRICS, "no rows", (run / METRICS).exists() or (run / "agent").is_dir(), "the curves are lost")
    return Check(METRICS, f"{len(rows)} rows, {damaged} damaged", damaged > 0, "the others stay")


def _settings(file: Path) -> str:
    return f"{len(read_config(file.parent))} settings"


def _results(file: Path) -> str:
    return f"{len(read_summary(file.parent))} results"


def _seen(file: Path) -> str:
    return f"{parse_state(file)['total']} frames seen"


def _frames(folder: Path) -> str:
    buffer = ReplayBuffer.reader(folder)
    damaged = buffer.damaged()
    if len(damaged):
        raise UserError(f"{len(damaged)} of {len(buffer)} frames differ from their checksums")
    return f"{len(buffer)} frames"


def _arrays(file: Path) -> str:
    return f"{len(read_arrays(file))} arrays"


def _tensors(file: Path) -> str:
    return f"{len(load_tensors(file))} tensors"


def _sums(folder: Path) -> str:
    wrong = check_folder(folder)
    if wrong is not None:
        raise UserError(wrong)
    return f"{sum(file.is_file() for file in folder.iterdir()) - 1} files"


def _names(run: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(run)) for path in run.glob(pattern))
