"""How habitat-sim finds a scene by its name, and which way up it takes its mesh: the double of its metadata.

By its sources (commit 57ee4941, and the same in 0.3.3): a bare file's axes follow from its ending, a configuration's
from its entries; scenes of a data set match by a part of their name, of which the first is taken.
"""

from __future__ import annotations

import json
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testspace.envs.meshes import load_mesh
from testspace.envs.meshes.parts import Up
from testspace.envs.scene import Scene

_MAGIC = {".glb": b"glTF", ".ply": b"ply"}
_STAGE_KEYS = {"render_asset", "up", "front", "semantic_descriptor_filename", "semantic_asset", "semantic_up",
               "semantic_front"}  # fmt: skip
IN_FILE: dict[Up, NDArray[np.float64]] = {
    "y": np.eye(3), "z": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), "-y": np.diag([1.0, -1, -1]),
}  # fmt: skip
"""From our axes to those of a file, by the axis of the file that points up."""


class Ended(BaseException):
    """habitat-sim ends the whole process with status 1: nothing can catch it, and so not as an Exception."""


class Vector3:
    """Magnum's: three floats by index or as an array, with no method of numpy's arrays."""

    def __init__(self, values: Any) -> None:
        self._values = tuple(float(np.float32(value)) for value in values)
        assert len(self._values) == 3

    def __getitem__(self, index: int) -> float:
        return self._values[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._values, dtype or np.float32)


@dataclass(frozen=True)
class OpenedStage:
    """A stage as habitat-sim loads it."""

    rotation: NDArray[np.float64] | None
    """(3, 3): from the file's axes to the world's; None for a scene of a data set, which is upright."""
    mesh: Path | None
    """Its mesh file."""
    described: bool | None
    """Whether it has a description of its semantics; None where it names none: then there is no semantic scene."""


def open_scene(mediator: Mediator, name: str) -> OpenedStage:
    """The stage of a scene; AssertionError with habitat's own words where there is none."""
    found = mediator.matches(mediator.scenes, name) or mediator.matches(mediator.stages, name)
    if found:
        document = json.loads(Path(found[0]).read_text())
        return OpenedStage(None, None, True if "semantic_scene_instance" in document else None)
    return _stage(Path(name))


def _stage(path: Path) -> OpenedStage:
    if not path.is_file():
        raise AssertionError(f"ESP_CHECK failed: Cannot load stage {path}")
    if path.name.endswith(".stage_config.json"):
        document = json.loads(path.read_text())
        assert document.keys() <= _STAGE_KEYS, document.keys()
        mesh = path.parent / document["render_asset"]
        _check_mesh(mesh)
        descriptor = document.get("semantic_descriptor_filename")
        described = None if descriptor is None else (path.parent / descriptor).is_file()
        if described:
            assert (path.parent / document["semantic_asset"]).is_file()
            # It turns a .ply of labels from z-up by itself, before it turns it by these axes.
            assert document.get("semantic_up", document["up"]) == [0, 1, 0]
        # Files without nodes are not turned: the loader returns before that.
        up, front = document.get("up", [0, 1, 0]), document.get("front", [0, 0, -1])
        return OpenedStage(np.eye(3) if mesh.suffix in (".ply", ".obj") else _rotation(up, front), mesh, described)
    _check_mesh(path)
    z_up = path.suffix == ".glb"  # "assumes MP3D glb with gravity = -Z"; all other endings are y-up
    rotation = _rotation([0, 0, 1], [0, 1, 0]) if z_up else np.eye(3)
    beside = [path.with_suffix(ending) for ending in (".house", ".scn")] + [path.with_name("info_semantic.json")]
    return OpenedStage(rotation, path, any(file.is_file() for file in beside))


def file_axis(mesh: Path, scene: Scene) -> Up:
    """The axis of a mesh file of a scene that points up, by the extent of its triangles; where it holds another scene,
    z for .ply and y for all others."""
    found = load_mesh(mesh, "y").vertices
    for up, axes in IN_FILE.items():
        wanted = scene.vertices @ axes.T
        if np.allclose([found.min(0), found.max(0)], [wanted.min(0), wanted.max(0)], atol=1e-3):
            return up
    return "z" if mesh.suffix == ".ply" else "y"


def _check_mesh(path: Path) -> None:
    magic = _MAGIC.get(path.suffix, b"")
    if not path.is_file() or path.read_bytes()[: len(magic)] != magic:
        raise AssertionError(f"ESP_CHECK failed: Cannot load stage {path}")


def _rotation(up: list[float], front: list[float]) -> NDArray[np.float64]:
    assert np.dot(up, front) == 0
    return np.stack([np.cross(front, up), up, -np.asarray(front)]).astype(np.float64)


class Mediator:
    """habitat_sim.metadata.MetadataMediator."""

    def __init__(self, backend: Any) -> None:
        self.active_dataset = getattr(backend, "scene_dataset_config_file", "default")
        self.scenes: list[str] = []
        self.stages: list[str] = []
        if self.active_dataset != "default":
            file = Path(self.active_dataset)
            document = json.loads(file.read_text())  # a file that is no JSON is a RuntimeError of habitat's
            for part, into in (("scene_instances", self.scenes), ("stages", self.stages)):
                for pattern in document.get(part, {}).get("paths", {}).get(".json", []):
                    into += sorted(str(path) for path in file.parent.glob(pattern))

    @staticmethod
    def matches(handles: list[str], part: str) -> list[str]:
        """As getObjectHandlesBySubstring: without regard to case; all where the part is empty."""
        return [handle for handle in handles if part.lower() in handle.lower()]

    def get_scene_handles(self) -> list[str]:
        return list(self.scenes)

    @property
    def stage_template_manager(self) -> Any:
        def handles(search_str: str = "", contains: bool = True, sorted: bool = True) -> list[str]:
            return self.matches(["NONE", *self.stages], search_str)

        return types.SimpleNamespace(get_template_handles=handles)


def data_set(folder: Path, *scenes: str, semantic: bool = True, articulated: bool = False) -> Path:
    """The configuration of a data set with scenes of these names, with a description of their semantics or without."""
    (folder / "scenes").mkdir(parents=True, exist_ok=True)
    for name in scenes:
        document: dict[str, Any] = {"stage_instance": {"template_name": "stages/room"}}
        document |= {"semantic_scene_instance": "room_semantics"} if semantic else {}
        document |= {"articulated_object_instances": [{"template_name": "fridge"}] * 2} if articulated else {}
        (folder / "scenes" / f"{name}.scene_instance.json").write_text(json.dumps(document))
    config = folder / "rooms.scene_dataset_config.json"
    config.write_text(json.dumps({"scene_instances": {"paths": {".json": ["scenes/*.scene_instance.json"]}}}))
    return config


CHILD = """
import sys
DRAWABLE = {drawable!r}
class Spec:
    def __init__(self, **values):
        self.__dict__.update(values)
class SimulatorConfiguration(Spec): pass
class CameraSensorSpec(Spec): pass
class Configuration:
    def __init__(self, sim_cfg, agents):
        self.sim_cfg, self.agents = sim_cfg, agents
class agent:
    class AgentConfiguration(Spec): pass
class Simulator:
    def __init__(self, configuration):
        device = configuration.sim_cfg.gpu_device_id
        assert configuration.sim_cfg.scene_id == "NONE"
        assert configuration.agents[0].sensor_specifications, "without a sensor no renderer is made"
        if device not in DRAWABLE:
            print("Platform::WindowlessEglApplication::tryCreateContext(): " + (
                "unable to find CUDA device 0 among 1 EGL devices in total" if device >= 0
                else "cannot get default EGL display: EGL_BAD_PARAMETER"), file=sys.stderr)
            print("WindowlessContext: Unable to create windowless context", file=sys.stderr)
            sys.stderr.flush()
            sys.exit(1)
    def close(self): pass
"""
"""The module `habitat_sim` of a child process, which can draw on some devices only."""


def child_module(folder: Path, drawable: tuple[int, ...]) -> None:
    """Write into a folder the `habitat_sim` that a child process imports, drawing on these devices."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "habitat_sim.py").write_text(CHILD.replace("{drawable!r}", repr(drawable)))
