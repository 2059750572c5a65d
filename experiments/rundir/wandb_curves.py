"""The curves of a run in Weights & Biases (extra `wandb`), beside TensorBoard's: the same numbers by the same names.

WANDB_MODE=offline needs no account and keeps them in the run's folder, under wandb/; `wandb sync` sends them later.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from ...core.errors import UserError


class WandbError(UserError):
    """Weights & Biases cannot be used as asked."""


def check_wandb() -> None:
    """WandbError where the package is missing, or where there is neither an account nor WANDB_MODE=offline."""
    wandb = _wandb()
    if wandb.setup().settings.mode != "online":
        return
    try:
        known = wandb.login()
    except wandb.Error:  # nobody at the terminal who could be asked
        known = False
    if not known:
        raise WandbError("--wandb: no account is logged in; call `wandb login`, or set WANDB_MODE=offline")


class WandbCurves:
    """Takes numbers as TensorBoard's writer does; those between two calls of `flush` are one row of the run's history.

    The run has the name of the folder `out`. A later session in the same folder goes on with the same run: its id is
    in wandb/id.txt. Raises WandbError where the server cannot be reached.
    """

    def __init__(self, project: str, out: Path, config: dict[str, Any]) -> None:
        wandb = _wandb()
        stored = out / "wandb" / "id.txt"
        if not stored.exists():
            stored.parent.mkdir(parents=True, exist_ok=True)
            stored.write_text(secrets.token_hex(4))
        # Curves and what was asked, nothing else: no console, no code, no list of what is installed or running.
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
        """One number at this frame of the agent's life."""
        self._row |= {name: value, "frame": step}

    def flush(self) -> None:
        """Hand on what was added."""
        if self._row:
            self._run.log(self._row)
            self._row = {}

    def close(self) -> None:
        """Wait until all is sent, or stored."""
        self._run.finish()


def _wandb() -> Any:
    try:
        import wandb
    except ImportError:
        raise WandbError("--wandb needs Weights & Biases: pip install 'testspace[wandb]'") from None
    return wandb
