"""Files of a run for its report: damaged ones are left out, and named on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.storage import DamagedError, read_arrays

T = TypeVar("T")


def read_report_arrays(file: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file of report_data; none where it is missing, or damaged, which a line on stderr says."""
    try:
        return read_arrays(file) if file.is_file() else {}
    except DamagedError as error:
        leave_out(str(error))
        return {}


def read_or(read: Callable[[Path], T], run: Path, otherwise: T) -> T:
    """What `read` reads of a run; where that is damaged, a line on stderr, and `otherwise`."""
    try:
        return read(run)
    except UserError as error:
        leave_out(str(error))
        return otherwise


def leave_out(what: str) -> None:
    """Say what the report does without."""
    print(f"left out of the report: {what}", file=sys.stderr, flush=True)
