"""Viewpoints of an object class: the positions at which an object goal counts as reached."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.gym_envs.house_env import HouseEnv
from ...envs.scene import Instance
from ..mapping.geodesic import distance_field

SPACING = 0.2
"""Spacing of candidate positions, in metres."""
_BATCH = 64  # views per rendering call


class Viewpoints:
    """Viewpoints of the objects of one house, found by rendering. Uses ground truth: for rewards only."""

    def __init__(self, body: HouseEnv, success_distance: float) -> None:
        """`success_distance`: horizontal metres from the camera to an object's box."""
        self.scene, self.success_distance = body.scene, success_distance
        self._simulator, self._floor, self._motion = body.simulator, body.floor, body.motion
        centres = body.floor.from_cells(np.argwhere(body.floor.reachable))
        _, first = np.unique(np.floor(centres / SPACING).astype(np.int64), axis=0, return_index=True)
        self._places = centres[first]
        self._fields: dict[int, NDArray[np.float64]] = {}

    def field(self, class_id: int) -> NDArray[np.float64]:
        """Geodesic distance field to the nearest viewpoint of the class."""
        if class_id not in self._fields:
            positions = [self._visible_from(number) for number in self._instances(class_id)]
            places = np.concatenate(positions) if positions else np.zeros((0, 2))
            self._fields[class_id] = distance_field(self._floor, places)
        return self._fields[class_id]

    def reached(self, class_id: int, pose: NDArray[Any]) -> bool:
        """Whether an object of the class is visible from a pose (6,) and close enough."""
        visible = np.unique(self._simulator.render_with_labels(np.asarray(pose)[None])[1].instance)
        place = np.asarray(pose, np.float64)[[0, 2]][None]
        return any(
            number in visible and self._distance(number, place)[0] <= self.success_distance
            for number in self._instances(class_id)
        )

    def _instances(self, class_id: int) -> list[int]:
        return [number for number, one in enumerate(self.scene.instances) if number and one.class_id == class_id]

    def _distance(self, number: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Horizontal metres from positions (n, 2) to an object's box."""
        return distance_to_box(self.scene.instances[number], places)

    def _visible_from(self, number: int) -> NDArray[np.float64]:
        """Positions (n, 2) close to an object from which it is visible when faced."""
        near = self._places[self._distance(number, self._places) <= self.success_distance]
        instance, eye = self.scene.instances[number], self._floor.level + self._motion.camera_height
        right, back = instance.center[0] - near[:, 0], instance.center[2] - near[:, 1]
        pitch = np.degrees(np.arctan2(instance.center[1] - eye, np.hypot(right, back)))
        poses = np.zeros((len(near), 6))
        poses[:, [0, 2]], poses[:, 1] = near, eye
        poses[:, 3] = np.degrees(np.arctan2(right, -back)) % 360.0
        poses[:, 4] = np.clip(pitch, self._motion.lowest_pitch, self._motion.highest_pitch)
        visible = [
            (self._simulator.render_with_labels(batch)[1].instance == number).any(axis=(1, 2))
            for batch in np.array_split(poses, max(1, -(-len(poses) // _BATCH)))
            if len(batch)
        ]
        return near[np.concatenate(visible)] if visible else near


def distance_to_box(instance: Instance, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Horizontal metres, float64 (n,), from positions (x, z), (n, 2), to an object's oriented box; 0 inside."""
    offset = places - np.array([instance.center[0], instance.center[2]])
    c, s = np.cos(np.radians(instance.yaw)), np.sin(np.radians(instance.yaw))
    local = np.stack([offset @ [c, s], offset @ [-s, c]], -1)
    outside = np.maximum(np.abs(local) - np.array([instance.size[0], instance.size[2]]) / 2, 0.0)
    return np.hypot(outside[:, 0], outside[:, 1])
