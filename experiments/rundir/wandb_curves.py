"""The curves of a run in Weights & Biases (extra `wandb`), in addition to TensorBoard, with the same names.

WANDB_MODE=offline needs no account and writes to wandb/ in the run's folder; `wandb sync` uploads it later.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from ...core.errors import UserError


class WandbError(UserError):
    """Weights & Biases cannot be used."""


def check_wandb() -> None:
    """WandbError if the package is missing, or without an account and WANDB_MODE=offline."""
    wandb = _wandb()
    if wandb.setup().settings.mode != "online":
        return
    try:
        known = wandb.login()
    except wandb.Error:  # no terminal to prompt
        known = False
    if not known:
        raise WandbError("--wandb: no account is logged in; call `wandb login`, or set WANDB_MODE=offline")


class WandbCurves:
    """Has the interface of TensorBoard's writer; values between two calls of `flush` form one row of the run's history.

    The run is named after the folder `out`. A later session in the same folder continues it: its id is in
    wandb/id.txt. WandbError if the server cannot be reached.
    """

    def __init__(self, project: str, out: Path, config: dict[str, Any]) -> None:
        wandb = _wandb()
        stored = out / "wandb" / "id.txt"
        if not stored.exists():
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(secrets.token_hex(4))
        # Upload curves and settings only: no console, code, requirements or system statistics.
        settings = wandb.Settings(
            console="off", disable_code=True, disable_git=True, x_disable_stats=True, x_disable_meta=True,
            x_save_requirements=False,
        )  # fmt: skip
        try:
            self._run = wandb.init(
                project=project, name=out.resolve().name, id=stored.read_text(), resume="allow", dir=str(out),
                config=config, settings=settings,
            )  # fmt: skip
        except wandb.Error as error:
            raise WandbError(
                f"--wandb {project}: {error}; try again with --resume, with WANDB_MODE=offline, or without --wandb"
            ) from None
        self._run.define_metric("*", step_metric="frame")
        self._row: dict[str, float] = {}

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """One number at this frame of the episode."""
        self._row |= {name: value, "frame": step}

    def flush(self) -> None:
        """Log the values added since the last call."""
        if self._row:
            self._run.log(self._row)
            self._row = {}

    def close(self) -> None:
        """Wait until everything is uploaded or stored."""
        self._run.finish()


def _wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise WandbError("--wandb needs Weights & Biases: pip install 'testspace[wandb]'") from None
    return wandb
