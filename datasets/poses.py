"""Where a camera stands and looks to take labelled views of a house: anywhere on the floor, but not at a blank wall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.frame import Camera
from ..envs.render.raycast import RayCastSimulator
from ..envs.simulator import Simulator

PITCH_RANGE = (-45.0, 15.0)
"""Degrees; views look a little down more often than up, as people and robots do in a room."""
BLANK_SHARE = 0.75
"""A view of which one instance fills more than this share is a blank wall: not worth a label."""
_TRIES = 20
_PROBE = 16
"""Side in pixels of the pictures by which poses are judged."""


class UnseenError(ValueError):
    """A house of which hardly a view shows more than a blank wall."""


def random_poses(simulator: Simulator, n: int, camera_height: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Camera poses (n, 6) uniform over the reachable floor and the directions."""
    poses = np.zeros((n, 6), np.float32)
    poses[:, [0, 2]] = simulator.floor.sample(n, rng)
    poses[:, 1] = camera_height
    poses[:, 3] = rng.uniform(0, 360, n)
    poses[:, 4] = rng.uniform(*PITCH_RANGE, n)
    return poses


def blank_views(instance: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which of the views (N, H, W) are filled by one instance to more than BLANK_SHARE."""
    flat = instance.reshape(len(instance), -1)
    return np.array([np.bincount(view).max() > BLANK_SHARE * flat.shape[1] for view in flat], bool)


def rich_poses(
    simulator: RayCastSimulator,
    count: int,
    fov: float,
    camera_height: float,
    rng: np.random.Generator,
    heights: tuple[float, float] | None = None,
    pitches: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Poses (count, 6) of which none shows a blank wall; half of them are those that show the most classes.

    fov: vertical field of view, in degrees. camera_height: in metres, unless `heights`, a range, is given. pitches:
    range in degrees instead of PITCH_RANGE. The simulator is left with another camera and without shadows, which take
    time. Raises UnseenError where too few views are not blank.
    """
    simulator.camera, simulator.shadows = Camera(_PROBE, _PROBE, fov), False
    found: list[NDArray[np.float64]] = []
    classes: list[int] = []
    for _ in range(_TRIES):
        poses = random_poses(simulator, 3 * count, camera_height, rng).astype(np.float64)
        if heights is not None:
            poses[:, 1] = rng.uniform(*heights, len(poses))
        if pitches is not None:
            poses[:, 4] = rng.uniform(*pitches, len(poses))
        labels = simulator.render_with_labels(poses)[1]
        kept = ~blank_views(labels.instance)
        found.append(poses[kept])
        classes += [len(np.unique(view)) for view in labels.semantic[kept]]
        if len(classes) >= count:
            rich = np.argsort(-np.array(classes), kind="stable")[: count // 2]
            others = rng.permutation(np.setdiff1d(np.arange(len(classes)), rich))[: count - len(rich)]
            return np.concatenate(found)[np.concatenate([rich, others])]
    raise UnseenError(f"{simulator.scene.source}: nothing but blank walls")
