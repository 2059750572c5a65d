"""A scene in habitat-sim as a Simulator; `HouseEnv.from_simulator(HabitatSimulator(...))` is an agent in it.

habitat's world is the frame contract's: right-handed, y up, a camera that looks along -z; depth is planar and in
metres. Its field of view is horizontal. Normals come from depth, for it has no sensor of them.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.edges import canny
from ...core.frame import Camera, Frame, Labels, rotation
from ...core.normals import normals_from_depth
from ..conventions import to_quaternions
from ..floor import CELL, STEP_HEIGHT, ReachableFloor
from ..meshes.parts import Up
from ..perturbations import Perturbation
from ..simulator import check_poses
from .habitat_changes import SceneChanges, SeededChanges
from .habitat_classes import class_of_category
from .habitat_errors import HabitatError
from .habitat_install import DEVICES, drawing_device, habitat
from .habitat_scenes import HabitatScene, find_scene, handle_in, missing_without_bullet, scene_file

FAR = 100.0
"""Largest depth, in metres."""
RADIUS, HEIGHT = 0.2, 1.5
"""Radius and height of the agent's body, in metres."""
_LOOKS = 400  # points of the navigable floor that decide which storey is the largest
_SOUNDINGS = 15  # views straight down from which the height of the floor is read
_EYES, _LABELS = 0, 1  # habitat's agents: only what an agent's sensors show is drawn when it is looked through


class HabitatSimulator:
    """Frames from anywhere in a scene, with class labels from the scene's table for evaluation.

    Raises HabitatError if habitat-sim is missing, cannot draw, or cannot load the scene.
    """

    def __init__(self, place: str, camera: Camera | None = None, gpu: int | None = None, up: Up | None = None) -> None:
        """place, up: see `habitat_scenes.find_scene`. gpu: the device that draws, -1 for the CPU; by default the first
        GPU, or else the CPU."""
        self._habitat = habitat()
        scene = find_scene(place, up)
        self.source, self.camera = place, camera or Camera()
        self.notes: list[str] = []
        """What habitat-sim leaves out of the scene, one line each."""
        self.sim = self._open(scene, drawing_device(DEVICES if gpu is None else (gpu,)))
        settings = self._habitat.nav.NavMeshSettings()
        settings.set_defaults()
        settings.agent_radius, settings.agent_height = RADIUS, HEIGHT
        settings.cell_height, settings.agent_max_climb = STEP_HEIGHT / 2, STEP_HEIGHT
        settings.include_static_objects = True
        if not self.sim.recompute_navmesh(self.sim.pathfinder, settings):
            raise HabitatError(f"{place}: habitat-sim finds no navigable floor")
        self._classes, self._instances = self._tables()
        self.state: tuple[SeededChanges, ...] = ()
        """The changes applied to its scene."""
        self._changes: SceneChanges | None = None

    def _open(self, scene: HabitatScene, device: int) -> Any:
        backend = self._habitat.SimulatorConfiguration()
        backend.gpu_device_id = device
        backend.enable_physics = bool(self._habitat.built_with_bullet)  # articulated furniture exists only there
        bodies = [self._body(("rgb", "COLOR"), ("depth", "DEPTH")), self._body(("semantic", "SEMANTIC"))]
        try:
            if scene.data_set is None:
                with scene_file(scene) as backend.scene_id:
                    return self._habitat.Simulator(self._habitat.Configuration(backend, bodies))
            backend.scene_dataset_config_file = scene.data_set
            mediator = self._habitat.metadata.MetadataMediator(backend)
            backend.scene_id = handle_in(mediator, scene.name, scene.data_set)
            missing = None if backend.enable_physics else missing_without_bullet(backend.scene_id)
            self.notes += [missing] if missing else []
            return self._habitat.Simulator(self._habitat.Configuration(backend, bodies, mediator))
        except HabitatError:
            raise
        except Exception as error:  # its type depends on the version
            raise HabitatError(
                f"{self.source}: habitat-sim cannot load it ({' '.join(str(error).split())}); a mesh that is damaged or"
                " of another format, or a file that it names and that is missing: HABITAT_SIM_LOG=debug tells more"
            ) from error

    def changed(self, changes: Sequence[Perturbation], seed: int) -> HabitatSimulator:
        """The same scene after one more change, in the same habitat-sim, which switches between the states on use.

        lighting: colour and power of all lights. objects: movable objects are exchanged, which keeps the floor;
        strength is the share of the pairs of similar size. HabitatError if the scene does not allow a kind.
        """
        if self._changes is None:
            self._changes = SceneChanges(self._habitat, self.sim, self.source)
        self._changes.check(changes, self._views)
        other = copy.copy(self)
        other.state = (*self.state, (tuple(changes), seed))
        return other

    @property
    def version(self) -> str:
        """habitat-sim's version."""
        return str(self._habitat.__version__)

    @property
    def has_labels(self) -> bool:
        """Whether the scene has class labels."""
        return bool(self._classes.any())

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames seen from poses (N, 6), with roll as well."""
        checked = check_poses(poses)
        return self._frame(checked, [self._look(pose) for pose in checked])

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames with their ground truth, for evaluation only; void without a table of classes."""
        checked = check_poses(poses)
        seen = [self._look(pose, labels=self.has_labels) for pose in checked]
        frame = self._frame(checked, seen)
        if not self.has_labels:
            shape = frame["depth"].shape
            return frame, Labels(np.zeros(shape, np.int16), np.zeros(shape, np.int32))
        ids = np.stack([view["semantic"] for view in seen]).astype(np.int64)
        ids = np.where((ids >= 0) & (ids < len(self._classes)), ids, len(self._classes) - 1)
        return frame, Labels(self._classes[ids], self._instances[ids])

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
        largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
        low = np.minimum(*(np.asarray(corner, np.float64) for corner in finder.get_bounds()))
        # The view samples the corners of its cells, rows along z and columns along x.
        origin = (float(low[0]) - CELL / 2, float(low[2]) - CELL / 2)
        floor = ReachableFloor(origin, CELL, largest, RADIUS, level)
        return replace(floor, level=self._sounded(floor))

    def _sounded(self, floor: ReachableFloor) -> float:
        """The height of the surface under a navigable floor, whose own height is that of the voxels above it."""
        heights = []
        for x, z in floor.sample(_SOUNDINGS, np.random.default_rng(0)):
            top = floor.level + HEIGHT / 2
            depth = self._look(np.array([x, top, z, 0.0, -90.0, 0.0]))["depth"]
            middle = float(depth[depth.shape[0] // 2, depth.shape[1] // 2])
            if 0 < middle < HEIGHT:
                heights.append(top - middle)
        return float(np.median(heights)) if heights else floor.level

    def _views(self) -> NDArray[np.uint8]:
        """Colours (N, height, width, 3) seen all around from a few places of the floor."""
        places = self.floor.sample(4, np.random.default_rng(0))
        poses = [
            [x, self.floor.level + HEIGHT, z, yaw, 0.0, 0.0] for x, z in places for yaw in (0.0, 90.0, 180.0, 270.0)
        ]
        return np.stack([self._look(np.array(pose))["rgb"][..., :3] for pose in poses])

    def close(self) -> None:
        """Release habitat-sim."""
        self.sim.close()

    def _look(self, pose: NDArray[np.float64], labels: bool = False) -> dict[str, NDArray[Any]]:
        """What its sensors show from a pose (6,): rgb, depth, and with `labels` the values of `semantic`."""
        if self._changes is not None:
            self._changes.enter(self.state)
        agents = [_EYES, _LABELS] if labels else [_EYES]
        for agent in agents:
            state = self.sim.get_agent(agent).get_state()
            state.position = pose[:3].astype(np.float32)
            state.rotation = to_quaternions(rotation(pose)[None])[0]  # x, y, z, w
            state.sensor_states = {}
            self.sim.get_agent(agent).set_state(state)
        seen = self.sim.get_sensor_observations(agents)
        # Its buffers are reused for the next view.
        return {name: np.array(view) for agent in agents for name, view in seen[agent].items()}

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

    def _body(self, *kinds: tuple[str, str]) -> Any:
        """An agent of habitat's with sensors of these names and types, all at its position."""
        sensors = []
        for name, kind in kinds:
            sensor = self._habitat.CameraSensorSpec()
            sensor.uuid, sensor.sensor_type = name, getattr(self._habitat.SensorType, kind)
            sensor.sensor_subtype = self._habitat.SensorSubType.PINHOLE
            sensor.resolution = [self.camera.height, self.camera.width]
            sensor.hfov = self.camera.horizontal_fov
            sensor.position = [0.0, 0.0, 0.0]
            sensor.near, sensor.far = 0.01, FAR
            sensor.channels = 4 if kind == "COLOR" else 1
            sensors.append(sensor)
        body = self._habitat.agent.AgentConfiguration()
        body.radius, body.height, body.sensor_specifications = RADIUS, HEIGHT, sensors
        return body

    def _tables(self) -> tuple[NDArray[np.int16], NDArray[np.int32]]:
        """Class and instance by the semantic sensor's values; the last entry, void, is for all other values."""
        table = self.sim.semantic_scene  # None where the scene names no description of its semantics
        things = [(int(thing.semantic_id), thing.category) for thing in (table.objects if table else ()) if thing]
        named = {number: category.name() for number, category in things if category is not None and number >= 0}
        if not named:  # scenes made of objects render their category numbers
            categories = table.categories if table else ()
            named = {int(one.index()): one.name() for one in categories if one is not None and one.index() >= 0}
        size = max(named, default=-1) + 2
        classes, instances = np.zeros(size, np.int16), np.zeros(size, np.int32)
        for number, name in named.items():
            classes[number], instances[number] = class_of_category(name), number + 1
        return classes, instances
