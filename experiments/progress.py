"""Progress of what takes longer than a moment: a bar with an estimate on a terminal, now and then a line elsewhere.

    with Progress("transfer set") as bar:
        build(..., progress=bar.update)  # calls update(done, total)

All of it goes to stderr; a stage that is over within five seconds leaves no line where stderr is not a terminal.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rich import progress as bars
from rich.console import Console

QUIET_SECONDS = 5.0
"""Stages shorter than this are not worth a line."""
LINE_SECONDS = 10.0
"""Time between two lines of one stage."""


class Progress:
    """One named stage, shown while it lasts. `total` may be named here or with each update; None: not known yet."""

    def __init__(self, name: str, total: int | None = None, stream: TextIO | None = None) -> None:
        self.name, self.total = name, total
        self._stream = stream or sys.stderr
        self._bar: bars.Progress | None = None
        if self._stream.isatty():
            self._bar = bars.Progress(
                bars.TextColumn("{task.description:<24}"),
                bars.BarColumn(bar_width=28),
                bars.MofNCompleteColumn(),
                bars.TimeElapsedColumn(),
                bars.TextColumn("left"),
                bars.TimeRemainingColumn(),
                bars.TextColumn("{task.fields[note]}"),
                console=Console(file=self._stream),
            )
        self._begun = self._spoken = 0.0
        self._first: tuple[float, int] | None = None
        self._lines = 0

    def __enter__(self) -> Self:
        self._begun = self._spoken = time.monotonic()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self.name, total=self.total, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            return
        seconds = time.monotonic() - self._begun
        if error is None and (self._lines or seconds >= QUIET_SECONDS):
            self._say(f"done in {_clock(seconds)}")

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say that `done` units of `total` are done, and in a few words what stands out (a loss, a coverage)."""
        self.total = self.total if total is None else total
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=self.total, note=note)
            return
        now = time.monotonic()
        if self._first is None:
            self._first = (now, done)  # the estimate counts from here: a resumed stage is judged by its own pace
        if now - self._spoken < LINE_SECONDS:
            return
        self._spoken = now
        text = f"{done}" if self.total is None else f"{done}/{self.total}"
        text += f", {_clock(now - self._begun)}"
        since, already = self._first
        if self.total is not None and done > already:
            text += f", about {_clock((now - since) * (self.total - done) / (done - already))} left"
        self._say(f"{text}, {note}" if note else text)

    def _say(self, text: str) -> None:
        self._lines += 1
        print(f"{self.name}: {text}", file=self._stream, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
