"""Attribution of the models in a Scene, written with every picture and export of it."""

from __future__ import annotations

from pathlib import Path

from ..scene import Scene

FILE = "ATTRIBUTION.txt"
_HEAD = (
    "Furniture models in this data come from the Sweet Home 3D libraries. They were scaled, and their textures made\n"
    "smaller. Creators and licences, as the libraries' catalogues have them:\n\n"
)


def write_credits(scene: Scene, folder: Path) -> Path | None:
    """Write ATTRIBUTION.txt into a folder, or append to it; None if the Scene needs no attribution."""
    if not scene.credits:
        return None
    file = folder / FILE
    known = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    lines = sorted({*scene.credits, *(line[2:] for line in known if line.startswith("- "))})
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(_HEAD + "".join(f"- {line}\n" for line in lines), encoding="utf-8")
    return file
