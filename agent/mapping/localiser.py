"""Poses of an agent whose odometry drifts: each frame is aligned to the surfaces that were seen before.

Wheel odometry says how far the agent went since the last frame, and errs a little each time. So the frame's upright
surfaces (walls, furniture) are matched to those already known, by iterated closest points with point-to-plane
distances (Chen and Medioni, 1992) in the three unknowns x, z and yaw, with the odometry as a prior: where a view says
little, as in a corridor, its word counts. A surface keeps the place at which it was seen first, so errors do not add
up where the agent comes by again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from ...core.frame import Camera, Frame, rotation
from ...core.normals import normals_from_depth

_SIDE = 32
"""Rows and columns of the depth that is matched, about."""
_STEP = 0.3
"""Greatest difference of depth within a block of averaged pixels, as a share of it."""
_NEAREST, _FARTHEST = 0.2, 6.0
"""Depths that are matched, in metres."""
_UPRIGHT = 0.4
"""A normal's greatest vertical share on an upright surface."""
_SPACING = 0.15
"""Least distance of a new point from those that are known, in metres: surfaces do not grow thicker."""
_GATES = (0.3, 0.2, 0.15, 0.1, 0.1)
"""Distances within which a point is matched in each iteration, in metres."""
_FACING = 0.7
"""Least cosine between the normals of points that are matched."""
_LEAST = 60
"""Points that must be matched."""
_WORTH = 60.0
"""Independent points that all of a frame's are worth: neighbouring pixels err alike."""
_ERROR, _ERROR_FAR = 0.02, 0.004
"""Error of a point in metres, and what the square of its depth in metres adds to it, per metre squared."""
_PRIOR = (0.02, 0.02)
"""Error of the odometry in metres: of each frame, and for each metre gone."""
_PRIOR_YAW = (0.3, 1.5, 0.03)
"""Error of its heading in degrees: of each frame, for each metre gone, and for each degree turned."""


class Localiser:
    """Corrects the pose of each frame; height, pitch and roll are taken as they come."""

    def __init__(self, camera: Camera) -> None:
        self._block = max(1, min(camera.height, camera.width) // _SIDE)  # pixels averaged into one, each way
        self._coarse = Camera(camera.width // self._block, camera.height // self._block, camera.vertical_fov)
        self._rays = self._coarse.rays()
        self._measured: NDArray[np.float64] | None = None  # (6,), the odometry's last pose
        self.pose = np.zeros(6)
        """The corrected pose of the last frame."""
        self._points, self._normals = np.zeros((0, 3)), np.zeros((0, 3))
        self._tree: KDTree | None = None

    def locate(self, frame: Frame) -> NDArray[np.float64]:
        """The corrected pose (6,) of the next frame of the contract; its surfaces become known."""
        measured = np.asarray(frame["pose"], np.float64)
        start = measured.copy()
        if self._measured is not None:
            start = _moved(self.pose, self._measured, measured)
        points, normals, errors = self._upright(frame)
        if self._measured is None:
            self.pose = start
        else:
            spread = _prior(self._measured, measured)
            self.pose = self._aligned(start, points, normals, errors, spread)
        self._measured = measured
        turn = rotation(self.pose)
        self._add(points @ turn.T + self.pose[:3], normals @ turn.T)
        return self.pose

    def _upright(self, frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Points (P, 3) of upright surfaces and their normals in the camera frame, and their errors (P,)."""
        depth = self._averaged(np.asarray(frame["depth"], np.float64))
        normals = normals_from_depth(depth[None].astype(np.float32), self._coarse)[0].astype(np.float64)
        up = normals @ rotation(np.asarray(frame["pose"], np.float64))[1]
        there = (depth > _NEAREST) & (depth < _FARTHEST) & (np.abs(up) < _UPRIGHT) & (np.abs(normals).sum(-1) > 0)
        far = depth[there]
        return far[:, None] * self._rays[there], normals[there], _ERROR + _ERROR_FAR * far**2

    def _averaged(self, depth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means of square blocks of pixels; 0 where one has no depth, or the block lies across an edge.

        A sixteenth of the pixels have normals with a sixteenth of the noise.
        """
        b, rows, columns = self._block, self._coarse.height, self._coarse.width
        blocks = depth[: rows * b, : columns * b].reshape(rows, b, columns, b).swapaxes(1, 2).reshape(rows, columns, -1)
        least, most = blocks.min(-1), blocks.max(-1)
        flat = (least > 0) & (most - least < _STEP * most)
        return np.where(flat, blocks.mean(-1), 0.0)

    def _aligned(
        self,
        start: NDArray[np.float64],
        points: NDArray[np.float64],
        normals: NDArray[np.float64],
        errors: NDArray[np.float64],
        spread: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The pose at which the points fit best, from the odometry's, whose error is `spread` (3,) of x, z and yaw."""
        if self._tree is None or len(points) < _LEAST:
            return start
        pose, prior = start.copy(), 1 / spread**2
        for gate in _GATES:
            turn = rotation(pose)
            arms, facing = points @ turn.T, normals @ turn.T
            distance, index = self._tree.query(arms + pose[:3], distance_upper_bound=gate)
            near = np.flatnonzero(np.isfinite(distance))
            near = near[(facing[near] * self._normals[index[near]]).sum(1) > _FACING]
            if len(near) < _LEAST:
                return start
            known = self._normals[index[near]]
            gap = (known * (arms[near] + pose[:3] - self._points[index[near]])).sum(1)
            # a turn by a small angle moves (x, z) by that angle times (-z, x)
            lever = known[:, 2] * arms[near, 0] - known[:, 0] * arms[near, 2]
            slope = np.column_stack([known[:, 0], known[:, 2], lever])
            weight = 1 / errors[near] ** 2
            weight *= min(1.0, _WORTH / len(near)) / np.maximum(1.0, np.abs(gap) / (2 * errors[near]))  # Huber's
            away = start[[0, 2, 3]] - pose[[0, 2, 3]]
            away[2] = np.radians((away[2] + 180) % 360 - 180)
            step = np.linalg.solve(
                slope.T @ (weight[:, None] * slope) + np.diag(prior), prior * away - slope.T @ (weight * gap)
            )
            pose[[0, 2]] += step[:2]
            pose[3] += np.degrees(step[2])
        pose[3] %= 360.0
        return pose

    def _add(self, points: NDArray[np.float64], normals: NDArray[np.float64]) -> None:
        """Know these points, in world coordinates, where nothing was known."""
        if self._tree is not None and len(points):
            new = np.isinf(self._tree.query(points, distance_upper_bound=_SPACING)[0])
            points, normals = points[new], normals[new]
        if len(points):
            self._points = np.concatenate([self._points, points])
            self._normals = np.concatenate([self._normals, normals])
            self._tree = KDTree(self._points)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that it knows, to be stored."""
        last = np.full(6, np.nan) if self._measured is None else self._measured
        return {"points": self._points, "normals": self._normals, "pose": self.pose, "measured": last}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Know what the localiser knew that gave these `arrays`."""
        self._points, self._normals, self.pose = (arrays[name].copy() for name in ("points", "normals", "pose"))
        self._measured = None if np.isnan(arrays["measured"]).any() else arrays["measured"].copy()
        self._tree = KDTree(self._points) if len(self._points) else None


def _moved(pose: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a body at `pose` comes to by the motion that odometry measured from one pose to another."""
    turn = np.radians(pose[3] - before[3])
    way = after[[0, 2]] - before[[0, 2]]
    moved = after.copy()
    moved[[0, 2]] = pose[[0, 2]] + np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ way
    moved[3] = (pose[3] + after[3] - before[3]) % 360.0
    return moved


def _prior(before: NDArray[np.float64], after: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviations (3,) of the odometry's x, z and yaw (metres, radians) after a motion."""
    way = float(np.linalg.norm(after[[0, 2]] - before[[0, 2]]))
    turned = abs((after[3] - before[3] + 180.0) % 360.0 - 180.0)
    place = _PRIOR[0] + _PRIOR[1] * way
    yaw = np.radians(_PRIOR_YAW[0] + _PRIOR_YAW[1] * way + _PRIOR_YAW[2] * turned)
    return np.array([place, place, yaw])
