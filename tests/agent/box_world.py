"""A room of boxes whose depth and free floor are known in closed form, with an agent in it; no code of the package."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from testspace.core.frame import Camera, Frame
from testspace.envs.gym_envs.motion import Motion

HEIGHT = 2.5


class BoxWorld:
    """A rectangle of floor (x0, z0, x1, z1) under a ceiling, with axis-aligned boxes (x0, y0, z0, x1, y1, z1) in it."""

    def __init__(
        self,
        room: tuple[float, float, float, float] = (-3.0, -3.0, 3.0, 3.0),
        boxes: tuple[tuple[float, ...], ...] = (),
        camera: Camera = Camera(32, 32),  # noqa: B008
        start: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.room, self.boxes, self.camera, self.motion = room, boxes, camera, Motion()
        self.x, self.z, self.yaw, self.pitch = *start, 0.0

    def frame(self) -> Frame:
        """Depth by the slab method, and the pose."""
        yaw, pitch = np.radians(self.yaw), np.radians(self.pitch)
        f = self.camera.height / 2 / np.tan(np.radians(self.camera.vertical_fov) / 2)
        u = (np.arange(self.camera.width) + 0.5 - self.camera.width / 2) / f
        v = (self.camera.height / 2 - np.arange(self.camera.height) - 0.5) / f
        forward = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)])
        right = np.array([np.cos(yaw), 0.0, np.sin(yaw)])
        up = np.cross(right, forward)
        rays = forward + u[None, :, None] * right + v[:, None, None] * up
        eye = np.array([self.x, self.motion.camera_height, self.z])
        low, high = np.array([self.room[0], 0, self.room[1]]), np.array([self.room[2], HEIGHT, self.room[3]])
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(rays > 0, (high - eye) / rays, (low - eye) / rays).min(-1)
            for box in self.boxes:
                a, b = (np.array(box[:3]) - eye) / rays, (np.array(box[3:]) - eye) / rays
                enter, leave = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
                depth = np.where((enter < leave) & (enter > 0), np.minimum(depth, enter), depth)
        pose = np.array([*eye, self.yaw, self.pitch, 0.0], np.float32)
        return {"depth": depth.astype(np.float32), "pose": pose}

    def free(self, x: float, z: float, radius: float = 0.2) -> bool:
        """Whether a disc fits at (x, z)."""
        x0, z0, x1, z1 = self.room
        if not (x0 + radius <= x <= x1 - radius and z0 + radius <= z <= z1 - radius):
            return False
        return all(
            b[1] >= 1.5 or np.hypot(max(b[0] - x, 0, x - b[3]), max(b[2] - z, 0, z - b[5])) >= radius
            for b in self.boxes
        )

    def step(self, action: int) -> tuple[Frame, dict[str, Any]]:
        """Do one action of HouseEnv's."""
        collision = False
        if action == 0:
            yaw = np.radians(self.yaw)
            ways = [self.motion.step * share for share in (0.25, 0.5, 0.75, 1.0)]
            collision = not all(self.free(self.x + way * np.sin(yaw), self.z - way * np.cos(yaw)) for way in ways)
            if not collision:
                self.x, self.z = self.x + ways[-1] * np.sin(yaw), self.z - ways[-1] * np.cos(yaw)
        elif action in (1, 2):
            self.yaw = (self.yaw + (30.0 if action == 2 else -30.0)) % 360.0
        else:
            self.pitch = float(np.clip(self.pitch + (30.0 if action == 3 else -30.0), -60, 30))
        return self.frame(), {"collision": collision}

    def walkable(self, cell: float = 0.05) -> NDArray[np.float64]:
        """Centres (x, z), (n, 2), of a raster of the places where the agent can stand."""
        x0, z0, x1, z1 = self.room
        grid = np.stack(np.meshgrid(np.arange(x0, x1, cell), np.arange(z0, z1, cell)), -1).reshape(-1, 2) + cell / 2
        return grid[[self.free(x, z) for x, z in grid]]
