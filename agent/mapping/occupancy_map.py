"""Occupancy grid from depth: unknown, free and occupied cells of the floor.

Its only inputs are depth, pose, camera intrinsics and blocked moves. The surface between neighbouring pixels is filled
in where they lie on the same one, so that distant floor, where pixels are sparse, has no holes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.frame import Camera, Frame, rotation
from ...core.jit import compiled
from ...core.pose_cells import HEADINGS as VIEW_HEADINGS
from ...core.pose_cells import pose_cells
from ...envs.floor import STEP_HEIGHT, ReachableFloor

UNKNOWN, FREE, OCCUPIED = 0, 1, 2
"""The states of a cell."""
OBSTACLE_TOP = 1.5
"""Points higher than this above the floor are no obstacle, in metres (the agent's height)."""
FARTHEST = 12.0
"""Maximum depth used for the map, in metres: pixels farther away are wider than the openings between rooms."""
HEADINGS = 12
"""Heading bins of the view counts."""
_RASTERS = ("seen", "hit", "stood", "blocked")
_MARGIN = 4.0  # metres added on each side when the grid grows
_STRIDE = 0.5  # consecutive frames closer than this, in metres, are joined by a straight segment
_PIXELS = 64  # maximum rows and columns of a depth image, approximately


class OccupancyMap:
    """A grid around the agent's start position that grows as more is observed.

    Rows run along z and columns along x, aligned with the world's origin: cell (row, column) spans `cell` metres from
    (column + corner[1]) * cell in x and (row + corner[0]) * cell in z. The floor is assumed to be at y = 0.
    """

    def __init__(self, camera: Camera, cell: float = 0.1) -> None:
        """`camera`: intrinsics of the depth images. `cell`: side of a cell in metres."""
        self.camera, self.cell = camera, cell
        self.corner = np.zeros(2, np.int64)
        """(row, column) of cell [0, 0] counted from the world's origin."""
        self.seen = np.zeros((0, 0), np.bool_)
        """Whether floor has been observed in a cell."""
        self.hit = np.zeros((0, 0), np.bool_)
        """Whether an obstacle between STEP_HEIGHT and OBSTACLE_TOP has been observed in a cell."""
        self.stood = np.zeros((0, 0), np.bool_)
        """Whether the agent's centre has passed through a cell."""
        self.blocked = np.zeros((0, 0), np.bool_)
        """Whether a move of the agent's centre into a cell was blocked."""
        self.views = np.zeros((HEADINGS, 0, 0), np.int32)
        """Frames taken from a cell by heading (360 / HEADINGS degrees each, the first centred on yaw 0)."""
        self._last: tuple[float, float] | None = None
        stride = max(1, -(-max(camera.height, camera.width) // _PIXELS))
        self._rows = np.arange(stride // 2, camera.height, stride)
        self._columns = np.arange(stride // 2, camera.width, stride)
        self._rays = camera.rays()[self._rows][:, self._columns]
        self._spacing = stride / camera.focal

    @property
    def state(self) -> NDArray[np.int8]:
        """int8 (rows, columns): UNKNOWN, FREE or OCCUPIED."""
        state = np.where(self.seen | self.stood, FREE, UNKNOWN).astype(np.int8)
        state[self.hit | self.blocked] = OCCUPIED
        return state

    def update(self, frame: Frame) -> None:
        """Integrate one Frame (its depth and pose)."""
        pose = frame["pose"].astype(np.float64)
        depth = frame["depth"][np.ix_(self._rows, self._columns)].astype(np.float64)
        depth = np.where(depth <= FARTHEST, depth, 0.0)
        points = pose[:3] + (self._rays @ rotation(pose).T) * depth[..., None]
        plan = points[..., [2, 0]]
        self._grow(np.minimum(plan.min((0, 1)), pose[[2, 0]]), np.maximum(plan.max((0, 1)), pose[[2, 0]]))
        height = points[..., 1]
        kind = np.where(
            depth > 0, (np.abs(height) < STEP_HEIGHT) + 2 * ((height >= STEP_HEIGHT) & (height < OBSTACLE_TOP)), 0
        )
        _paint(
            plan / self.cell - self.corner, kind.astype(np.int8), depth, self._spacing / self.cell, self.seen, self.hit
        )
        here = self.to_cell(pose[0], pose[2])
        self._walk(pose[0], pose[2])
        self.views[(int(np.round(pose[3] * HEADINGS / 360)) % HEADINGS, *here)] += 1

    def block(self, x: float, z: float) -> None:
        """Record that the agent's centre could not move to (x, z)."""
        self._grow(np.array([z, x]), np.array([z, x]))
        self.blocked[self.to_cell(x, z)] = True

    def to_cell(self, x: float, z: float) -> tuple[int, int]:
        """(row, column) of the cell that contains (x, z); may lie outside the grid."""
        return int(np.floor(z / self.cell) - self.corner[0]), int(np.floor(x / self.cell) - self.corner[1])

    def from_cells(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Centres (x, z), float64 (..., 2), of cells (row, column), int (..., 2)."""
        return np.asarray((np.asarray(cells) + self.corner + 0.5)[..., ::-1] * self.cell)

    def seen_at(self, points: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether floor has been observed at points (x, z), float (..., 2)."""
        cells = np.floor(np.asarray(points)[..., ::-1] / self.cell).astype(np.int64) - self.corner
        inside = ((cells >= 0) & (cells < self.seen.shape)).all(-1)
        seen = np.zeros(inside.shape, np.bool_)
        seen[inside] = self.seen[tuple(cells[inside].T)]
        return seen

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The map's state, for checkpoints."""
        last = np.zeros((0, 2)) if self._last is None else np.array([self._last])
        return {"corner": self.corner, "last": last, **{name: getattr(self, name) for name in (*_RASTERS, "views")}}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Restore the state that `arrays` returned."""
        for name in ("corner", *_RASTERS, "views"):
            setattr(self, name, arrays[name].copy())
        self._last = tuple(arrays["last"][0].tolist()) if len(arrays["last"]) else None

    def _walk(self, x: float, z: float) -> None:
        """Mark the path of the agent's centre since the last frame, slightly widened so that its cells share sides."""
        start = (
            self._last
            if self._last is not None and np.hypot(x - self._last[0], z - self._last[1]) < _STRIDE
            else (x, z)
        )
        path = np.linspace(start, (x, z), 26)
        for shift in (-0.02, 0.02):
            for other in (-0.02, 0.02):
                cells = np.floor((path[:, ::-1] + [shift, other]) / self.cell).astype(np.int64) - self.corner
                self.stood[cells[:, 0], cells[:, 1]] = True
        self._last = (x, z)

    def _grow(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Grow the grid to contain the world rectangle from low (z, x) to high."""
        first = np.floor(low / self.cell).astype(np.int64) - self.corner
        last = np.floor(high / self.cell).astype(np.int64) - self.corner
        shape = np.array(self.seen.shape)
        margin = int(np.ceil(_MARGIN / self.cell))
        if not shape.any():
            self.corner = self.corner + first
            before, after = np.full(2, margin), last - first + 1 + margin
        elif (first >= 0).all() and (last < shape).all():
            return
        else:
            before = np.where(first < 0, margin - first, 0)
            after = np.where(last >= shape, last - shape + 1 + margin, 0)
        self.corner = self.corner - before
        pad = list(zip(before.tolist(), after.tolist(), strict=True))
        for name in _RASTERS:
            setattr(self, name, np.pad(getattr(self, name), pad))
        self.views = np.pad(self.views, [(0, 0), *pad])


def coverage(map: OccupancyMap, floor: ReachableFloor) -> float:
    """Share of the reachable floor, 0 to 1, that the agent's own depth has seen as floor."""
    centres = floor.from_cells(np.argwhere(floor.reachable))
    return float(map.seen_at(centres).mean()) if len(centres) else 0.0


def view_coverage(poses: NDArray[np.floating], floor: ReachableFloor) -> float:
    """Share, 0 to 1, of the views of the reachable floor that poses (N, 6) hold one of.

    Views are cells of place and heading as `core.pose_cells.pose_cells` numbers them.
    """
    centres = floor.from_cells(np.argwhere(floor.reachable))
    there = np.zeros((len(centres), VIEW_HEADINGS, 6))
    there[..., [0, 2]] = centres[:, None]
    there[..., 3] = np.arange(VIEW_HEADINGS) * 360 / VIEW_HEADINGS
    cells = np.unique(pose_cells(there.reshape(-1, 6)))
    return float(np.isin(cells, pose_cells(poses)).mean()) if len(cells) else 0.0


@compiled
def _paint(cells, kind, depth, spacing, seen, hit):  # type: ignore[no-untyped-def]
    """Mark the cells of floor points (kind 1) in `seen` and of obstacle points (kind 2) in `hit`.

    cells: float64 (H, W, 2), (row, column) of the point that each pixel sees. A square of four pixels of one kind is
    filled when it can only be one surface: floor up to 10 cells wide, an obstacle up to twice the pixel's own width
    (`spacing` cells for each metre of depth).
    """
    height, width = kind.shape
    for i in range(height):
        for j in range(width):
            this = kind[i, j]
            if this == 0:
                continue
            raster = seen if this == 1 else hit
            raster[int(cells[i, j, 0]), int(cells[i, j, 1])] = True
            if i + 1 == height or j + 1 == width:
                continue
            if kind[i + 1, j] != this or kind[i, j + 1] != this or kind[i + 1, j + 1] != this:
                continue
            widest = 10.0 if this == 1 else max(2.0, 2 * spacing * depth[i, j])
            size = 0.0
            for axis in range(2):
                a, b, c, d = cells[i, j, axis], cells[i, j + 1, axis], cells[i + 1, j, axis], cells[i + 1, j + 1, axis]
                size = max(size, max(a, b, c, d) - min(a, b, c, d))
            if size > widest:
                continue
            parts = int(2 * size) + 1
            for m in range(parts + 1):
                u = m / parts
                for n in range(parts + 1):
                    v = n / parts
                    aa, ab, ba, bb = (1 - u) * (1 - v), (1 - u) * v, u * (1 - v), u * v
                    row = (
                        aa * cells[i, j, 0]
                        + ab * cells[i, j + 1, 0]
                        + ba * cells[i + 1, j, 0]
                        + bb * cells[i + 1, j + 1, 0]
                    )
                    column = (
                        aa * cells[i, j, 1]
                        + ab * cells[i, j + 1, 1]
                        + ba * cells[i + 1, j, 1]
                        + bb * cells[i + 1, j + 1, 1]
                    )
                    raster[int(row), int(column)] = True
