"""The views a house is evaluated on, and the rule that separates them from what the agent trains on.

Held-out views are drawn from the whole reachable floor. A frame of the agent within `MIN_SEPARATION_M` and
`MIN_SEPARATION_DEG` of a held-out view is not stored in the replay buffer: the rule costs the agent a few frames, and
never costs the evaluation its coverage of the house.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ...core.frame import Frame, Labels
from ...datasets.poses import blank_views, random_poses
from ...envs.simulator import Simulator

MIN_SEPARATION_M = 0.25
"""Horizontal distance below which two views count as the same place."""
MIN_SEPARATION_DEG = 20.0
"""Angle between optical axes below which two views count as the same direction."""


class BlankHouseError(ValueError):
    """A house that shows nothing but blank walls."""


def draw_views(
    simulator: Simulator,
    n: int,
    camera_height: float,
    rng: np.random.Generator,
    also: Sequence[Simulator] = (),
) -> tuple[Frame, Labels]:
    """n labelled views from random places of the reachable floor, without views of a blank wall.

    Returns a batched Frame (n, H, W, ...) with poses (n, 6) and its Labels. In `also`, other states of the house, the
    poses are as good: reachable, and of no blank wall. Raises BlankHouseError where nothing but blank walls is found.
    """
    frames: list[Frame] = []
    labels: list[Labels] = []
    found = 0
    for _ in range(20):
        poses = random_poses(simulator, 2 * (n - found), camera_height, rng)
        frame, label = simulator.render_with_labels(poses)
        keep = ~blank_views(label.instance)
        for other in also:
            keep &= other.floor.contains_points(poses[:, [0, 2]].astype(np.float64))
            keep &= ~blank_views(other.render_with_labels(poses)[1].instance)
        frames.append({key: value[keep] for key, value in frame.items()})
        labels.append(Labels(label.semantic[keep], label.instance[keep]))
        found += int(keep.sum())
        if found >= n:
            break
    else:
        raise BlankHouseError("every view of this house is a blank wall: nothing to evaluate on")
    joined = {key: np.concatenate([part[key] for part in frames])[:n] for key in frames[0]}
    return joined, Labels(
        np.concatenate([part.semantic for part in labels])[:n],
        np.concatenate([part.instance for part in labels])[:n],
    )


def eval_rng(seed: int) -> np.random.Generator:
    """The generator that draws the held-out views of a run: the same views whenever they are drawn again."""
    return np.random.default_rng([seed, 1])


def rooms_of(poses: NDArray[np.floating], polygons: Sequence[Any]) -> NDArray[np.int64]:
    """The room (N,) in whose polygon (P, 2) of our frame, x and z, each of the poses (N, 6) stands, -1 in a doorway."""
    found = np.full(len(poses), -1, np.int64)
    for number, polygon in enumerate(polygons):
        found[shapely.contains_xy(shapely.Polygon(polygon), poses[:, 0], poses[:, 2])] = number
    return found


def separated(held_out: NDArray[np.floating], poses: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the agent's poses (N, 6) may be stored: those not too near to any held-out view (M, 6)."""
    return ~too_near(poses, held_out)


def too_near(poses: NDArray[np.floating], held_out: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which of the poses (N, 6) lie within the distance and the angle of any held-out pose (M, 6)."""
    places = np.linalg.norm(poses[:, None, [0, 2]] - held_out[None, :, [0, 2]], axis=-1) < MIN_SEPARATION_M  # (N, M)
    cosine = np.clip(forward(poses) @ forward(held_out).T, -1, 1)
    return (places & (np.degrees(np.arccos(cosine)) < MIN_SEPARATION_DEG)).any(1)


def forward(poses: NDArray[np.floating]) -> NDArray[np.float64]:
    """Optical axes, unit (N, 3), of camera poses (N, 6)."""
    yaw, pitch = np.radians(poses[:, 3].astype(np.float64)), np.radians(poses[:, 4].astype(np.float64))
    return np.stack([np.sin(yaw) * np.cos(pitch), np.sin(pitch), -np.cos(yaw) * np.cos(pitch)], -1)
