"""A recording behind the Simulator protocol: it renders its recorded poses, and no others."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...core.edges import canny
from ...core.frame import Camera, Frame, Labels, rotation
from ...core.normals import normals_from_depth
from ..conventions import pose_vectors
from ..floor import CELL, ReachableFloor
from ..simulator import check_poses, stack_frames, stack_labels
from .recording import FrameError, Recording, RecordingError
from .resample import Grid, fitting_camera, quarter_turns, scaled, turned

SAME_METRES, SAME_DEGREES = 0.01, 1.0
"""Largest distance from a recorded pose at which a pose counts as the same."""
HAND_HEIGHT = 1.5
"""Assumed height of the camera above the floor, in metres, if there is no depth to find the floor."""
PATH_RADIUS = 0.3
"""Metres around the camera's path (seen from above) that count as reachable floor."""
_PROBES = 48  # frames whose depth decides where the floor is
_MARGIN = 8  # cells round the floor's raster


class RecordingSimulator:
    """Frames of a Recording by the camera of an agent; the world is shifted vertically so that its floor is at y = 0.

    Raises RecordingError if none of the sampled frames can be read.
    """

    def __init__(self, recording: Recording, camera: Camera | None = None, size: tuple[int, int] = (64, 64)) -> None:
        """camera: by default the widest one of `size` (rows, columns) that the recorded pictures fill."""
        self.recording = recording
        self.camera = camera or fitting_camera(recording, *size)
        self._turns = quarter_turns(recording)
        self._grids: dict[tuple[float, ...], Grid] = {}
        self._poses = pose_vectors(turned(recording.poses, self._turns))
        self.level = self._floor_level()
        """Height of the floor in the recording's own world, metres."""
        self._poses[:, 1] -= self.level

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def poses(self) -> NDArray[np.float64]:
        """Pose of each frame, (N, 6)."""
        return self._poses

    @property
    def has_labels(self) -> bool:
        """Whether frames have labels, for evaluation."""
        return self.recording.read_semantic is not None

    def frame(self, index: int) -> Frame:
        """One frame of the contract, by its number from 0 to N - 1; FrameError if its files are damaged."""
        rgb = self._grid(index, self.recording.size).smooth(self.recording.rgb(index))
        depth = self._depth(index)
        return {
            "rgb": rgb,
            "depth": depth,
            "normals": normals_from_depth(depth[None], self.camera)[0],
            "edges": canny(rgb),
            "pose": self._poses[index].astype(np.float32),
        }

    def labels(self, index: int) -> Labels:
        """Labels of a frame, for evaluation only; RecordingError if the recording has none."""
        semantic = self.recording.semantic(index)
        if semantic is None:
            raise RecordingError(self.recording.source, "it has no labels")
        ids = self._grid(index, (semantic.shape[0], semantic.shape[1])).nearest(semantic)
        return Labels(ids, np.zeros(ids.shape, np.int32))

    def nearest(self, poses: NDArray[Any]) -> NDArray[np.int64]:
        """The frame nearest to each pose (N, 6), int64 (N,); RecordingError if none was recorded there."""
        axes = rotation(self._poses)
        matches = np.zeros(len(poses), np.int64)
        for row, pose in enumerate(check_poses(poses)):
            away = np.linalg.norm(self._poses[:, :3] - pose[:3], axis=1)
            trace = np.einsum("nij,ij->n", axes, rotation(pose))
            angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
            matches[row] = np.argmin(away / SAME_METRES + angle / SAME_DEGREES)
            if away[matches[row]] > SAME_METRES or angle[matches[row]] > SAME_DEGREES:
                raise RecordingError(self.recording.source, f"pose {row}: nothing was recorded there, and a recording"
                                     " cannot be steered; choose from its poses")  # fmt: skip
        return matches

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames (N, H, W, ...) that were recorded at these poses (N, 6); RecordingError for any other pose."""
        return stack_frames([self.frame(int(index)) for index in self.nearest(poses)])

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames and their labels; RecordingError if the recording has none."""
        indices = [int(index) for index in self.nearest(poses)]
        labels = [self.labels(index) for index in indices]
        return (
            stack_frames([self.frame(index) for index in indices]),
            stack_labels(labels),
        )

    @cached_property
    def floor(self) -> ReachableFloor:
        """The floor along the camera's path; elsewhere it is unknown."""
        places = self._poses[:, [0, 2]]
        origin = places.min(axis=0) - PATH_RADIUS - _MARGIN * CELL
        columns, rows = np.ceil((places.max(axis=0) + PATH_RADIUS - origin) / CELL).astype(int) + _MARGIN
        away = np.ones((rows, columns), np.bool_)
        cells = np.floor((places - origin) / CELL).astype(int)
        away[cells[:, 1], cells[:, 0]] = False
        near = ndimage.distance_transform_edt(away) * CELL <= PATH_RADIUS
        return ReachableFloor((float(origin[0]), float(origin[1])), CELL, near, 0.2, 0.0)

    def _grid(self, index: int, size: tuple[int, int]) -> Grid:
        numbers = scaled(self.recording.intrinsics[index], self.recording.size, size)
        return self._cached(numbers)

    def _cached(self, numbers: NDArray[np.float64]) -> Grid:
        key = tuple(np.round(numbers, 6).tolist())
        if key not in self._grids:
            if len(self._grids) > 8:  # phones refocus: every frame may have its own
                self._grids.clear()
            self._grids[key] = Grid(self.camera, numbers, self._turns)
        return self._grids[key]

    def _depth(self, index: int) -> NDArray[np.float32]:
        depth = self.recording.depth(index)
        if depth is None:
            return np.zeros((self.camera.height, self.camera.width), np.float32)
        own = self.recording.depth_intrinsics
        grid = self._cached(own) if own is not None else self._grid(index, (depth.shape[0], depth.shape[1]))
        return np.asarray(grid.nearest(depth), np.float32)

    def _floor_level(self) -> float:
        """Lowest height at which many surfaces face up, in sampled frames; HAND_HEIGHT below the poses if none do."""
        below = float(np.median(self._poses[:, 1])) - HAND_HEIGHT
        heights, readable, failed = [], 0, ""
        camera = self.camera
        rays = camera.rays()
        for index in np.unique(np.linspace(0, len(self) - 1, _PROBES).astype(int)):
            try:
                frame = self.frame(int(index))
            except FrameError as error:
                failed = str(error)
                continue
            readable += 1
            axes = rotation(self._poses[index])
            up = (frame["normals"] @ axes.T)[..., 1] > 0.9
            heights.append((self._poses[index, 1] + (rays @ axes.T)[..., 1] * frame["depth"])[up])
        if not readable:
            raise RecordingError(self.recording.source, f"no frame can be read; the last: {failed}")
        upward = np.concatenate(heights)
        if len(upward) < 50:
            return below
        lowest = float(np.percentile(upward, 0.5))
        layers = np.maximum((upward - lowest) / CELL, 0).astype(np.int64)
        counts = np.bincount(layers)
        counts = counts + np.append(counts[1:], 0)
        layer = int(np.argmax(counts >= 0.3 * counts.max()))
        return float(np.median(upward[(layers == layer) | (layers == layer + 1)]))
