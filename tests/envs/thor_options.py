"""How the unmodified Controller of `ai2thor` is made to start the stand-in in the place of Unity."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

from testspace.envs.thor import thor_places


def stand_in(folder: Path) -> dict[str, Any]:
    """Options of a Controller that starts the stand-in, with its own home, so that nothing of the user's is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "unity"
    script, package = Path(__file__).with_name("thor_stand_in.py"), Path(thor_places.__file__).parents[3]
    told = f'TESTSPACE_STAND_IN="{folder}" PYTHONPATH="{package}:$PYTHONPATH"'
    file.write_text(f'#!/bin/sh\n{told} exec "{sys.executable}" "{script}" "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IEXEC)
    return {"local_executable_path": str(file), "server_timeout": 120.0}
