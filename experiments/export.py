"""A house, a Replica folder or a mesh as one GLB file, for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..envs.meshes.write import write_glb
from ..envs.packs.credits import write_credits
from .errors import UserError
from .find_scene import find_scene, same_file


@dataclass(frozen=True)
class ExportConfig:
    """What to write, and where."""

    glb: Path
    """File to write, ending in .glb."""
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


def export_scene(config: ExportConfig) -> list[str]:
    """Write the file, and beside it ATTRIBUTION.txt where models of others are in it; returns what to tell: its content
    in one line, then a line each for the attribution and for what was left out of a mesh."""
    if config.glb.suffix.lower() != ".glb":
        raise UserError(f"{config.glb}: the name of the file to write must end in .glb")
    if same_file(config.glb, config.house):
        raise UserError(f"{config.glb} is the mesh that is read; give --glb another name")
    scene, left_out = find_scene(config.house, config.seed, up=config.up, scale=config.scale, assets=config.assets)
    write_glb(scene, config.glb)
    told = [f"{config.glb}: {len(scene.instances) - 1} things, {len(scene.faces)} triangles"]
    credits = write_credits(scene, config.glb.parent)
    if credits is not None:
        told.append(f"{credits}: creators and licences of its models; hand it on with the file")
    return [*told, *left_out]
