"""A world seen through a real robot's sensors: stereo depth, and poses as SLAM or wheel odometry estimates them."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Camera, Frame
from ..choices import Sensors
from ..floor import ReachableFloor
from ..scene import Scene
from ..simulator import Simulator, stack_frames
from .motion import Motion
from .sensor_noise import OdometryDrift, SlamError, StereoCamera
from .world import ChangingWorld, ResumableWorld, World

Step = tuple[Frame, float, bool, bool, dict[str, Any]]


class MeasuredWorld:
    """A World whose frames a `StereoCamera` measures.

    Their `pose` has the error of `SlamError` ("slam"), or accumulates that of `OdometryDrift` ("odometry"): about a
    metre and some tens of degrees in fifty metres. `info["true_pose"]`, float64 (6,), is for evaluation.
    """

    def __init__(self, world: World, sensors: Sensors, seed: int) -> None:
        """sensors: "slam" or "odometry". Seed, and number of the frame since the first reset, decide the noise."""
        self.world, self.sensors, self.seed = world, sensors, seed
        self.stereo, self.slam, self.odometry = StereoCamera(), SlamError(), OdometryDrift()
        self.motion: Motion = world.motion
        self._frame = 0
        self._true = np.zeros(6)
        self._error = np.zeros(6)
        """Measured less true pose."""

    @property
    def camera(self) -> Camera:
        """See World."""
        return self.world.camera

    @property
    def drifting(self) -> bool:
        """See DriftingWorld."""
        return self.sensors == "odometry"

    @property
    def floor(self) -> ReachableFloor:
        """See World."""
        return self.world.floor

    @property
    def scene(self) -> Scene:
        """See World."""
        return self.world.scene

    @property
    def simulator(self) -> Simulator:
        """See World: it renders without noise."""
        return self.world.simulator

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """As the world's. The odometry starts at the true pose, unless `options` have a "body"."""
        body = (options or {}).get("body")
        if body is not None:
            frame, info = self.world.reset(seed=seed, options=body["world"])
            self._frame, self._error = int(body["frame"]), np.asarray(body["error"], np.float64)
        else:
            frame, info = self.world.reset(seed=seed, options=options)
            self._frame = 0
            self._error = self.slam.first(self._rng())[0] if self.sensors == "slam" else np.zeros(6)
        self._true = _pose(frame)
        return self._measured(frame), self._with(info)

    def body_state(self) -> dict[str, Any]:
        """See ResumableWorld; the same measurements go on."""
        world = self.world
        within = {"body": world.body_state()} if isinstance(world, ResumableWorld) else {"pose": self._true.tolist()}
        return {"world": within, "error": self._error.tolist(), "frame": self._frame}

    def step(self, action: int) -> Step:
        """As the world's."""
        return self._next(self.world.step(action))

    def teleport(self, pose: NDArray[Any]) -> Step:
        """As HouseEnv's; odometry counts the way there in a straight line. UserError in a world that has none."""
        teleport = getattr(self.world, "teleport", None)
        if teleport is None:
            raise UserError("the policy teleports, which only the built-in simulator supports")
        return self._next(teleport(pose))

    def change(self, house: Any) -> tuple[Frame, dict[str, Any]]:
        """As a ChangingWorld's."""
        frame, info = cast(ChangingWorld, self.world).change(house)
        self._true = _pose(frame)
        return self._measured(frame), self._with(info)

    def measure_views(self, frames: Frame, rng: np.random.Generator) -> Frame:
        """Exact frames (N, H, W, ...) with `pose`, as measured each on its own, with poses as by SLAM."""
        count = len(frames["pose"])
        views = [
            self.stereo.measure({key: value[index] for key, value in frames.items()}, self.camera, rng)
            for index in range(count)
        ]
        measured = stack_frames(views)
        measured["pose"] = (frames["pose"] + self.slam.first(rng, count)).astype(np.float32)
        return measured

    def _next(self, result: Step) -> Step:
        frame, reward, ended, truncated, info = result
        self._frame += 1
        true, rng = _pose(frame), self._rng()
        if self.sensors == "slam":
            self._error = self.slam.next(self._error, rng)
        else:
            self._error = self._drifted(true, rng)
        self._true = true
        return self._measured(frame), reward, ended, truncated, self._with(info)

    def _drifted(self, true: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """The error (6,) after moving from the last true pose to this one; height, pitch and roll are known."""
        yaw = np.radians(self._true[3])
        ahead, right = np.array([np.sin(yaw), -np.cos(yaw)]), np.array([np.cos(yaw), np.sin(yaw)])
        way = true[[0, 2]] - self._true[[0, 2]]
        turned = (true[3] - self._true[3] + 180.0) % 360.0 - 180.0
        driven, measured_turn = self.odometry.measure(float(way @ ahead), float(turned), rng)
        wrong = np.radians(self._error[3])
        turn = np.array([[np.cos(wrong), -np.sin(wrong)], [np.sin(wrong), np.cos(wrong)]])
        error = self._error.copy()
        error[[0, 2]] += turn @ (driven * ahead + (way @ right) * right) - way
        error[3] += measured_turn - turned
        return error

    def _measured(self, frame: Frame) -> Frame:
        measured = self.stereo.measure(frame, self.camera, self._rng(1))
        pose = self._true + self._error
        pose[3] %= 360.0
        measured["pose"] = pose.astype(np.float32)
        return measured

    def _with(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "true_pose": self._true}

    def _rng(self, stream: int = 0) -> np.random.Generator:
        """Random numbers of this frame: of the pose (0), of the camera (1)."""
        return np.random.default_rng([self.seed, self._frame, stream])


def _pose(frame: Frame) -> NDArray[np.float64]:
    return np.asarray(frame["pose"], np.float64)
