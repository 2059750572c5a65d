"""`testspace export`: a house or mesh as one GLB file, or as labelled views in COCO's format."""

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
    """Options of `testspace export`."""

    glb: Path | None = None
    """File to write, ending in .glb."""
    coco: Path | None = None
    """Folder to write labelled views into."""
    house: str | None = None
    """House file, Replica folder or mesh; None for a generated house."""
    seed: int = 0
    """Seed of the generated house."""
    up: Literal["y", "z", "-y"] | None = None
    """Axis of a mesh file that points up; None for the default of its format."""
    scale: float = 1.0
    """Metres of one unit of a mesh file."""
    assets: str | None = None
    """Furniture pack that replaces the built-in shapes."""
    views: int = 100
    """Labelled views to write."""
    size: str = "640x480"
    """Pixels of a view, WIDTHxHEIGHT."""


def export_scene(config: ExportConfig) -> list[str]:
    """Write the requested files, with ATTRIBUTION.txt if they contain third-party models; returns the report as lines:
    files, attribution, and warnings about the mesh."""
    if config.glb is None and config.coco is None:
        raise UserError("nothing to write: name --glb FILE, --coco FOLDER, or both")
    if config.glb is not None and config.glb.suffix.lower() != ".glb":
        raise UserError(f"{config.glb}: the name of the file to write must end in .glb")
    if config.glb is not None and same_file(config.glb, config.house):
        raise UserError(f"{config.glb} is the input mesh; choose another name for --glb")
    view_camera = camera(*read_size(config.size))
    scene, skipped = find_scene(config.house, config.seed, up=config.up, scale=config.scale, assets=config.assets)
    report, folders = [], []
    if config.glb is not None:
        write_glb(scene, config.glb)
        report.append(f"{config.glb}: {len(scene.instances) - 1} things, {len(scene.faces)} triangles")
        folders.append(config.glb.parent)
    if config.coco is not None:
        with Progress() as progress, progress.stage("views") as advance:
            counts = write_coco(scene, config.coco, config.views, view_camera, config.seed, advance)
        images, annotations = counts["images"], counts["annotations"]
        report.append(f"{config.coco}: {images} images, {annotations} annotations (annotations.json)")
        folders.append(config.coco)
    for folder in folders:
        credits = write_credits(scene, folder)
        if credits is not None:
            report.append(f"{credits}: creators and licences of its models; distribute it with the file")
    return [*report, *skipped]
