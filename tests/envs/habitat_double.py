"""A double of the few calls of habitat-sim that are used, by its documentation, which renders a Scene of ours.

It is as strict as the original: attributes that a specification does not have, rotations that are no unit quaternion
in the order x, y, z, w, and views before a state was set are errors.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
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
        box = types.SimpleNamespace(min=-half, max=half)
        self.root_scene_node = types.SimpleNamespace(cumulative_bb=box)

    @property
    def translation(self) -> NDArray[np.float32]:
        return self._place.copy()

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


LIGHTS_OF_THE_SCENE = "lighting/apartment.lighting_config.json"


def double(
    scene: Scene, *, semantic: bool = True, lights: Sequence[LightInfo] = (), things: Sequence[Thing] = ()
) -> types.ModuleType:
    """The module `habitat_sim`, whose only scene is this one; without `semantic` it has no table. Where it has lights,
    rgb goes with the mean of their colours, as a share of what it is at first."""
    module = types.ModuleType("habitat_sim")
    kinds = types.SimpleNamespace(COLOR="color", DEPTH="depth", SEMANTIC="semantic")
    asked: dict[str, Any] = {"settings": [], "lights": []}

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

        def seed(self, number: int) -> None:
            self.rng = np.random.default_rng(number)

        def get_random_navigable_point(self) -> NDArray[np.float32]:
            x, z = self.floor.sample(1, self.rng)[0]
            return np.array([x, self.floor.level, z], np.float32)

        def get_bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            low = np.array(self.floor.origin)
            high = low + np.array(self.floor.reachable.shape[::-1]) * self.floor.cell
            return np.array([low[0], 0, low[1]], np.float32), np.array([high[0], 0.2, high[1]], np.float32)

        def get_topdown_view(self, meters_per_pixel: float, height: float) -> NDArray[np.bool_]:
            (x0, _, z0), (x1, _, z1) = self.get_bounds()
            xs = x0 + np.arange(int((x1 - x0) / meters_per_pixel)) * meters_per_pixel
            zs = z0 + np.arange(int((z1 - z0) / meters_per_pixel)) * meters_per_pixel
            points = np.stack(np.meshgrid(xs, zs), axis=-1)
            return self.floor.contains_points(points) & (abs(height - self.floor.level) <= 0.5)

    class Simulator:
        def __init__(self, configuration: Any) -> None:
            backend, (body,) = configuration
            if backend.gpu_device_id >= 0 and asked.get("no_gpu"):
                raise RuntimeError("unable to find CUDA device 0 among 0 EGL devices in total")
            self.sensors = {one.uuid: one for one in body.sensor_specifications}
            rgb = self.sensors["rgb"]
            height, width = rgb.resolution
            vertical = 2 * np.degrees(np.arctan(np.tan(np.radians(rgb.hfov) / 2) * height / width))
            self.rays = RayCastSimulator(scene, Camera(width, height, float(vertical)), light="direct")
            self.pathfinder, self.agents, self.closed = PathFinder(self.rays), [Agent()], False
            asked["backend"], asked["body"], asked["sim"] = backend, body, self
            things = [
                types.SimpleNamespace(
                    semantic_id=n,
                    category=types.SimpleNamespace(name=lambda n=n: CLASSES[scene.instances[n].class_id].lower()),
                )
                for n in range(1, len(scene.instances))
            ]
            # As the original: the default key has lights of its own, the scene's are under their file's name.
            self.setups = {"": [LightInfo((0.0, -1.0, 0.0, 0.0))], LIGHTS_OF_THE_SCENE: copy.deepcopy(list(lights))}
            self.semantic_scene = types.SimpleNamespace(objects=[None, *things] if semantic else [], categories=[])

        def recompute_navmesh(self, pathfinder: Any, settings: Any) -> bool:
            assert pathfinder is self.pathfinder
            asked["settings"].append(settings)
            pathfinder.is_loaded = True
            return True

        def get_agent(self, number: int) -> Agent:
            return self.agents[number]

        def get_sensor_observations(self) -> dict[str, NDArray[Any]]:
            state = self.agents[0].state
            matrix = np.eye(4)
            matrix[:3, :3], matrix[:3, 3] = Rotation.from_quat(state.rotation).as_matrix(), state.position
            frame, labels = self.rays.render_with_labels(pose_vectors(matrix[None]))
            if lights:
                now, first = (np.mean([one.color for one in these], 0) for these in (self._lights(), lights))
                frame["rgb"] = np.clip(frame["rgb"] * (now / first), 0, 255).astype(np.uint8)
            rgba = np.concatenate([frame["rgb"][0], np.full((*frame["rgb"].shape[1:3], 1), 255, np.uint8)], axis=-1)
            return {"rgb": rgba, "depth": frame["depth"][0], "semantic": labels.instance[0].astype(np.uint32)}

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
            found = {thing.handle: thing for thing in things}
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
    module.CameraSensorSpec = spec(  # type: ignore[attr-defined]
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
    module.Configuration = lambda backend, bodies: (backend, bodies)  # type: ignore[attr-defined]
    return module
