"""Pseudolabels of a house (Section 4.3): what a network guesses in every frame, agreed upon across views.

The network saw external houses only, and errs. But the agent sees each thing from many places, and its depth and pose
say which pixels show the same place: a place takes the class that most pixels of it were given (as Frey et al., 2022,
and Blum et al., 2022, adapt segmentation to a scene). So the labels are the agent's own; no truth of the house enters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, from_numpy

from ..envs.frame import Camera, rotation

Predict = Callable[[NDArray[np.uint8]], NDArray[np.int16]]
"""rgb uint8 (N, H, W, 3) to class ids int16 (N, H, W), 0 = void."""
_REACH = 1 << 9  # cells from the origin along each axis; farther places share cells, which does no harm
_CLASSES = 1 << 10  # more than any list of classes has


class SemanticMap:
    """Votes for classes in cubes of space, split by the side from which a surface faces."""

    def __init__(self, predict: Predict, camera: Camera, cell: float = 0.1) -> None:
        """`predict`: the network. cell: side of the cubes, in metres."""
        self.predict, self.cell = predict, cell
        columns = (np.arange(camera.width) + 0.5 - camera.width / 2) / camera.focal
        rows = (camera.height / 2 - np.arange(camera.height) - 0.5) / camera.focal
        self._rays = np.stack([*np.meshgrid(columns, rows), -np.ones((camera.height, camera.width))], -1)
        self._ballots = np.zeros(0, np.int64)  # place * _CLASSES + class, sorted
        self._votes = np.zeros(0, np.int64)
        self._places = np.zeros(0, np.int64)  # sorted
        self._winners = np.zeros(0, np.int16)

    def __len__(self) -> int:
        """Places seen so far."""
        return len(self._places)

    def add(self, frames: Mapping[str, Tensor]) -> None:
        """Let each pixel of frames of the contract (N, H, W, ...) with `pose` vote for the class it is taken for."""
        places = self._place(frames)
        classes = self.predict(frames["rgb"].numpy()).astype(np.int64)
        ballots = (places * _CLASSES + classes)[(places >= 0) & (classes > 0)]
        new, votes = np.unique(ballots, return_counts=True)
        self._ballots, index = np.unique(np.concatenate([self._ballots, new]), return_inverse=True)
        self._votes = np.bincount(index, np.concatenate([self._votes, votes]), len(self._ballots)).astype(np.int64)
        self._count()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All votes, to be stored."""
        return {"ballots": self._ballots, "votes": self._votes}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Hold the votes that the map held that gave these `arrays`."""
        self._ballots, self._votes = arrays["ballots"].copy(), arrays["votes"].copy()
        self._count()

    def _count(self) -> None:
        """Give each place the class that has most of its votes."""
        order = np.lexsort((self._votes, self._ballots // _CLASSES))  # by place, the class with most votes last
        ranked = self._ballots[order]
        last = np.flatnonzero(np.diff(ranked // _CLASSES, append=-1))
        self._places, self._winners = ranked[last] // _CLASSES, (ranked[last] % _CLASSES).astype(np.int16)

    def labels(self, frames: Mapping[str, Tensor]) -> Tensor:
        """Class ids int16 (N, H, W) of frames of the contract with `pose`; 0 where nothing was met or no one voted."""
        places = self._place(frames)
        if not len(self):
            return from_numpy(np.zeros(places.shape, np.int16))
        index = np.searchsorted(self._places, places).clip(max=len(self._places) - 1)
        return from_numpy(np.where(self._places[index] == places, self._winners[index], np.int16(0)))

    def _place(self, frames: Mapping[str, Tensor]) -> NDArray[np.int64]:
        """A number (N, H, W) for the cube and the side of each pixel; -1 where the ray met nothing."""
        depth, normals = frames["depth"].numpy().astype(np.float32), frames["normals"].numpy().astype(np.float32)
        pose = frames["pose"].numpy().astype(np.float64)
        turns = rotation(pose).astype(np.float32)
        rays = self._rays.reshape(-1, 3).astype(np.float32) @ turns.transpose(0, 2, 1)
        points = rays.reshape(*depth.shape, 3) * depth[..., None] + pose[:, None, None, :3].astype(np.float32)
        cube = np.floor(points / self.cell).astype(np.int64) % (2 * _REACH)
        facing = (normals.reshape(len(depth), -1, 3) @ turns.transpose(0, 2, 1)).reshape(points.shape)
        axis = np.abs(facing).argmax(-1)
        side = 2 * axis + (np.take_along_axis(facing, axis[..., None], -1)[..., 0] > 0)
        place = ((cube[..., 0] * 2 * _REACH + cube[..., 1]) * 2 * _REACH + cube[..., 2]) * 6 + side
        return np.where(depth > 0, place, -1)
