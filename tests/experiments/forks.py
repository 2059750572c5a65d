"""Processes that have nothing to import, since they are forked from a server that has imported it all.

Starting Python and importing torch and the rest takes six seconds of a core; a test that kills a run and resumes it
starts three processes.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([
    "testspace.tests.experiments.forked", "testspace.experiments.run.live_run", "torchrl.data", "torch._dynamo",
    "stable_baselines3", "sb3_contrib", "onnxruntime",  # of policies from files; not installed everywhere
])  # fmt: skip
"""FORKS.Process starts one; its target must be in a module of pytest's `pythonpath`."""
SMALL = (64, 2, 2)
"""Width, depth and heads of size nano in the fixture `small_networks`."""


class Testspace:
    """A running command, as `python -m testspace` runs it; its standard error goes to a file."""

    __test__ = False

    def __init__(
        self,
        arguments: Sequence[str],
        errors: Path,
        environment: Mapping[str, str | None] | None = None,
        small: bool = False,
    ):
        """environment: variables to set, or, where None, to remove. small: with networks as of `small_networks`."""
        self._errors = errors
        self._process = FORKS.Process(target=_run, args=(list(arguments), errors, dict(environment or {}), small))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.join()

    def terminate(self) -> None:
        """Ask it to end, by SIGTERM."""
        self._process.terminate()

    def wait(self) -> tuple[int, str]:
        """Its exit status and standard error, once it has ended."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode, self._errors.read_text()


def shrink_networks() -> None:
    """What the fixture `small_networks` does, in a process of its own."""
    from testspace.learners.masked.encoder import SIZES, Size

    SIZES["nano"] = Size(*SMALL)


def _run(arguments: list[str], errors: Path, environment: dict[str, str | None], small: bool) -> None:
    if small:
        shrink_networks()
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    with errors.open("w") as file:
        os.dup2(file.fileno(), sys.stderr.fileno())
    with open(os.devnull, "w") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
    sys.argv = ["testspace", *arguments]
    runpy.run_module("testspace", run_name="__main__", alter_sys=True)
