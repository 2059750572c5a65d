"""A house, a Replica folder or a mesh for other programs: as one GLB file, or as labelled views in COCO's format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...core.errors import UserError
from ...core.progress import Progress
from ...envs.meshes.write import write_glb
from ...envs.packs.credits import write_credits
from .coco import write_coco
from .find_scene import find_scene, same_file
from .render import camera, read_size


@dataclass(frozen=True)
class ExportConfig:
    """What to write, and where."""

    glb: Path | None = None
    """File to write, ending in .glb."""
    coco: Path | None = None
    """Folder to write labelled views into."""
    house: str | None = None
    """House file, Replica folder or mesh; None for a generated house."""
    seed: int = 0
    """Number of the generated house."""
    up: Literal["y", "z"] | None = None
    """Axis of a mesh file that points up; None for its format's own."""
    scale: float = 1.0
    """Metres of one unit of a mesh file."""
    assets: str | None = None
    """Furniture pack in place of the built-in shapes."""
    views: int = 100
    """Labelled views to write."""
    size: str = "640x480"
    """Pixels of a view, WIDTHxHEIGHT."""


def export_scene(config: ExportConfig) -> list[str]:
    """Write what is asked for, and beside it ATTRIBUTION.txt where models of others are in it; returns what to tell, in
    lines: what was written, then the attribution and what was left out of a mesh."""
    if config.glb is None and config.coco is None:
        raise UserError("nothing to write: name --glb FILE, --coco FOLDER, or both")
    if config.glb is not None and config.glb.suffix.lower() != ".glb":
        raise UserError(f"{config.glb}: the name of the file to write must end in .glb")
    if config.glb is not None and same_file(config.glb, config.house):
        raise UserError(f"{config.glb} is the mesh that is read; give --glb another name")
    seen = camera(*read_size(config.size))
    scene, left_out = find_scene(config.house, config.seed, up=config.up, scale=config.scale, assets=config.assets)
    told, folders = [], []
    if config.glb is not None:
        write_glb(scene, config.glb)
        told.append(f"{config.glb}: {len(scene.instances) - 1} things, {len(scene.faces)} triangles")
        folders.append(config.glb.parent)
    if config.coco is not None:
        with Progress() as progress, progress.stage("views") as advance:
            counts = write_coco(scene, config.coco, config.views, seen, config.seed, advance)
        told.append(f"{config.coco}: {counts['images']} images, {counts['annotations']} annotations (annotations.json)")
        folders.append(config.coco)
    for folder in folders:
        credits = write_credits(scene, folder)
        if credits is not None:
            told.append(f"{credits}: creators and licences of its models; hand it on with the file")
    return [*told, *left_out]
