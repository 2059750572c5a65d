"""From where a thing of a class can be seen near by: the places that an object goal is reached at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...envs.gym_envs.house_env import HouseEnv
from ...envs.scene import Instance
from ..mapping.geodesic import distance_field

SPACING = 0.2
"""Places are tried this far apart, in metres."""
_BATCH = 64  # views rendered at once


class Sights:
    """The places of one house near to its things, found by looking there. Knows the truth: for rewards only."""

    def __init__(self, body: HouseEnv, within: float) -> None:
        """`within`: metres on the plan from the camera to a thing's box."""
        self.scene, self.within = body.scene, within
        self._simulator, self._floor, self._motion = body.simulator, body.floor, body.motion
        centres = body.floor.from_cells(np.argwhere(body.floor.reachable))
        _, first = np.unique(np.floor(centres / SPACING).astype(np.int64), axis=0, return_index=True)
        self._places = centres[first]
        self._fields: dict[int, NDArray[np.float64]] = {}

    def field(self, class_id: int) -> NDArray[np.float64]:
        """Distances over the floor to the nearest place from which a thing of the class is seen and near."""
        if class_id not in self._fields:
            found = [self._seen_from(number) for number in self._of(class_id)]
            places = np.concatenate(found) if found else np.zeros((0, 2))
            self._fields[class_id] = distance_field(self._floor, places)
        return self._fields[class_id]

    def reached(self, class_id: int, pose: NDArray[Any]) -> bool:
        """Whether the view from a pose (6,) has a thing of the class in it that is near."""
        seen = np.unique(self._simulator.render_with_labels(np.asarray(pose)[None])[1].instance)
        place = np.asarray(pose, np.float64)[[0, 2]][None]
        return any(number in seen and self._away(number, place)[0] <= self.within for number in self._of(class_id))

    def _of(self, class_id: int) -> list[int]:
        return [number for number, one in enumerate(self.scene.instances) if number and one.class_id == class_id]

    def _away(self, number: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres on the plan from places (n, 2) to a thing's box."""
        return away_from_box(self.scene.instances[number], places)

    def _seen_from(self, number: int) -> NDArray[np.float64]:
        """The places (n, 2) near to a thing at which it is in view for who turns to it."""
        near = self._places[self._away(number, self._places) <= self.within]
        thing, eye = self.scene.instances[number], self._floor.level + self._motion.camera_height
        right, back = thing.center[0] - near[:, 0], thing.center[2] - near[:, 1]
        pitch = np.degrees(np.arctan2(thing.center[1] - eye, np.hypot(right, back)))
        poses = np.zeros((len(near), 6))
        poses[:, [0, 2]], poses[:, 1] = near, eye
        poses[:, 3] = np.degrees(np.arctan2(right, -back)) % 360.0
        poses[:, 4] = np.clip(pitch, self._motion.lowest_pitch, self._motion.highest_pitch)
        seen = [
            (self._simulator.render_with_labels(some)[1].instance == number).any(axis=(1, 2))
            for some in np.array_split(poses, max(1, -(-len(poses) // _BATCH)))
            if len(some)
        ]
        return near[np.concatenate(seen)] if seen else near


def away_from_box(thing: Instance, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Metres on the plan, float64 (n,), from places (x, z), (n, 2), to a thing's oriented box; 0 inside."""
    offset = places - np.array([thing.center[0], thing.center[2]])
    c, s = np.cos(np.radians(thing.yaw)), np.sin(np.radians(thing.yaw))
    own = np.stack([offset @ [c, s], offset @ [-s, c]], -1)
    beyond = np.maximum(np.abs(own) - np.array([thing.size[0], thing.size[2]]) / 2, 0.0)
    return np.hypot(beyond[:, 0], beyond[:, 1])
