"""Scenes by name, as habitat-sim opens them: a file with its up axis, a Replica folder, a scene of a data set.

habitat-sim takes the axes of a bare mesh from its ending (.glb is z-up, as in Matterport3D; all others are y-up), with
no error where that is wrong. So it is given a stage configuration that names the axes. By that it turns only files that
have nodes, not .ply and .obj (its loader returns before it does), so these are written anew as a y-up .glb.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..meshes import load_mesh
from ..meshes.parts import Up
from ..meshes.write import write_glb
from .habitat_errors import HabitatError

_UPRIGHT: dict[str, Any] = {"up": [0, 1, 0], "front": [0, 0, -1]}
_SCANS = (".house", ".scn", ".navmesh")
_STAGE = ".stage_config.json"
_SCENE = ".scene_instance.json"
_LISTED = 8  # names in an error message


@dataclass(frozen=True)
class HabitatScene:
    """What habitat-sim is to open."""

    name: str
    """A file; or the name of a scene in `data_set`."""
    data_set: str | None = None
    """Configuration file of its data set."""
    stage: dict[str, Any] | None = None
    """The stage configuration to open in place of the file `name`; None where habitat-sim reads the file rightly."""
    turned: tuple[str, Up] | None = None
    """The mesh file to write anew as the stage's y-up .glb, and its axis that points up."""


def find_scene(place: str, up: Up | None = None) -> HabitatScene:
    """The scene of a reference: a mesh file, a stage configuration, a Replica folder, or CONFIG.json:SCENE.

    up: the axis of a mesh file that points up. By default z in .ply files and Replica folders, and in .glb files of a
    scan in habitat's own layout (Matterport3D, Gibson, HM3D): those that end in .basis.glb, or beside which lies a
    file of the same name that ends in .house, .scn or .navmesh; y in all others. HabitatError if there is no such file.
    """
    config, colon, name = place.rpartition(":")
    if colon and config.endswith(".json"):
        if not Path(config).is_file():
            raise HabitatError(f"{config}: there is no such data set configuration")
        if up is not None:
            raise HabitatError(f"{place}: its data set says which axis points up; leave out --up")
        return HabitatScene(name, config)
    path = Path(place)
    if path.is_dir():
        return _replica(path, up)
    if not path.is_file():
        raise HabitatError(f"{place}: there is no such scene; name a .glb or .ply file, a Replica folder, or"
                           " CONFIG.scene_dataset_config.json:SCENE")  # fmt: skip
    if path.name.endswith(_STAGE):
        if up is not None:
            raise HabitatError(f"{place}: a stage configuration says itself which axis points up; leave out --up")
        return HabitatScene(place)
    if path.suffix == ".glb" and (up or ("z" if _is_scan(path) else "y")) == "z":
        return HabitatScene(place)  # as it is: then habitat-sim finds the files of its labels, too
    axis: Up = up or ("z" if path.suffix == ".ply" else "y")
    if axis == "y":
        return HabitatScene(place, stage={"render_asset": str(path.resolve()), **_UPRIGHT})
    return HabitatScene(place, stage=_UPRIGHT, turned=(place, axis))


def _is_scan(path: Path) -> bool:
    return path.name.endswith(".basis.glb") or any(path.with_suffix(ending).is_file() for ending in _SCANS)


def _replica(folder: Path, up: Up | None) -> HabitatScene:
    if up not in (None, "z"):
        raise HabitatError(f"{folder}: Replica folders are z-up; leave out --up")
    labelled, described = folder / "habitat/mesh_semantic.ply", folder / "habitat/info_semantic.json"
    drawn = folder / "mesh.ply" if (folder / "mesh.ply").is_file() else labelled
    if not drawn.is_file():
        raise HabitatError(f"{folder}: not a Replica folder (no mesh.ply); name a scene's file, or CONFIG.json:SCENE")
    stage = dict(_UPRIGHT)
    if labelled.is_file() and described.is_file():
        stage |= {
            "semantic_asset": str(labelled.resolve()),  # habitat-sim takes every .ply of labels for z-up
            "semantic_descriptor_filename": str(described.resolve()),
        }  # fmt: skip
    return HabitatScene(str(folder), stage=stage, turned=(str(drawn), "z"))


@contextmanager
def scene_file(scene: HabitatScene) -> Iterator[str]:
    """The file of a scene outside a data set that habitat-sim is to open, for as long as it takes to open it. MeshError
    where a mesh that has to be turned cannot be read."""
    if scene.stage is None:
        yield scene.name
        return
    with TemporaryDirectory(prefix="testspace-") as folder:
        file, stage = Path(folder) / f"{Path(scene.name).stem}{_STAGE}", dict(scene.stage)
        if scene.turned is not None:
            mesh, up = scene.turned
            stage["render_asset"] = str(Path(folder) / "turned.glb")
            write_glb(load_mesh(Path(mesh), up), Path(folder) / "turned.glb")
        file.write_text(json.dumps(stage))
        yield str(file)


def handle_in(mediator: Any, name: str, config: str) -> str:
    """habitat-sim's handle of the scene with a name in an open data set (`MetadataMediator`).

    habitat-sim takes the first scene that has the name as a part of its own, and apt_1 is a part of apt_10; here the
    whole name counts, or else a part that one scene only has. HabitatError if no scene or several have it.
    """
    scenes = list(mediator.get_scene_handles())
    stages = [str(handle) for handle in mediator.stage_template_manager.get_template_handles() if handle != "NONE"]
    for handles in (scenes, stages):
        same = [handle for handle in handles if name in (handle, _plain(handle))]
        alike = same or [handle for handle in handles if name and name.lower() in _plain(handle).lower()]
        if len(alike) == 1:
            return str(alike[0])
        if alike:
            raise HabitatError(f"{config}:{name}: {len(alike)} of its scenes are called so ({_list(alike)}); name one")
    raise HabitatError(f"{config}:{name}: it has no such scene; it has {_list(scenes or stages)}")


def missing_without_bullet(handle: str) -> str | None:
    """What of a scene habitat-sim leaves out where it was built without Bullet, in one line; None for nothing."""
    file = Path(handle)
    if not (file.name.endswith(_SCENE) and file.is_file()):
        return None
    count = len(json.loads(file.read_text()).get("articulated_object_instances", []))
    if not count:
        return None
    return (f"{count} pieces of furniture with doors or drawers are missing in {_plain(handle)}: this habitat-sim was"
            " built without Bullet")  # fmt: skip


def _plain(handle: str) -> str:
    """A handle without its folder and ending: what a user calls the scene."""
    return Path(handle).name.removesuffix(_SCENE).removesuffix(_STAGE)


def _list(handles: list[str]) -> str:
    names = sorted(_plain(handle) for handle in handles)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
