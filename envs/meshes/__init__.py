"""Meshes in and out: Replica folders, GLB, OBJ and PLY files as Scenes, and Scenes as GLB files.

Public: `is_mesh`, `load_mesh`, `MESHES`, `MeshError`, `MeshWarning`, `write.write_glb`.
"""

from .mesh_errors import MeshError, MeshWarning
from .mesh_files import MESHES, is_mesh, load_mesh

__all__ = ["MESHES", "MeshError", "MeshWarning", "is_mesh", "load_mesh"]
