"""A double of the few calls of habitat-sim that are used, by its sources, which renders a Scene of ours.

It is as strict as the original: a mesh lies as its ending or its stage configuration says (`habitat_scene_double`);
attributes that a specification does not have, positions of whole numbers, rotations that are no unit quaternion in the
order x, y, z, w, and physics without Bullet are errors; without EGL the process ends.
"""

from __future__ import annotations

import copy
import os
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from habitat_scene_double import IN_FILE, Ended, Mediator, Vector3, child_module, file_axis, open_scene
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from testspace.core.frame import Camera
from testspace.envs.conventions import pose_vectors
from testspace.envs.house.classes import CLASSES
from testspace.envs.render.raycast import RayCastSimulator
from testspace.envs.scene import Scene


class Spec:
    """Attributes of known names only, as pybind's classes have them."""

    names: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.names:
            raise AttributeError(name)
        object.__setattr__(self, name, value)


def spec(*names: str, **values: Any) -> type[Spec]:
    """A class of them."""
    return type("Made", (Spec,), {"names": names, **values})


def sensor_spec(*names: str) -> type[Spec]:
    """The class of them that takes a position of floats only, as its binding does."""

    class Made(spec(*names)):  # type: ignore[misc]
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "position" and not all(isinstance(number, float) for number in value):
                raise TypeError("incompatible function arguments")
            super().__setattr__(name, value)

    return Made


@dataclass
class LightInfo:
    """w of `vector` is 1 for a point and 0 for a direction; `color` is the power, in ReplicaCAD also below 0."""

    vector: Sequence[float]
    color: Sequence[float] = (1.0, 1.0, 1.0)
    model: str = "Global"


class Thing:
    """A managed rigid object, turned about the vertical, whose box is given about its own origin."""

    def __init__(
        self, handle: str, motion_type: str, place: Sequence[float], size: Sequence[float], yaw: float = 0.0
    ) -> None:  # fmt: skip
        self.handle, self.motion_type, self.yaw = handle, motion_type, yaw
        self._place, half = np.array(place, np.float32), np.array(size, np.float32) / 2
        box = types.SimpleNamespace(min=Vector3(-half), max=Vector3(half))
        self.root_scene_node = types.SimpleNamespace(cumulative_bb=box)

    @property
    def translation(self) -> Vector3:
        return Vector3(self._place)

    @translation.setter
    def translation(self, place: Sequence[float]) -> None:
        assert np.shape(place) == (3,)
        assert np.isfinite(place).all()
        if self.motion_type != "STATIC":  # habitat-sim leaves those where they are, without a word
            self._place = np.array(place, np.float32)

    @property
    def transformation(self) -> NDArray[np.float32]:
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, :3], matrix[:3, 3] = Rotation.from_euler("y", self.yaw, degrees=True).as_matrix(), self._place
        return matrix


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, scene: Scene, drawable: Sequence[int] = (0, -1), **more: Any
) -> types.ModuleType:
    """The double as `habitat_sim`, here and, from a folder, in child processes."""
    module = double(scene, drawable=drawable, **more)
    monkeypatch.setitem(sys.modules, "habitat_sim", module)
    child_module(folder, tuple(drawable))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return module


LIGHTS_OF_THE_SCENE = "lighting/apartment.lighting_config.json"
CELL_HEIGHT = 0.2
"""Its default height of a voxel, in metres."""


def double(
    scene: Scene, *, lights: Sequence[LightInfo] = (), things: Sequence[Thing] = (),
    flat: bool = False, bullet: bool = True, drawable: Sequence[int] = (0, -1),
) -> types.ModuleType:  # fmt: skip
    """The module `habitat_sim`, every mesh file of which holds this scene.

    Scenes of data sets (`habitat_scene_double.data_set`) have these lights and things besides. Where such a scene is
    not drawn flat, rgb goes with the mean of the lights' colours, as a share of what it is at first. bullet: whether
    it was built with Bullet. drawable: the devices that it can draw on.
    """
    module = types.ModuleType("habitat_sim")
    kinds = types.SimpleNamespace(COLOR="color", DEPTH="depth", SEMANTIC="semantic")
    asked: dict[str, Any] = {"settings": [], "lights": [], "drawn": []}

    class Agent:
        def __init__(self) -> None:
            self.state = types.SimpleNamespace(
                position=np.zeros(3), rotation=np.array([0, 0, 0, 1.0]), sensor_states={"rgb": None}
            )

        def get_state(self) -> Any:
            return types.SimpleNamespace(**vars(self.state))

        def set_state(self, state: Any) -> None:
            assert np.isfinite(state.position).all()
            assert np.isclose(np.linalg.norm(np.asarray(state.rotation)), 1.0)
            self.state = state

    class PathFinder:
        is_loaded = False

        def __init__(self, simulator: RayCastSimulator) -> None:
            self.floor, self.rng = simulator.floor, np.random.default_rng(1)
            self.voxel = CELL_HEIGHT  # its polygons lie on top of the voxel that holds the floor

        def seed(self, number: int) -> None:
            self.rng = np.random.default_rng(number)

        def get_random_navigable_point(self) -> Vector3:
            x, z = self.floor.sample(1, self.rng)[0]
            return Vector3((x, self.floor.level + self.voxel, z))

        def get_bounds(self) -> tuple[Vector3, Vector3]:
            low = np.array(self.floor.origin)
            high = low + np.array(self.floor.reachable.shape[::-1]) * self.floor.cell
            return Vector3((low[0], 0, low[1])), Vector3((high[0], 0.2, high[1]))

        def get_topdown_view(self, meters_per_pixel: float, height: float) -> NDArray[np.bool_]:
            (x0, _, z0), (x1, _, z1) = (np.asarray(corner) for corner in self.get_bounds())
            xs = x0 + np.arange(int((x1 - x0) / meters_per_pixel)) * meters_per_pixel
            zs = z0 + np.arange(int((z1 - z0) / meters_per_pixel)) * meters_per_pixel
            points = np.stack(np.meshgrid(xs, zs), axis=-1)
            return self.floor.contains_points(points) & (abs(height - self.floor.level) <= 0.5)

    class Simulator:
        def __init__(self, configuration: Any) -> None:
            backend, bodies, mediator = configuration
            if backend.gpu_device_id not in drawable:
                raise Ended(1)
            if getattr(backend, "enable_physics", False) and not bullet:
                raise AssertionError("ESP_CHECK failed: Physics has been enabled in the SimulatorConfiguration but"
                                     " Habitat-Sim was not built with Bullet support enabled.")  # fmt: skip
            self.sensors = [{one.uuid: one for one in body.sensor_specifications} for body in bodies]
            rgb = self.sensors[0]["rgb"]
            height, width = rgb.resolution
            vertical = 2 * np.degrees(np.arctan(np.tan(np.radians(rgb.hfov) / 2) * height / width))
            stage = open_scene(mediator or Mediator(backend), backend.scene_id)
            turned = scene
            if stage.mesh is not None and stage.rotation is not None:
                turn = (stage.rotation @ IN_FILE[file_axis(stage.mesh, scene)]).T
                turned = replace(
                    scene, vertices=(scene.vertices @ turn).astype(np.float32),
                    normals=(scene.normals @ turn).astype(np.float32),
                )  # fmt: skip
                if not np.array_equal(turn, np.eye(3)):
                    turned = replace(turned, rooms=[], start=None)
            self.rays = RayCastSimulator(turned, Camera(width, height, float(vertical)), light="direct", cache=False)
            self.pathfinder, self.agents, self.closed = PathFinder(self.rays), [Agent() for _ in bodies], False
            asked["backend"], asked["bodies"], asked["sim"] = backend, bodies, self
            named = [
                types.SimpleNamespace(
                    semantic_id=n,
                    category=types.SimpleNamespace(name=lambda n=n: CLASSES[scene.instances[n].class_id].lower()),
                )
                for n in range(1, len(scene.instances))
            ]
            own = list(lights) if stage.rotation is None else []
            self.things = list(things) if stage.rotation is None else []
            # As the original: the default key has lights of its own, the scene's are under their file's name.
            self.setups = {"": [LightInfo((0.0, -1.0, 0.0, 0.0))], LIGHTS_OF_THE_SCENE: copy.deepcopy(own)}
            self.semantic_scene = None
            if stage.described is not None:
                objects = [None, *named] if stage.described else []
                self.semantic_scene = types.SimpleNamespace(objects=objects, categories=[])

        def recompute_navmesh(self, pathfinder: Any, settings: Any) -> bool:
            assert pathfinder is self.pathfinder
            asked["settings"].append(settings)
            pathfinder.is_loaded, pathfinder.voxel = True, getattr(settings, "cell_height", CELL_HEIGHT)
            return True

        def get_agent(self, number: int) -> Agent:
            return self.agents[number]

        def get_sensor_observations(self, agent_ids: int | list[int] = 0) -> dict[Any, Any]:
            if isinstance(agent_ids, list):
                return {number: self.get_sensor_observations(number) for number in agent_ids}
            asked["drawn"] += list(self.sensors[agent_ids])
            state = self.agents[agent_ids].state
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = Rotation.from_quat(state.rotation).as_matrix(), state.position
            frame, labels = self.rays.render_with_labels(pose_vectors(matrix[None]))
            if self._lights() and not flat:
                now, first = (np.mean([one.color for one in these], 0) for these in (self._lights(), lights))
                frame["rgb"] = np.clip(frame["rgb"] * (now / first), 0, 255).astype(np.uint8)
            rgba = np.concatenate([frame["rgb"][0], np.full((*frame["rgb"].shape[1:3], 1), 255, np.uint8)], axis=-1)
            all_of_it = {"rgb": rgba, "depth": frame["depth"][0], "semantic": labels.instance[0].astype(np.uint32)}
            return {name: all_of_it[name] for name in self.sensors[agent_ids]}

        def _lights(self) -> list[LightInfo]:
            return self.setups[LIGHTS_OF_THE_SCENE]

        def get_current_light_setup(self) -> list[LightInfo]:
            return copy.deepcopy(self._lights())

        def get_light_setup(self, key: str = "") -> list[LightInfo]:
            return copy.deepcopy(self.setups.get(key, []))

        def set_light_setup(self, light_setup: list[LightInfo], key: str = "") -> None:
            assert all(np.shape(one.vector) == (4,) and np.shape(one.color) == (3,) for one in light_setup)
            asked["lights"].append(key)
            self.setups[key] = copy.deepcopy(light_setup)

        def get_lighting_template_manager(self) -> Any:
            handles = ["lighting/other.lighting_config.json", LIGHTS_OF_THE_SCENE]
            return types.SimpleNamespace(get_template_handles=lambda search_str="", contains=True: handles)

        def get_rigid_object_manager(self) -> Any:
            found = {thing.handle: thing for thing in self.things}
            return types.SimpleNamespace(get_objects_by_handle_substring=lambda search_str="", contains=True: found)

        def close(self) -> None:
            self.closed = True

    module.asked = asked  # type: ignore[attr-defined]
    module.Simulator = Simulator  # type: ignore[attr-defined]
    module.gfx = types.SimpleNamespace(DEFAULT_LIGHTING_KEY="", LightInfo=LightInfo)  # type: ignore[attr-defined]
    motion = types.SimpleNamespace(STATIC="STATIC", KINEMATIC="KINEMATIC", DYNAMIC="DYNAMIC")
    module.physics = types.SimpleNamespace(MotionType=motion)  # type: ignore[attr-defined]
    module.SensorType = kinds  # type: ignore[attr-defined]
    module.SensorSubType = types.SimpleNamespace(PINHOLE="pinhole")  # type: ignore[attr-defined]
    module.__version__ = "0.3.3"  # type: ignore[attr-defined]
    module.built_with_bullet = bullet  # type: ignore[attr-defined]
    module.metadata = types.SimpleNamespace(MetadataMediator=Mediator)  # type: ignore[attr-defined]
    module.CameraSensorSpec = sensor_spec(  # type: ignore[attr-defined]
        "uuid", "sensor_type", "sensor_subtype", "resolution", "hfov", "position", "orientation", "near", "far",
        "channels", "clear_color",
    )  # fmt: skip
    module.SimulatorConfiguration = spec(  # type: ignore[attr-defined]
        "scene_id", "scene_dataset_config_file", "gpu_device_id", "enable_physics", "random_seed", "load_semantic_mesh",
        "scene_light_setup", "override_scene_light_defaults", "create_renderer", "requires_textures",
    )  # fmt: skip
    module.nav = types.SimpleNamespace(  # type: ignore[attr-defined]
        NavMeshSettings=spec(
            "cell_size",
            "cell_height",
            "agent_height",
            "agent_radius",
            "agent_max_climb",
            "agent_max_slope",
            "include_static_objects",
            set_defaults=lambda self: None,
            include_static_objects=False,
        )
    )
    module.agent = types.SimpleNamespace(  # type: ignore[attr-defined]
        AgentConfiguration=spec("height", "radius", "sensor_specifications", "action_space", "body_type")
    )
    module.Configuration = lambda sim_cfg, agents, metadata_mediator=None: (  # type: ignore[attr-defined]
        sim_cfg, agents, metadata_mediator,
    )  # fmt: skip
    return module
