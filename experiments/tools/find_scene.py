"""Resolves the options of a command to a scene: a house, changed and furnished, or a mesh."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from ...core.errors import UserError
from ...envs.assembly.building import build_scene, load_scene
from ...envs.generator.house_reference import find_house
from ...envs.meshes import MeshWarning, is_mesh
from ...envs.packs.pack import open_pack
from ...envs.perturbations import perturb
from ...envs.scene import Scene


def find_scene(
    reference: str | None,
    seed: int,
    *,
    up: Literal["y", "z", "-y"] | None = None,
    scale: float = 1.0,
    change: str | None = None,
    assets: str | None = None,
) -> tuple[Scene, list[str]]:
    """The Scene, and warnings about its file, one line each.

    reference: a house file, Replica folder or mesh; None for the generated house of this seed. up, scale: of a mesh
    (`building.load_scene`). change: applied to a house with the same seed. assets: the furniture pack.
    Raises UserError and the errors of the readers.
    """
    if seed < 0:
        raise UserError(f"--seed must be 0 or more, got {seed}")
    if is_mesh(reference):
        for option, value in (("--change", change), ("--assets", assets)):
            if value:
                raise UserError(f"{option} is for houses: {reference} is a mesh, whose objects are fixed")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", MeshWarning)
            scene = load_scene(str(reference), up, scale)
        return scene, [str(one.message) for one in caught if issubclass(one.category, MeshWarning)]
    if up is not None or scale != 1.0:
        raise UserError("--up and --scale are for meshes: a house file is y-up and in metres")
    pack = open_pack(assets) if assets else None
    house = find_house(str(seed) if reference is None else reference)
    if change:
        house = perturb(house, change, seed)[0]
    return build_scene(house, pack), []


def same_file(a: Path, b: str | None) -> bool:
    """Whether both paths exist and are the same file."""
    return b is not None and a.exists() and Path(b).exists() and a.samefile(b)
