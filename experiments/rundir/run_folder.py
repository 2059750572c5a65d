"""The folder of one run: what it was asked (config.json), what it measured (metrics.jsonl, TensorBoard, where asked
Weights & Biases), and whether it may go on.

Nothing is written before the house and the settings are known to be good, and no run writes over another's folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tensorboard.summary import Writer

from ...core.errors import UserError
from ...core.storage import write_json
from .wandb_curves import WandbCurves


class RunFolderError(UserError):
    """The output folder cannot be used as asked."""


class RunFolder:
    """Opens `out` for a new run, or for going on with the same one; its curves go to a project of Weights & Biases too
    where `wandb` names one.

    Raises RunFolderError where the folder holds another run, or anything that is not a run; where `resume` is False and
    it holds this run; and where `resume` is True and it was started with other settings.
    """

    def __init__(self, out: Path, config: dict[str, Any], resume: bool, wandb: str | None = None) -> None:
        self.path = out
        config = json.loads(json.dumps(config))
        stored_file = out / "config.json"
        if stored_file.exists():
            if not resume:
                raise RunFolderError(f"{out} holds another run; add --resume to go on with it, or name another --out")
            _refuse_other_settings(out, _read_json(stored_file), config)
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise RunFolderError(f"{out} exists and is not a run of testspace; name an empty or new folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        write_json(stored_file, config)
        self.rows = _read_rows(out / "metrics.jsonl")
        self._curves: list[Writer | WandbCurves] = [Writer(str(out / "tensorboard"))]
        if wandb is not None:
            self._curves.append(WandbCurves(wandb, out, config))

    def log(self, kind: str, frame: int, **values: Any) -> None:
        """Append one row to metrics.jsonl, and its numbers to the curves, at this frame of the agent's life."""
        row = {"kind": kind, "frame": frame, **values}
        with (self.path / "metrics.jsonl").open("a") as out:
            out.write(json.dumps(row) + "\n")
        self.rows.append(row)
        prefix = f"{kind}/{values['method']}" if "method" in values else kind
        for curves in self._curves:
            for name, value in values.items():
                if isinstance(value, int | float):
                    curves.add_scalar(f"{prefix}/{name}", value, frame)
            curves.flush()

    def logged(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """Rows of this kind whose fields equal `match`, oldest first."""
        return [row for row in self.rows if row["kind"] == kind and all(row.get(k) == v for k, v in match.items())]

    def close(self) -> None:
        """Finish the curves."""
        for curves in self._curves:
            curves.close()


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{file}: not JSON ({error}); remove the folder or name another --out") from None


def _refuse_other_settings(out: Path, stored: Any, asked: dict[str, Any]) -> None:
    if not isinstance(stored, dict):
        raise RunFolderError(f"{out / 'config.json'}: not a run's settings; name another --out")
    for key in sorted(stored.keys() | asked.keys()):
        if stored.get(key) != asked.get(key):
            raise RunFolderError(
                f"{out} was started with {key} = {json.dumps(stored.get(key))}, not {json.dumps(asked.get(key))}; "
                "ask for the same, or name another --out"
            )


def _read_rows(file: Path) -> list[dict[str, Any]]:
    """Rows of metrics.jsonl; a last line that a crash cut off is dropped from the file too."""
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
