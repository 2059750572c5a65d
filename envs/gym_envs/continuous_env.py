"""`testspace/House-continuous-v0`: a wheeled robot with velocity commands, a noisy stereo camera and drifting
odometry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...core.frame import Camera, Frame
from ..choices import Light
from ..floor import ReachableFloor, build_floor
from ..house.house import House
from ..scene import Scene
from .house_env import HouseEnv
from .loaded_house import LoadedHouse
from .sensor_noise import OdometryDrift, StereoCamera

PATH_STEP = 0.01
"""Metres between the points of a path that are tested for collision."""


class ContinuousHouseEnv(HouseEnv):
    """HouseEnv with a differential drive in place of the five actions.

    An action is float32 (2,), from -1 to 1: the linear velocity as a share of `speed`, forwards positive, and the
    angular as a share of `turning`, clockwise seen from above as yaw is; both are held for `dt` seconds, exactly along
    the arc. The robot stops before its body would touch an obstacle, and `info["collision"]` is then True; it still
    turns. Observations are Frames measured by `stereo`, and their `pose` is the odometry's; `info["true_pose"]`,
    float64 (6,), is for evaluation. `teleport`, `change`, `reset` and its options are HouseEnv's; `teleport` and
    `reset` also reset the odometry to the true pose.
    """

    def __init__(
        self,
        house: House | Path | str | int | LoadedHouse = 0,
        camera: Camera = Camera(),  # noqa: B008 (frozen)
        speed: float = 0.5,
        turning: float = 90.0,
        dt: float = 0.1,
        radius: float = 0.2,
        camera_height: float = 0.6,
        pitch: float = 0.0,
        stereo: StereoCamera | None = StereoCamera(),  # noqa: B008 (frozen)
        odometry: OdometryDrift | None = OdometryDrift(),  # noqa: B008 (frozen)
        max_steps: int = 3000,
        render_mode: str | None = None,
        threads: int = 2,
        light: Light = "baked",
    ) -> None:
        """`speed` (m/s) and `turning` (degrees a second) are the largest velocities either way. `radius` is the body's,
        which reaches up to the camera at `camera_height`, both in metres; `pitch` is how the camera is mounted, in
        degrees. `stereo` and `odometry` None: no noise. The rest is HouseEnv's.

        Raises ValueError for numbers that are not finite or not above 0, and what HouseEnv raises.
        """
        for name, value in {"speed": speed, "turning": turning, "dt": dt, "radius": radius}.items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"ContinuousHouseEnv: {name} must be a finite number above 0, got {value}")
        super().__init__(
            house, camera, camera_height=camera_height, max_steps=max_steps, render_mode=render_mode, threads=threads,
            light=light,
        )  # fmt: skip
        if not -90.0 <= pitch <= 90.0:
            raise ValueError(f"ContinuousHouseEnv: pitch must lie between -90 and 90 degrees, got {pitch}")
        self.dt, self.radius, self.mounted, self.stereo, self.odometry = dt, radius, pitch, stereo, odometry
        self.largest = np.array([speed, turning])
        """Linear and angular velocity of the action (1, 1), m/s and degrees a second."""
        self.action_space = spaces.Box(-1.0, 1.0, (2,))  # type: ignore[assignment]
        self._odometry_pose: NDArray[np.float64] | None = None
        self._floor: ReachableFloor | None = None
        self._floor_of: Scene | None = None

    @property
    def floor(self) -> ReachableFloor:
        """Where the centre of a body of this radius can be; for evaluation, not for policies."""
        if self._floor is None or self._floor_of is not self.scene:
            self._floor = build_floor(self.scene, self.radius, self.motion.camera_height)
            self._floor_of = self.scene
        return self._floor

    @property
    def pose(self) -> NDArray[np.float64]:
        """The camera's true pose, float64 (6,)."""
        pose = super().pose
        pose[4] = self.mounted
        return pose

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """As HouseEnv's; the odometry starts at the true pose. A pitch in `options` is ignored."""
        self._odometry_pose = None
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Drive for `dt` seconds; actions are clipped to -1 to 1. Returns what HouseEnv's does."""
        velocities = np.asarray(action, np.float64)
        if velocities.shape != (2,) or not np.isfinite(velocities).all():
            raise ValueError(f"ContinuousHouseEnv: an action is 2 finite numbers, linear and angular, got {action!r}")
        ahead, turned = (np.clip(velocities, -1.0, 1.0) * self.largest * self.dt).tolist()
        driven = self._drive(ahead, turned)
        if self._odometry_pose is not None:
            measured_ahead, measured_turn = driven, turned
            if self.odometry is not None:
                measured_ahead, measured_turn = self.odometry.measure(driven, turned, self.np_random)
            self._odometry_pose = _along(self._odometry_pose, measured_ahead, measured_turn, np.ones(1))[0]
        self._step += 1
        info = self._info(collision=driven != ahead)
        return self._observe(), 0.0, False, self._step >= self.max_steps, info

    def teleport(self, pose: NDArray[Any]) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """As HouseEnv's; the odometry is reset to the true pose."""
        self._odometry_pose = None
        return super().teleport(pose)

    def _drive(self, ahead: float, turned: float) -> float:
        """Drive `ahead` metres while turning by `turned` degrees, up to the first obstacle; returns the metres
        driven."""
        parts = max(1, int(np.ceil(abs(ahead) / PATH_STEP)))
        path = _along(self.pose[[0, 2, 3]], ahead, turned, np.arange(1, parts + 1) / parts)
        blocked = np.flatnonzero(~self.floor.contains_points(path[:, :2]))
        free = int(blocked[0]) if len(blocked) and ahead else parts
        if free:
            self._x, self._z = (float(number) for number in path[free - 1, :2])
        self._start_yaw, self._turns = float(path[-1, 2]), 0
        return ahead * free / parts

    def _observe(self) -> Frame:
        return self.measured(super()._observe())

    def measured(self, frame: Frame) -> Frame:
        """What the robot measures of a true frame: its own odometry, and its camera's noise."""
        if self._odometry_pose is None:
            self._odometry_pose = self.pose[[0, 2, 3]]
        frame["pose"][[0, 2, 3]] = self._odometry_pose
        if self.stereo is not None:
            frame = self.stereo.measure(frame, self.camera, self.np_random)
            self._rgb = frame["rgb"]
        return frame

    def _info(self, collision: bool) -> dict[str, Any]:
        return {**super()._info(collision), "true_pose": self.pose}


def _along(start: NDArray[np.float64], ahead: float, turned: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(x, z, yaw), float64 (n, 3), after shares (n,) of an arc of `ahead` metres and `turned` degrees from (x, z, yaw).

    An arc's chord has its mean heading, and its length is the arc's times sin(a) / a, a half the angle.
    """
    x, z, yaw = start
    half = np.radians(turned * shares / 2)
    chord = ahead * shares * np.sinc(half / np.pi)
    heading = np.radians(yaw) + half
    return np.stack(
        [x + chord * np.sin(heading), z - chord * np.cos(heading), (yaw + turned * shares) % 360.0], axis=-1
    )
