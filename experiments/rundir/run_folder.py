"""The folder of a run: settings (config.json), measurements (metrics.jsonl, TensorBoard, optionally Weights & Biases),
and checks on resuming.

Nothing is written before house and settings are validated, and no run overwrites another.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from ...core.errors import UserError
from ...core.storage import write_json
from .wandb_curves import WandbCurves


class RunFolderError(UserError):
    """The output folder cannot be used."""


class RunFolder:
    """Opens `out` for a new run or to resume one; `wandb`: project of Weights & Biases to log to as well.

    RunFolderError if the folder holds another run or something else, if it holds this run and `resume` is False, or if
    the run was started with other settings.
    """

    def __init__(self, out: Path, config: dict[str, Any], resume: bool, wandb: str | None = None) -> None:
        self.path = out
        config = json.loads(json.dumps(config))
        stored_file = out / "config.json"
        if stored_file.exists():
            if not resume:
                raise RunFolderError(f"{out} holds another run; add --resume to continue it, or choose another --out")
            _refuse_other_settings(out, _read_json(stored_file), config)
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RunFolderError(f"{out} exists and is not a run of testspace; name an empty or new folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        write_json(stored_file, config)
        self.rows = _read_rows(out / "metrics.jsonl")
        self._curves: list[SummaryWriter | WandbCurves] = [SummaryWriter(str(out / "tensorboard"))]
        if wandb is not None:
            self._curves.append(WandbCurves(wandb, out, config))

    def log(self, kind: str, frame: int, **values: Any) -> None:
        """Append one row to metrics.jsonl, and its numbers to the curves, at this frame of the episode."""
        row = {"kind": kind, "frame": frame, **values}
        with (self.path / "metrics.jsonl").open("a") as out:
            out.write(json.dumps(row) + "\n")
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

    def logged(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """Rows of this kind whose fields equal `match`, oldest first."""
        return [row for row in self.rows if row["kind"] == kind and all(row.get(k) == v for k, v in match.items())]

    def close(self) -> None:
        """Flush and close all logs."""
        for curves in self._curves:
            curves.close()


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{file}: not JSON ({error}); remove the folder or name another --out") from None


def _refuse_other_settings(out: Path, stored: Any, settings: dict[str, Any]) -> None:
    if not isinstance(stored, dict):
        raise RunFolderError(f"{out / 'config.json'}: not a run's settings; name another --out")
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


def _read_rows(file: Path) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl; an incomplete last line is removed from the file."""
    if not file.exists():
        return []
    rows, whole = [], 0
    data = file.read_bytes()
    for line in data.splitlines(keepends=True):
        try:
            row = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            row = None
        if not isinstance(row, dict):
            break
        rows.append(row)
        whole += len(line)
    if whole < len(data):
        os.truncate(file, whole)
    return rows
