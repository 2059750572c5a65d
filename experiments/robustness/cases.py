"""One case of many: a call in a process of its own, with a limit of time and of memory.

The process is forked, so that nothing has to be imported again; start with everything imported and one thread.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from ...core.children import end_with_parent

Main = Callable[[list[str]], object]
"""The command line: takes its words, and ends with SystemExit."""
GIGABYTE = 2**30
Kind = Literal["whole", "refused", "TRACEBACK", "CRASH", "HANG", "MEMORY"]
"""whole: it worked; refused: one line, exit status 2. The others are faults."""
_PAUSE = 0.005


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    kind: Kind
    text: str
    """The end of what was printed on stderr."""

    @property
    def fault(self) -> bool:
        """Whether this must not be."""
        return self.kind not in ("whole", "refused")


def run_case(call: Callable[[], object], seconds: float = 10.0, memory: int | None = GIGABYTE) -> Outcome:
    """Make the call in a forked process, and say what came of it.

    `seconds` are of the processor. `memory`: bytes that it may take beyond what this process has; None for no limit.
    """
    with TemporaryDirectory() as folder:
        errors = Path(folder) / "stderr"
        parent = os.getpid()
        child = os.fork()
        if child == 0:
            _child(call, errors, parent, seconds, memory)
        status = _wait(child, time.monotonic() + 20 * seconds)
        text = errors.read_text(errors="replace") if errors.exists() else ""
    return Outcome(_kind(status, text), text[-2000:])


def run_quietly(call: Callable[[], object], errors: Path) -> int:
    """Make the call in a forked process without limits, its stderr in a file; returns the process id."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        errors.unlink(missing_ok=True)
        _child(call, errors, parent, None, None)
    return child


def _child(call: Callable[[], object], errors: Path, parent: int, seconds: float | None, memory: int | None) -> None:
    status = 1
    try:
        end_with_parent(parent)
        faulthandler.disable()
        warnings.simplefilter("default")  # a warning is no fault
        descriptor = os.open(errors, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.stderr, sys.stdout = os.fdopen(2, "w", buffering=1), os.fdopen(1, "w")
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory is not None:
            with open("/proc/self/statm") as pages:
                now = int(pages.read().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + memory, now + memory))
        call()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(status)


def _wait(child: int, deadline: float) -> int | None:
    """The exit status as os.waitpid gives it; None where the deadline passed."""
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(_PAUSE)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _kind(status: int | None, text: str) -> Kind:
    if status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
        return "HANG"
    if os.WIFSIGNALED(status):
        return "CRASH"
    if "MemoryError" in text or "bad_alloc" in text or "can't allocate memory" in text:
        return "MEMORY"
    if "Traceback" in text or os.WEXITSTATUS(status) not in (0, 1, 2, 130):
        return "TRACEBACK"
    return "whole" if os.WEXITSTATUS(status) == 0 else "refused"
