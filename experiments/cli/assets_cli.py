"""`testspace assets`: optional furniture packs."""

from __future__ import annotations

from pathlib import Path

from ...envs.packs.install import install, installed, remove
from ...envs.packs.library import Library, PackError
from ...envs.packs.pack import NAMES


def install_assets(source: Path | None) -> str:
    """Install the furniture pack; returns a report."""
    return f"installed {NAMES[0]}; used only with --assets {NAMES[0]}\n" + _table(install(source))


def list_assets() -> str:
    """List the installed pack."""
    found = installed()
    return f"{NAMES[0]}\n" + _table(found) if found else "nothing installed; run `testspace assets install`"


def remove_assets() -> str:
    """Remove the furniture pack."""
    if not remove():
        raise PackError(f"the furniture pack {NAMES[0]!r} is not installed")
    return f"removed {NAMES[0]}"


def _table(libraries: list[Library]) -> str:
    return "\n".join(f"  {each.path.stem:<16}{len(each.entries):>5} models   {each.licence}" for each in libraries)
