"""Which files and folders are meshes, and the reader of each.

Readers are our own, on numpy: they keep labels that libraries drop, open only files in the mesh's
folder, and compare a header's claims with the size of the data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..scene import Scene
from .mesh_errors import MeshError

if TYPE_CHECKING:
    from .parts import Up

MESHES = (".glb", ".gltf", ".obj", ".ply")
"""Endings of the files that are read as meshes."""
_UNREAD = (
    ".3ds", ".abc", ".blend", ".bvh", ".dae", ".drc", ".e57", ".fbx", ".ifc", ".las", ".laz", ".max", ".mtl", ".off",
    ".pcd", ".pts", ".skp", ".splat", ".step", ".stl", ".stp", ".usd", ".usda", ".usdc", ".usdz", ".vrml", ".wrl",
    ".x3d", ".xyz",
)  # fmt: skip
"""Endings of other files of shapes."""
_OTHERS = {".zip": "unpack it first"} | dict.fromkeys(
    _UNREAD, "convert it to .glb, with Blender for example; .glb, .gltf, .obj and .ply are read"
)


def is_mesh(ref: object) -> bool:
    """Whether a reference is a mesh, a folder or an unsupported mesh file, and not a house."""
    if not isinstance(ref, (str, Path)):
        return False
    path = Path(ref)
    return path.suffix.lower() in (*MESHES, *_OTHERS) or path.is_dir()


def load_mesh(path: Path, up: Up | None = None, scale: float = 1.0) -> Scene:
    """The Scene of a mesh file or Replica folder; see `envs.assembly.building.load_scene`."""
    ending = path.suffix.lower()
    if path.is_dir():
        from .replica import load_replica

        if up not in (None, "z"):
            raise MeshError(path, "", "Replica folders are z-up")
        return load_replica(path, scale)
    if ending in _OTHERS:
        raise MeshError(path, "", f"{ending} files are not read: {_OTHERS[ending]}")
    if ending in (".glb", ".gltf"):
        from .glb import load_glb

        return load_glb(path, up or "y", scale)
    if ending == ".obj":
        from .obj import load_obj

        return load_obj(path, up or "y", scale)
    from .replica import load_ply

    return load_ply(path, up or "z", scale)
