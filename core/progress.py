"""Progress of long stages: a bar with an estimate on a terminal, a line every few seconds elsewhere.

    with Progress() as progress:
        with progress.stage("transfer set") as advance:
            build(..., progress=advance)  # calls advance(done, total)

Everything goes to stderr; where that is not a terminal, stages shorter than five seconds print nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich import progress as bars
from rich.console import Console

QUIET_SECONDS = 5.0
"""Stages shorter than this print no line."""
LINE_SECONDS = 10.0
"""Time between two lines of one stage."""


class Advance(Protocol):
    """Callback that reports progress: `done` of `total` units, and a short note (a loss, a coverage)."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report progress; may be called at any rate."""


class Progress:
    """Shows named stages, one at a time or nested."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._bars: bars.Progress | None = None
        if self._stream.isatty():
            self._bars = bars.Progress(
                bars.TextColumn("{task.description:<22}"),
                bars.BarColumn(bar_width=30),
                bars.MofNCompleteColumn(),
                bars.TimeElapsedColumn(),
                bars.TextColumn("left"),
                bars.TimeRemainingColumn(elapsed_when_finished=True),
                bars.TextColumn("{task.fields[note]}"),
                console=Console(file=self._stream),
            )

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[Advance]:
        """One named stage; yields the callback that reports its progress."""
        if self._bars is None:
            lines = _Lines(name, self._stream)
            yield lines
            lines.close()
        else:
            bars_shown, task = self._bars, self._bars.add_task(name, total=None, note="")

            def advance(done: int, total: int, note: str = "") -> None:
                bars_shown.update(task, completed=done, total=total, note=note)

            yield advance
            bars_shown.stop_task(task)


class _Lines:
    """A stage reported in lines. The estimate counts from the first call, so that a resumed stage goes by its own
    pace."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name, self.stream = name, stream
        self.begun = self.spoken = time.monotonic()
        self.first: tuple[float, int] | None = None
        self.lines = 0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        now = time.monotonic()
        if self.first is None:
            self.first = (now, done)
        if now - self.spoken < LINE_SECONDS:
            return
        self.spoken = now
        since, already = self.first
        left = f", about {_clock((now - since) * (total - done) / (done - already))} left" if done > already else ""
        self._say(f"{done}/{total}, {_clock(now - self.begun)}{left}{f', {note}' if note else ''}")

    def close(self) -> None:
        seconds = time.monotonic() - self.begun
        if self.lines or seconds >= QUIET_SECONDS:
            self._say(f"done in {_clock(seconds)}")

    def _say(self, text: str) -> None:
        self.lines += 1
        print(f"{self.name}: {text}", file=self.stream, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
