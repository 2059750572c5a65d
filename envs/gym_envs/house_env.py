"""`testspace/House-v0`: one agent in one house, as a Gymnasium environment.

It has no task: the reward is always 0, and an episode ends only after `max_steps`. Wrap it to add a task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import FRAME_SPEC, Camera, Frame
from ..choices import Light
from ..floor import ReachableFloor
from ..house.house import House
from ..meshes.parts import Up
from ..scene import Scene
from ..simulator import Simulator
from .loaded_house import LoadedHouse
from .motion import Action, Motion

FARTHEST = 1000.0
"""Bound of the depth and position spaces, in metres: no house is that large."""
_TINY = 1e-6  # float32 rounding of unit vectors
OBSERVED = (*FRAME_SPEC, "pose")
"""The keys of an observation: all of the frame contract, nothing else."""
_OPTIONS = ("pose", "position", "body", "house")


class HouseEnv(gymnasium.Env[Frame, np.int64]):
    """An agent of radius 0.2 m that walks through a house and sees Frames.

    Actions (`Action`): 0 MoveAhead, 1 RotateLeft, 2 RotateRight, 3 LookUp, 4 LookDown. A MoveAhead into an
    obstacle leaves the pose unchanged; looking is clamped to +30 and -60 degrees. Observations are Frames: rgb, depth,
    normals, edges and pose. `info` holds `collision` (bool: the last move was blocked) and `step` (int: actions since
    reset). It can be copied and pickled, also within an episode.

    Raises HouseError for a house that cannot be read, FloorError for one without reachable floor, ValueError for other
    arguments.
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]  # Gymnasium leaves it undecided
        "render_modes": ["rgb_array"],
        "render_fps": 10,
    }

    motion: Motion
    """How far each action goes."""

    def __init__(
        self,
        house: House | Path | str | int | LoadedHouse = 0,
        camera: Camera = Camera(),  # noqa: B008 (frozen)
        step: float = 0.25,
        turn: float = 30.0,
        look: float = 30.0,
        camera_height: float = 1.5,
        max_steps: int = 1000,
        render_mode: str | None = None,
        threads: int = 2,
        assets: str | None = None,
        light: Light = "baked",
        antialias: int = 1,
        up: Up | None = None,
        scale: float = 1.0,
        storey: int = 0,
    ) -> None:
        """`house`: "FILE[:LINE]" or a Path (see load_house), a Replica folder or a .glb, .obj or .ply file
        (`load_scene`), a seed of generate_house, a House, or a LoadedHouse, which several environments may share
        (`camera`, `threads`, `assets`, `light` and `antialias` are then its own). See also `from_scene` and
        `from_simulator`.

        `step` and `camera_height` are in metres, `turn` and `look` in degrees; an episode is truncated after
        `max_steps`. `threads` share the pixels of each frame. `assets` names an installed furniture pack
        (`envs.packs`) to furnish the house with. `light` is the ray caster's: "baked" (soft shadows; takes a second
        before the first frame) or "direct". `antialias` n: rgb is the mean of n x n rays a pixel.
        `up`, `scale` and `storey` are of a mesh (`load_scene`): the axis that points up, metres of one unit, and the
        storey that the agent walks on, 0 for the lowest.
        """
        if max_steps < 1:
            raise ValueError(f"HouseEnv: max_steps must be 1 or more, got {max_steps}")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"HouseEnv: render_mode must be None or 'rgb_array', got {render_mode!r}")
        self.motion = Motion(step=step, turn=turn, look=look, camera_height=camera_height)
        self.max_steps, self.render_mode = max_steps, render_mode
        if isinstance(house, LoadedHouse):
            self.loaded = house
        else:
            self.loaded = LoadedHouse.open(house, camera, threads, light, antialias, assets, up, scale, storey)
        self.action_space = spaces.Discrete(len(Action))
        size = (self.camera.height, self.camera.width)
        self.observation_space = spaces.Dict(  # type: ignore[assignment]
            {
                "rgb": spaces.Box(0, 255, (*size, 3), np.uint8),
                "depth": spaces.Box(0.0, FARTHEST, size, np.float32),
                "normals": spaces.Box(-1 - _TINY, 1 + _TINY, (*size, 3), np.float32),
                "edges": spaces.Box(0, 255, size, np.uint8),
                "pose": spaces.Box(
                    np.array([-FARTHEST, -FARTHEST, -FARTHEST, 0, -90, -180], np.float32),
                    np.array([FARTHEST, FARTHEST, FARTHEST, 360, 90, 180], np.float32),
                ),
            }
        )
        self._seeded = False
        self._rgb: NDArray[np.uint8] | None = None

    @classmethod
    def from_scene(
        cls,
        scene: Scene,
        camera: Camera = Camera(),  # noqa: B008 (frozen)
        *,
        threads: int = 2,
        light: Light = "baked",
        antialias: int = 1,
        **options: Any,
    ) -> Self:
        """An agent in a Scene. All parameters are the constructor's."""
        return cls(LoadedHouse.from_scene(scene, camera, threads, light, antialias), **options)

    @classmethod
    def from_simulator(cls, simulator: Simulator, source: str = "", **options: Any) -> Self:
        """An agent in any simulator, with the simulator's camera. `source` names it in errors; the
        other parameters are the constructor's."""
        return cls(LoadedHouse.from_simulator(simulator, source), **options)

    @property
    def house(self) -> House | None:
        """The house as it was loaded or generated; None for a mesh, a Scene or a simulator."""
        return self.loaded.house

    @property
    def scene(self) -> Scene:
        """The house as triangles."""
        return self.loaded.scene

    @property
    def simulator(self) -> Simulator:
        """What renders the scene."""
        return self.loaded.simulator

    @property
    def camera(self) -> Camera:
        """The camera of every observation."""
        return self.simulator.camera

    @property
    def floor(self) -> ReachableFloor:
        """Where the agent can stand; for evaluation, not for policies."""
        return self.simulator.floor

    @property
    def pose(self) -> NDArray[np.float64]:
        """The camera's pose, float64 (6,), which observations hold in float32."""
        # Counted in whole turns from where it started, so that a full circle ends exactly where it began.
        circle = 360.0 / self.motion.turn
        turns = self._turns % round(circle) if circle == round(circle) else self._turns
        yaw = (self._start_yaw + turns * self.motion.turn) % 360.0
        height = self.floor.level + self.motion.camera_height
        return np.array([self._x, height, self._z, yaw, self._pitch, 0.0])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Put the agent at a start pose; returns its first Frame and `info`.

        Without a seed the start is the house file's `agent` entry, if that is reachable. Once a seed has been passed,
        this and all later starts are drawn from `np_random`: a place uniform over the reachable floor, a yaw
        among the multiples of `turn`, pitch 0. `options` may fix the start: {"position": (x, z)} with a drawn yaw, or
        {"pose": (x, y, z, yaw, pitch, roll)} with y and roll ignored; {"body": what `body_state` gave} goes on from
        there; {"house": House} changes to that house first, as `change` does. Raises ValueError for other options and
        for unreachable places.
        """
        super().reset(seed=seed)
        self._seeded |= seed is not None
        if options and "house" in options:
            self.loaded = self.loaded.changed(options["house"])
        if options and "body" in options:
            return self._put_back(options["body"])
        self._x, self._z, self._start_yaw, self._pitch = self._start(options or {})
        self._turns, self._step = 0, 0
        return self._observe(), self._info(collision=False)

    def body_state(self) -> dict[str, Any]:
        """Where the agent is, exactly, as JSON: `reset(options={"body": ...})` puts it back there."""
        return {
            "x": self._x, "z": self._z, "start_yaw": self._start_yaw, "turns": self._turns, "pitch": self._pitch,
            "step": self._step, "collision": self._collision,
        }  # fmt: skip

    def change(self, house: House | Simulator) -> tuple[Frame, dict[str, Any]]:
        """Change the house between two steps; returns the Frame that the agent then sees, and `info`.

        `house` is the changed house (`change.apply(env.house)` or `change.undo(env.house)`, see `envs.perturbations`);
        after `from_simulator`, it is another Simulator with the same camera. The agent keeps its pose, or, if that is
        no longer free, is moved to the nearest free place with the same heading; `info["displaced"]` is that distance
        in metres. No step is counted. Raises ValueError before the first reset, and FloorError, changing nothing, if
        nothing is free.
        """
        if self._rgb is None:
            raise ValueError("HouseEnv.change: call reset() first: the agent is not in the house yet")
        self.loaded = self.loaded.changed(house)
        displaced = 0.0
        if not self.floor.contains(self._x, self._z):
            free = self.floor.from_cells(np.argwhere(self.floor.reachable))
            away = np.hypot(free[:, 0] - self._x, free[:, 1] - self._z)
            nearest = int(np.argmin(away))
            self._x, self._z, displaced = float(free[nearest, 0]), float(free[nearest, 1]), float(away[nearest])
        return self._observe(), {**self._info(collision=False), "displaced": displaced}

    def step(self, action: np.int64 | int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Do one action: the new Frame, reward 0.0, terminated False, truncated after `max_steps`, and `info`."""
        if not self.action_space.contains(np.int64(action)):
            raise ValueError(f"HouseEnv: action must be 0 to {len(Action) - 1}, got {action!r}")
        motion, collision = self.motion, False
        match Action(int(action)):
            case Action.MOVE_AHEAD:
                collision = not self._move()
            case Action.ROTATE_LEFT:
                self._turns -= 1
            case Action.ROTATE_RIGHT:
                self._turns += 1
            case Action.LOOK_UP:
                self._pitch = min(self._pitch + motion.look, motion.highest_pitch)
            case Action.LOOK_DOWN:
                self._pitch = max(self._pitch - motion.look, motion.lowest_pitch)
        self._step += 1
        return self._observe(), 0.0, False, self._step >= self.max_steps, self._info(collision)

    def teleport(self, pose: NDArray[Any]) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Move the agent to a pose, float (6,), at once; returns what `step` does, and counts as one step.

        y and roll are ignored, and pitch is clamped to its range. Not part of the action space, since no robot can do
        it. Raises ValueError if the agent cannot stand there.
        """
        x, _, z, yaw, pitch, _ = self._numbers(pose, "pose", 6)
        self._require_reachable(x, z)
        self._x, self._z, self._start_yaw, self._turns = x, z, yaw % 360.0, 0
        self._pitch = float(np.clip(pitch, self.motion.lowest_pitch, self.motion.highest_pitch))
        self._step += 1
        return self._observe(), 0.0, False, self._step >= self.max_steps, self._info(collision=False)

    def render(self) -> NDArray[np.uint8] | None:
        """What the agent sees, uint8 (H, W, 3), in render_mode "rgb_array"; None otherwise."""
        if self.render_mode is None or self._rgb is None:
            return None
        return self._rgb.copy()

    def _move(self) -> bool:
        """Step ahead if the path is free; returns whether it was."""
        yaw = np.radians(self.pose[3])
        x, z = self._x + self.motion.step * np.sin(yaw), self._z - self.motion.step * np.cos(yaw)
        if not self.floor.segment_free((self._x, self._z), (x, z)):
            return False
        self._x, self._z = float(x), float(z)
        return True

    def _start(self, options: dict[str, Any]) -> tuple[float, float, float, float]:
        """x, z, yaw and pitch to start from."""
        unknown = sorted(set(options) - set(_OPTIONS))
        if unknown:
            raise ValueError(f"HouseEnv.reset: no option {unknown[0]!r}; there are: {', '.join(_OPTIONS)}")
        if "pose" in options:
            pose = self._numbers(options["pose"], "pose", 6)
            self._require_reachable(pose[0], pose[2])
            pitch = float(np.clip(pose[4], self.motion.lowest_pitch, self.motion.highest_pitch))
            return pose[0], pose[2], pose[3] % 360.0, pitch
        if "position" in options:
            x, z = self._numbers(options["position"], "position", 2)
            self._require_reachable(x, z)
            return x, z, self._draw_yaw(), 0.0
        start = self.scene.start
        if not self._seeded and start is not None and self.floor.contains(start[0], start[1]):
            return float(start[0]), float(start[1]), float(start[2]) % 360.0, 0.0
        x, z = self.floor.sample(1, self.np_random)[0]
        return float(x), float(z), self._draw_yaw(), 0.0

    def _put_back(self, body: Any) -> tuple[Frame, dict[str, Any]]:
        """What `reset` returns, of a body that is where another one was."""
        names = ("x", "z", "start_yaw", "pitch", "turns", "step")
        try:
            x, z, start_yaw, pitch, turns, step = self._numbers([body[name] for name in names], "body", len(names))
            collision = bool(body["collision"])
        except (KeyError, TypeError):
            raise ValueError(f"HouseEnv.reset: body must be what body_state() gave, got {body!r}") from None
        self._require_reachable(x, z)
        self._x, self._z, self._start_yaw, self._pitch = x, z, start_yaw, pitch
        self._turns, self._step = int(turns), int(step)
        return self._observe(), self._info(collision)

    def _draw_yaw(self) -> float:
        return float(self.np_random.integers(max(1, int(360 / self.motion.turn)))) * self.motion.turn

    def _require_reachable(self, x: float, z: float) -> None:
        if not self.floor.contains(x, z):
            raise ValueError(f"HouseEnv: the agent cannot stand at x={x:g}, z={z:g}; draw from floor.sample()")

    @staticmethod
    def _numbers(value: Any, name: str, count: int) -> list[float]:
        numbers = np.asarray(value, np.float64)
        if numbers.shape != (count,) or not np.isfinite(numbers).all():
            raise ValueError(f"HouseEnv: {name} must be {count} finite numbers, got {value!r}")
        return [float(number) for number in numbers]

    def _observe(self) -> Frame:
        batch = self.simulator.render(self.pose[None])
        frame = {key: np.ascontiguousarray(batch[key][0]) for key in OBSERVED}
        self._rgb = frame["rgb"]
        return frame

    def _info(self, collision: bool) -> dict[str, Any]:
        self._collision = collision
        return {"collision": collision, "step": self._step}
