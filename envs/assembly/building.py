"""Builds the Scene of a House, or of a reference to a house or a mesh."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..floor_level import on_floor
from ..generator import generate_house
from ..house.house import House
from ..house.house_io import load_house
from ..meshes import MeshError, MeshWarning, is_mesh, load_mesh
from ..packs.pack import FurniturePack
from ..scene import Scene
from .assemble import assemble
from .pack_furniture import assemble_with_pack

if TYPE_CHECKING:
    from ..meshes.parts import Up


def build_scene(house: House, pack: FurniturePack | None = None, variant: int = 0) -> Scene:
    """The triangles of a house: the same house always gives the same arrays, in any process.

    With a pack (`envs.packs.pack.open_pack`), its models replace the furniture, in the same boxes; all else is the
    same. variant: another number gives our furniture other shapes and looks, in the same boxes, for training data; what
    lies on it may then hover or sink in by some centimetres. Raises `SceneError` where the house cannot be drawn.
    """
    return assemble(house, variant) if pack is None else assemble_with_pack(house, pack)


def load_scene(
    ref: Scene | House | Path | str | int, up: Up | None = None, scale: float = 1.0, storey: int = 0
) -> Scene:
    """Load the Scene of a reference.

    ref: a Replica folder; a .glb, .gltf, .obj or .ply file; "FILE.json", "FILE.jsonl[.gz][:LINE]" with a ProcTHOR
    house; the seed of a generated house; a House; or a Scene, which is returned. up: "y", "z" or "-y", the axis of a
    mesh file that points up; by default y in .glb, .gltf and .obj, z in .ply and Replica folders. scale: metres of one
    unit of a mesh file. storey: the one of a mesh that the agent walks on, 0 for the lowest; the mesh is moved so that
    its floor is at y = 0 (`floor_level.on_floor`), and a warning (MeshWarning) names the storeys if there are several.
    Raises MeshError or HouseError of one line; warns (MeshWarning) with counts of ignored elements.
    """
    if isinstance(ref, Scene):
        return ref
    if isinstance(ref, House):
        return build_scene(ref)
    if isinstance(ref, (int, np.integer)):
        return build_scene(generate_house(int(ref)))
    if is_mesh(ref):
        scene, storeys = on_floor(replace(load_mesh(Path(ref), up, scale), storey=storey))
        storeys_text = (
            f"{max(1, len(storeys))} storeys (floors at {', '.join(f'{height:.1f}' for height in storeys)} m)"
        )
        if not 0 <= storey < max(1, len(storeys)):
            raise MeshError(str(ref), "", f"it has no storey {storey}: it has {storeys_text}, counted from 0")
        if len(storeys) > 1:
            message = f"{ref}: {storeys_text}: the agent walks on storey {storey}, counted from 0 (--storey)"
            warnings.warn(message, MeshWarning, stacklevel=2)
        return scene
    return build_scene(load_house(ref))
