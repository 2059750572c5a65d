"""A scene in habitat-sim as a Simulator; `HouseEnv.from_simulator(HabitatSimulator(...))` is an agent in it.

habitat's world is the frame contract's: right-handed, y up, a camera that looks along -z; depth is planar and in
metres. Its field of view is horizontal. Normals come from depth, for it has no sensor of them.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.edges import canny
from ...core.frame import Camera, Frame, Labels, rotation
from ...core.normals import normals_from_depth
from ..conventions import to_quaternions
from ..floor import CELL, STEP_HEIGHT, ReachableFloor
from ..perturbations import Perturbation
from ..simulator import check_poses
from .habitat_changes import SceneChanges, SeededChanges
from .habitat_classes import class_of_category
from .habitat_errors import HabitatError

INSTALL = "conda install habitat-sim headless -c conda-forge -c aihabitat"
FAR = 100.0
"""Largest depth, in metres."""
RADIUS, HEIGHT = 0.2, 1.5
"""Radius and height of the agent's body, in metres."""
_LOOKS = 400  # points of the navigable floor that decide which storey is the largest


class HabitatSimulator:
    """Frames from anywhere in a scene, with class labels from the scene's table for evaluation.

    Raises HabitatError if habitat-sim is missing, cannot render, or cannot load the scene.
    """

    def __init__(self, place: str, camera: Camera | None = None, gpu: int | None = None) -> None:
        """place: a .glb or .ply file, a Replica folder, or CONFIG.json:SCENE with a data set's configuration and one of
        its scenes (`replica.scene_dataset_config.json:room_0`). gpu: the rendering device; -1 for none; by default the
        first GPU, if any."""
        habitat = _habitat()
        self.source, self.camera = place, camera or Camera()
        dataset, scene = find_scene(place)
        gpu = (0 if os.path.exists("/dev/nvidia0") else -1) if gpu is None else gpu
        try:
            self.sim = habitat.Simulator(self._configuration(habitat, dataset, scene, gpu))
        except Exception as error:  # its type depends on the version
            raise HabitatError(f"{place}: habitat-sim did not open it ({' '.join(str(error).split())}); drawing needs"
                               " EGL: a GPU with its driver, or gpu -1 and Mesa's software renderer"
                               ) from error  # fmt: skip
        settings = habitat.nav.NavMeshSettings()
        settings.set_defaults()
        settings.agent_radius, settings.agent_height = RADIUS, HEIGHT
        settings.cell_height, settings.agent_max_climb = STEP_HEIGHT / 2, STEP_HEIGHT
        if hasattr(settings, "include_static_objects"):
            settings.include_static_objects = True
        if not self.sim.recompute_navmesh(self.sim.pathfinder, settings):
            raise HabitatError(f"{place}: habitat-sim finds no navigable floor")
        self._classes, self._instances = self._tables()
        self.state: tuple[SeededChanges, ...] = ()
        """The changes applied to its scene."""
        self._changes: SceneChanges | None = None

    def changed(self, changes: Sequence[Perturbation], seed: int) -> HabitatSimulator:
        """The same scene after one more change, in the same habitat-sim, which switches between the states on use.

        lighting: colour and power of all lights. objects: movable objects are exchanged, which keeps the floor;
        strength is the share of the pairs of similar size. HabitatError if the scene does not allow a kind.
        """
        if self._changes is None:
            self._changes = SceneChanges(_habitat(), self.sim, self.source)
        self._changes.check(changes)
        other = copy.copy(self)
        other.state = (*self.state, (tuple(changes), seed))
        return other

    @property
    def has_labels(self) -> bool:
        """Whether the scene has class labels."""
        return bool(self._classes.any())

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames seen from poses (N, 6), with roll as well."""
        return self._frame(check_poses(poses), [self._look(pose) for pose in check_poses(poses)])

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames with their ground truth, for evaluation only; void without a table of classes."""
        seen = [self._look(pose) for pose in check_poses(poses)]
        ids = np.stack([view["semantic"] for view in seen]).astype(np.int64)
        ids = np.where((ids >= 0) & (ids < len(self._classes)), ids, len(self._classes) - 1)
        return self._frame(check_poses(poses), seen), Labels(self._classes[ids], self._instances[ids])

    @cached_property
    def floor(self) -> ReachableFloor:
        """The largest connected part of the storey with the most navigable floor."""
        finder = self.sim.pathfinder
        finder.seed(0)
        heights = np.array([finder.get_random_navigable_point()[1] for _ in range(_LOOKS)], np.float64)
        heights = heights[np.isfinite(heights)]
        if not len(heights):
            raise HabitatError(f"{self.source}: habitat-sim finds no navigable floor")
        layers, counts = np.unique(np.round(heights), return_counts=True)
        level = float(np.median(heights[np.abs(heights - layers[np.argmax(counts)]) < 0.75]))
        there = np.asarray(finder.get_topdown_view(CELL, level), np.bool_)
        parts, count = ndimage.label(there, np.ones((3, 3)))
        if not count:
            raise HabitatError(f"{self.source}: habitat-sim finds no navigable floor")
        largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        low = np.minimum(*(np.asarray(corner, np.float64) for corner in finder.get_bounds()))
        # The view samples the corners of its cells, rows along z and columns along x.
        origin = (float(low[0]) - CELL / 2, float(low[2]) - CELL / 2)
        return ReachableFloor(origin, CELL, parts == largest, RADIUS, level)

    def close(self) -> None:
        """Release habitat-sim."""
        self.sim.close()

    def _look(self, pose: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        if self._changes is not None:
            self._changes.enter(self.state)
        state = self.sim.get_agent(0).get_state()
        state.position = pose[:3].astype(np.float32)
        state.rotation = to_quaternions(rotation(pose)[None])[0]  # x, y, z, w
        state.sensor_states = {}
        self.sim.get_agent(0).set_state(state)
        seen: dict[str, NDArray[Any]] = self.sim.get_sensor_observations()
        # Its buffers are reused for the next view.
        return {name: np.array(seen[name]) for name in ("rgb", "depth", "semantic")}

    def _frame(self, poses: NDArray[np.float64], seen: list[dict[str, NDArray[Any]]]) -> Frame:
        rgb = np.stack([view["rgb"][..., :3] for view in seen]).astype(np.uint8)
        depth = np.stack([view["depth"] for view in seen]).astype(np.float32)
        depth = np.where(np.isfinite(depth) & (depth > 0) & (depth < FAR), depth, np.float32(0))
        return {
            "rgb": rgb,
            "depth": depth,
            "normals": normals_from_depth(depth, self.camera),
            "edges": canny(rgb),
            "pose": poses.astype(np.float32),
        }

    def _configuration(self, habitat: Any, dataset: str | None, scene: str, gpu: int) -> Any:
        backend = habitat.SimulatorConfiguration()
        backend.scene_id, backend.gpu_device_id = scene, gpu
        backend.load_semantic_mesh = True
        if dataset is not None:
            backend.scene_dataset_config_file = dataset
        sensors = []
        for name, kind in (("rgb", "COLOR"), ("depth", "DEPTH"), ("semantic", "SEMANTIC")):
            sensor = habitat.CameraSensorSpec()
            sensor.uuid, sensor.sensor_type = name, getattr(habitat.SensorType, kind)
            sensor.sensor_subtype = habitat.SensorSubType.PINHOLE
            sensor.resolution = [self.camera.height, self.camera.width]
            sensor.hfov = self.camera.horizontal_fov
            sensor.position = [0.0, 0.0, 0.0]  # the agent's position is its camera's
            sensor.near, sensor.far = 0.01, FAR
            sensor.channels = 4 if kind == "COLOR" else 1
            sensors.append(sensor)
        body = habitat.agent.AgentConfiguration()
        body.radius, body.height, body.sensor_specifications = RADIUS, HEIGHT, sensors
        return habitat.Configuration(backend, [body])

    def _tables(self) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """Class and instance by the semantic sensor's values; the last entry, void, is for all other values."""
        things = [(int(thing.semantic_id), thing.category) for thing in self.sim.semantic_scene.objects if thing]
        named = {number: category.name() for number, category in things if category is not None and number >= 0}
        if not named:  # scenes made of objects render their category numbers
            categories = getattr(self.sim.semantic_scene, "categories", None) or ()
            named = {int(one.index()): one.name() for one in categories if one is not None and one.index() >= 0}
        size = max(named, default=-1) + 2
        classes, instances = np.zeros(size, np.int16), np.zeros(size, np.int32)
        for number, name in named.items():
            classes[number], instances[number] = class_of_category(name), number + 1
        return classes, instances


def find_scene(place: str) -> tuple[str | None, str]:
    """The data set's configuration (None if there is none) and the scene, in habitat-sim's form."""
    config, colon, name = place.rpartition(":")
    if colon and config.endswith(".json"):
        if not os.path.isfile(config):
            raise HabitatError(f"{config}: there is no such data set configuration")
        return config, name
    path = Path(place)
    if path.is_dir():
        for inner in ("mesh.ply", "habitat/mesh_semantic.ply"):
            if (path / inner).is_file():
                return None, str(path / inner)
        raise HabitatError(f"{place}: not a Replica folder (no mesh.ply); name a scene's file, or CONFIG.json:SCENE")
    if not path.is_file():
        raise HabitatError(f"{place}: there is no such scene; name a .glb or .ply file, a Replica folder, or"
                           " CONFIG.scene_dataset_config.json:SCENE")  # fmt: skip
    return None, place


def _habitat() -> Any:
    try:
        import habitat_sim
    except ImportError:
        raise HabitatError(f"habitat-sim is not installed, and pip cannot: {INSTALL}") from None
    return habitat_sim
