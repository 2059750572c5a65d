"""The folder of a run: settings (config.json), measurements (metrics.jsonl, TensorBoard, optionally Weights & Biases),
and checks on resuming.

Nothing is written before house and settings are validated, no run overwrites another, and one process at a time runs in
a folder. Each row of metrics.jsonl ends with its checksum: a damaged one is left out, and those after it stay.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ...core.errors import UserError
from ...core.storage import clear_unfinished, naming, replacing, try_lock, write_json
from .wandb_curves import WandbCurves

METRICS, LOCK = "metrics.jsonl", "run.lock"


class RunFolderError(UserError):
    """The output folder cannot be used."""


class RunFolder:
    """Opens `out` for a new run or to resume one; `wandb`: project of Weights & Biases to log to as well.

    RunFolderError if the folder holds another run or something else, if it holds this run and `resume` is False, or if
    the run was started with other settings; LockedError if another process runs in it.
    """

    def __init__(self, out: Path, config: dict[str, Any], resume: bool, wandb: str | None = None) -> None:
        self.path = out
        config = json.loads(json.dumps(config))
        stored_file = out / "config.json"
        if stored_file.exists():
            if not resume:
                raise RunFolderError(f"{out} holds another run; add --resume to continue it, or choose another --out")
            _refuse_other_settings(out, read_config(out), config)
        elif out.exists() and (not out.is_dir() or any(path.name != LOCK for path in out.iterdir())):
            if (out / METRICS).exists():
                raise RunFolderError(
                    f"{stored_file} is gone, which has the settings; put it back, or name another --out"
                )
            raise RunFolderError(f"{out} exists and is not a run of testspace; name an empty or new folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        self._lock = try_lock(out / LOCK)
        clear_unfinished(out)
        write_json(stored_file, config)
        metrics = out / METRICS
        self.last_written = metrics.stat().st_mtime if metrics.exists() else 0.0
        """When the last row was written before this session, in seconds since the epoch."""
        self.rows, damaged = read_rows(out)
        if not metrics.exists() and (out / "agent").is_dir():
            print(f"{metrics}: gone, and with it what was measured before", file=sys.stderr, flush=True)
        if damaged or (metrics.exists() and not metrics.read_bytes().endswith(b"\n")):
            if damaged:
                print(f"{out / METRICS}: {damaged} damaged row(s) left out", file=sys.stderr, flush=True)
            with replacing(out / METRICS) as unfinished:
                unfinished.write_text("".join(_line(row) for row in self.rows))
        self._curves: list[SummaryWriter | WandbCurves] = [SummaryWriter(str(out / "tensorboard"))]
        if wandb is not None:
            self._curves.append(WandbCurves(wandb, out, config))

    def log(self, kind: str, frame: int, **values: Any) -> None:
        """Append one row to metrics.jsonl, and its numbers to the curves, at this frame of the episode."""
        row = {"kind": kind, "frame": frame, **values}
        with naming(self.path / METRICS), (self.path / METRICS).open("a") as out:
            out.write(_line(row))
        self.rows.append(row)
        of = values.get("method", values.get("stage"))
        prefix = kind if of is None else f"{kind}/{of}"
        for curves in self._curves:
            for name, value in values.items():
                if isinstance(value, int | float):
                    curves.add_scalar(f"{prefix}/{name}", value, frame)
            curves.flush()

    @contextmanager
    def timed(self, stage: str, frame: int) -> Iterator[None]:
        """Log how long the block takes, also where it is interrupted, as a row of kind "time"."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.log("time", frame, stage=stage, seconds=time.perf_counter() - started)

    def last_frame(self) -> int:
        """Frames seen by the last rollout that was logged."""
        return max((row["frame"] for row in self.logged("rollout")), default=0)

    def logged(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """Rows of this kind whose fields equal `match`, oldest first."""
        return [row for row in self.rows if row["kind"] == kind and all(row.get(k) == v for k, v in match.items())]

    def close(self) -> None:
        """Flush and close all logs."""
        for curves in self._curves:
            curves.close()
        self._lock.close()


def read_config(run: Path) -> dict[str, Any]:
    """The settings of a run. RunFolderError, one line, where config.json is missing or damaged."""
    return _read_object(run / "config.json", "which has the run's settings; start anew in another folder")


def read_summary(run: Path) -> dict[str, Any]:
    """The results of a finished run. RunFolderError, one line, where summary.json is missing or damaged."""
    return _read_object(run / "summary.json", "so no finished run; finish it, or write it anew, with --resume")


def read_rows(run: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole rows of metrics.jsonl, oldest first, without their checksums, and how many lines are damaged."""
    file = run / METRICS
    lines = file.read_bytes().splitlines() if file.exists() else []
    rows = [row for row in map(_row, lines) if row is not None]
    return rows, len(lines) - len(rows)


def _read_object(file: Path, why: str) -> dict[str, Any]:
    if not file.is_file():
        raise RunFolderError(f"{file}: no {file.name}, {why}")
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise RunFolderError(f"{file}: damaged, not JSON ({error}), {why}") from None
    if not isinstance(value, dict):
        raise RunFolderError(f"{file}: damaged, no JSON object, {why}")
    return value


def _line(row: dict[str, Any]) -> str:
    """A row with its checksum, the CRC-32 of the row without it."""
    text = json.dumps(row)
    return json.dumps({**row, "crc": zlib.crc32(text.encode())}) + "\n"


def _row(line: bytes) -> dict[str, Any] | None:
    """The row of a line; None where it is damaged or was cut."""
    try:
        row = json.loads(line)
        crc = row.pop("crc", None)
        whole = crc in (None, zlib.crc32(json.dumps(row).encode())) and isinstance(row["kind"], str)
        whole = whole and isinstance(row["frame"], int)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return None
    return row if whole else None


def _refuse_other_settings(out: Path, stored: dict[str, Any], settings: dict[str, Any]) -> None:
    before, now = _flat(stored), _flat(settings)
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            raise RunFolderError(
                f"{out} was started with {key} = {json.dumps(before.get(key))}, not {json.dumps(now.get(key))}; "
                "use the same settings, or name another --out"
            )


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names, as the command line has them; the sizes without their own name."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        name = prefix if key == "sizes" and not prefix else f"{prefix}{key}"
        flat |= _flat(value, f"{name}." if name else "") if isinstance(value, dict) else {name: value}
    return flat
