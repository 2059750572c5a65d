"""The reachable floor: a raster of the free cells, eroded by the agent's radius, that are connected to its start.

Obstacles are the triangles themselves, clipped to the heights of the agent's body: everything that is drawn also
blocks, and nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from ..core.jit import compiled
from .floor_level import floor_level
from .house.classes import CLASS_ID, STRUCTURE

if TYPE_CHECKING:
    from .scene import RoomArea, Scene

CELL = 0.05
"""Side of a raster cell, in metres."""
STEP_HEIGHT = 0.12
"""Height in metres below which objects (rugs, papers, thresholds) are stepped over."""

IN_WALL = 0.15
"""Parts of a door within this distance of the rooms' outlines are in its wall: lining, trim, a shut leaf. Metres."""
KEPT = 0.95
"""Open leaves block as long as at least this share of the floor can still be reached."""
WIDEST = 200.0
"""Metres; a floor without rooms that spans more is assumed to be a mesh in other units."""
CLOSED = 3
"""Gaps in a floor without rooms are closed from this many half cells on either side."""


class FloorError(ValueError):
    """A scene has no floor on which the agent could stand."""


@dataclass(frozen=True)
class ReachableFloor:
    """Raster of the places where the agent's centre can be and that it can walk to."""

    origin: tuple[float, float]
    """(x, z) of the outer corner of cell [0, 0], in metres."""
    cell: float
    """Side of a cell, in metres."""
    reachable: NDArray[np.bool_]
    """(nz, nx): True where a disc of `radius` can stand and walk to."""
    radius: float
    """Radius of the agent, in metres."""
    level: float
    """Height (y) of the floor, in metres."""

    @property
    def area(self) -> float:
        """Reachable area, in square metres."""
        return float(self.reachable.sum()) * self.cell**2

    def to_cells(self, points: NDArray[Any]) -> NDArray[np.int64]:
        """(row, column) int64 (..., 2) of the cells that hold points (x, z), float (..., 2); may lie outside."""
        xz = np.floor((np.asarray(points, np.float64) - np.asarray(self.origin)) / self.cell).astype(np.int64)
        return xz[..., ::-1]

    def from_cells(self, cells: NDArray[Any]) -> NDArray[np.float64]:
        """Centres (x, z), float64 (..., 2), of cells (row, column), int (..., 2)."""
        xz = np.asarray(cells)[..., ::-1].astype(np.float64) + 0.5
        return xz * self.cell + np.asarray(self.origin)

    def contains_points(self, points: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether points (x, z), float (..., 2), are reachable, bool (...)."""
        cells = self.to_cells(points)
        rows, columns = cells[..., 0], cells[..., 1]
        height, width = self.reachable.shape
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return inside & self.reachable[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)]

    def contains(self, x: float, z: float) -> bool:
        """Whether the agent can stand with its centre at (x, z)."""
        return bool(self.contains_points(np.array([x, z])))

    def segment_free(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        """Whether the agent can walk straight from a (x, z) to b, sampled every half cell, both ends included."""
        start, end = np.asarray(a, np.float64), np.asarray(b, np.float64)
        steps = int(np.ceil(np.linalg.norm(end - start) / (self.cell / 2)))
        share = np.linspace(0.0, 1.0, steps + 2)[:, None]
        return bool(self.contains_points(start + share * (end - start)).all())

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """n places (x, z), float64 (n, 2), uniform over the reachable area."""
        cells = np.argwhere(self.reachable)
        picked = self.from_cells(cells[rng.integers(len(cells), size=n)])
        return picked + rng.uniform(-0.5, 0.5, size=(n, 2)) * self.cell * (1 - 1e-9)

    def cells(self, size: float) -> NDArray[np.int64]:
        """Indices (floor(x / size), floor(z / size)), int64 (n, 2), of world squares that hold a reachable cell centre.

        Sorted and distinct; the squares are aligned with the world's origin, so maps of any extent can be compared.
        """
        centres = self.from_cells(np.argwhere(self.reachable))
        return np.unique(np.floor(centres / size).astype(np.int64), axis=0)


def build_floor(scene: Scene, radius: float = 0.2, height: float = 1.5) -> ReachableFloor:
    """Where a disc of `radius` metres and `height` metres tall can walk, from the scene's start or in its largest part.

    The floor is the union of the room polygons, or, in a scene without rooms, `floor_of_triangles`. Cells that a
    triangle touches anywhere between STEP_HEIGHT and `height` are blocked, at half a cell's resolution; the free rest
    is eroded by the disc with an exact distance transform. Leaves of open doors block too, unless they cut off a part
    of the floor: then they are ignored. Raises FloorError, naming the scene, if nothing is left.
    """
    scene = scene.solid or scene
    polygons = [shapely.make_valid(shapely.Polygon(room.polygon)) for room in scene.rooms]
    if polygons:
        level = _floor_level(scene)
        plan = shapely.union_all(polygons).buffer(1e-4, join_style="mitre")
        shape, origin = _grid(*plan.bounds)
        inside = _inside(plan, shape, origin)
    else:
        level, inside, origin = floor_of_triangles(scene)
        shape = inside.shape

    def obstacles(faces: NDArray[np.bool_]) -> NDArray[np.bool_]:
        blocked = np.zeros(shape, np.bool_)
        _rasterise(scene.vertices, scene.faces[faces], level + STEP_HEIGHT, level + height, *origin, CELL / 2, blocked)
        return blocked

    def walkable(free: NDArray[np.bool_]) -> NDArray[np.bool_]:
        # Cells on the rim are blocked by construction (the margin), so every free cell has a distance.
        away = cv2.distanceTransform(free.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        stand = away * (CELL / 2) - CELL / 4 >= radius - 1e-9
        parts, count = ndimage.label(_any_of_four(stand))
        connected: NDArray[np.bool_] = np.equal(np.asarray(parts), _start_part(scene, parts, origin))
        return connected if count else np.zeros_like(connected)

    structure = np.isin(scene.face_class, [CLASS_ID[name] for name in STRUCTURE])
    leaves = _open_leaves(scene, polygons) if polygons else np.zeros(len(scene.faces), np.bool_)
    things = obstacles(~structure)
    if polygons:
        # The inside of a cupboard is no floor. Without rooms, unlabelled triangles may be the walls themselves.
        things = ndimage.binary_fill_holes(things)
    free = inside & ~obstacles(structure & ~leaves) & ~things
    reachable = walkable(free & ~obstacles(leaves))
    if leaves.any():
        opened = walkable(free)
        if reachable.sum() < KEPT * opened.sum():
            reachable = opened
    if not reachable.any():
        raise FloorError(
            f"{scene.source}: no reachable floor: nowhere in its {inside.sum() * (CELL / 2) ** 2:.1f} m2 can a disc of"
            f" radius {radius} m stand; check the rooms' polygons and the furniture in them, or a mesh's scale and the"
            " axis that points up"
        )
    return ReachableFloor(origin, CELL, reachable, radius, level)


def shut_in(scene: Scene, floor: ReachableFloor) -> RoomArea | None:
    """The room that the agent cannot leave; None where it reaches several, or there is only one."""
    xz = floor.from_cells(np.argwhere(floor.reachable))
    there = shapely.points(xz)
    reached = [
        room for room in scene.rooms if shapely.contains(shapely.make_valid(shapely.Polygon(room.polygon)), there).any()
    ]
    return reached[0] if len(reached) == 1 < len(scene.rooms) else None


def floor_of_triangles(scene: Scene) -> tuple[float, NDArray[np.bool_], tuple[float, float]]:
    """Level, raster of half cells and its origin of the floor of a scene without rooms.

    The floor is that of `floor_level`. Gaps of a few cells, as scans have, are closed.
    Raises FloorError if no triangle is level, or the plan is too large for a building.
    """
    floor = floor_level(scene)
    if floor is None:
        raise FloorError(f"{scene.source}: no reachable floor: no triangle faces up; is another axis up (--up)?")
    level, corners = floor.level, scene.vertices[scene.faces[floor.at_level]].astype(np.float64)
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    if max(high[0] - low[0], high[2] - low[2]) > WIDEST:
        raise FloorError(
            f"{scene.source}: its floor spans {high[0] - low[0]:.0f} x {high[2] - low[2]:.0f} m, more than"
            f" {WIDEST:.0f}; are its units metres (--scale)?"
        )
    shape, origin = _grid(low[0], low[2], high[0], high[2])
    inside = np.zeros(shape, np.bool_)
    faces = scene.faces[floor.faces]
    _rasterise(scene.vertices, faces, level - STEP_HEIGHT, level + STEP_HEIGHT, *origin, CELL / 2, inside)
    inside = ndimage.binary_closing(inside, iterations=CLOSED)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    return level, inside, origin


def _grid(x0: float, z0: float, x1: float, z1: float) -> tuple[tuple[int, int], tuple[float, float]]:
    """Shape of a raster of half cells around a rectangle, with a margin, and its origin (x, z)."""
    shape = (2 * int(np.ceil((z1 - z0) / CELL)) + 8, 2 * int(np.ceil((x1 - x0) / CELL)) + 8)
    return shape, (float(x0) - 2 * CELL, float(z0) - 2 * CELL)


def _inside(plan: shapely.Geometry, shape: tuple[int, int], origin: tuple[float, float]) -> NDArray[np.bool_]:
    """Which half cells have their centre in a polygon or several (even-odd rule, a line of cells at a time)."""
    z, x = (start + (np.arange(count) + 0.5) * CELL / 2 for start, count in zip(origin[::-1], shape, strict=True))
    held = np.zeros(shape, np.bool_)
    for ring in shapely.get_rings(shapely.get_parts(plan)):
        for (x0, z0), (x1, z1) in pairwise(shapely.get_coordinates(ring)):
            first, last = np.searchsorted(z, [min(z0, z1), max(z0, z1)])
            if first < last:
                crossing = x0 + (z[first:last] - z0) / (z1 - z0) * (x1 - x0)
                held[first:last] ^= x < crossing[:, None]
    return held


def _any_of_four(stand: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells of which at least one quarter is True."""
    rows, columns = stand.shape
    return np.asarray(stand.reshape(rows // 2, 2, columns // 2, 2).any(axis=(1, 3)))


def _open_leaves(scene: Scene, rooms: list[shapely.Geometry]) -> NDArray[np.bool_]:
    """bool (F,): triangles of doors that reach out of their wall, which runs along the rooms' outlines."""
    doors = np.flatnonzero(scene.face_class == CLASS_ID["Door"])
    open_leaf = np.zeros(len(scene.faces), np.bool_)
    if len(doors):
        outlines = shapely.union_all([room.boundary for room in rooms])
        corners = scene.vertices[scene.faces[doors]]
        away = shapely.distance(outlines, shapely.points(corners[..., 0], corners[..., 2]))
        open_leaf[doors] = away.max(axis=1) > IN_WALL
    return open_leaf


def _floor_level(scene: Scene) -> float:
    """Height of the floor: the lowest vertex labelled Floor, or the lowest of all."""
    faces = scene.faces[scene.face_class == CLASS_ID["Floor"]]
    if not len(faces):
        faces = scene.faces
    return float(scene.vertices[faces, 1].min()) if len(faces) else 0.0


def _start_part(scene: Scene, parts: NDArray[np.int32], origin: tuple[float, float]) -> int:
    """The connected part within half a metre of the scene's start, or else the largest one."""
    if scene.start is not None and parts.any():
        rows, columns = np.nonzero(parts)
        away = np.hypot(
            origin[0] + (columns + 0.5) * CELL - scene.start[0], origin[1] + (rows + 0.5) * CELL - scene.start[1]
        )
        nearest = int(np.argmin(away))
        if away[nearest] <= 0.5:
            return int(parts[rows[nearest], columns[nearest]])
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return int(np.argmax(sizes))


@compiled
def _rasterise(vertices, faces, low, high, x0, z0, cell, blocked):  # type: ignore[no-untyped-def]
    """Mark every cell of `blocked` (nz, nx) that a triangle touches between heights low and high, exactly."""
    polygon = np.empty((8, 3))
    clipped = np.empty((8, 3))
    for face in range(faces.shape[0]):
        count = 3
        for corner in range(3):
            for axis in range(3):
                polygon[corner, axis] = vertices[faces[face, corner], axis]
        # Sutherland-Hodgman against the two planes y = low and y = high.
        for side in range(2):
            kept = 0
            for i in range(count):
                j = (i + 1) % count
                here = polygon[i, 1] - low if side == 0 else high - polygon[i, 1]
                there = polygon[j, 1] - low if side == 0 else high - polygon[j, 1]
                if here > 0:
                    clipped[kept] = polygon[i]
                    kept += 1
                if (here > 0) != (there > 0):
                    share = here / (here - there)
                    for axis in range(3):
                        clipped[kept, axis] = polygon[i, axis] + share * (polygon[j, axis] - polygon[i, axis])
                    kept += 1
            count = kept
            polygon, clipped = clipped, polygon
        if count:
            _mark(polygon, count, x0, z0, cell, blocked)


@compiled
def _mark(polygon, count, x0, z0, cell, blocked):  # type: ignore[no-untyped-def]
    """Mark the cells that a convex polygon (seen from above; may be a line) touches, by separating axes."""
    low_x, high_x, low_z, high_z = np.inf, -np.inf, np.inf, -np.inf
    for i in range(count):
        low_x, high_x = min(low_x, polygon[i, 0]), max(high_x, polygon[i, 0])
        low_z, high_z = min(low_z, polygon[i, 2]), max(high_z, polygon[i, 2])
    first_column = max(0, int(np.floor((low_x - x0) / cell)))
    last_column = min(blocked.shape[1] - 1, int(np.floor((high_x - x0) / cell)))
    first_row = max(0, int(np.floor((low_z - z0) / cell)))
    last_row = min(blocked.shape[0] - 1, int(np.floor((high_z - z0) / cell)))
    for row in range(first_row, last_row + 1):
        for column in range(first_column, last_column + 1):
            if blocked[row, column]:
                continue
            cx, cz = x0 + (column + 0.5) * cell, z0 + (row + 0.5) * cell
            apart = False
            for i in range(count):
                j = (i + 1) % count
                nx, nz = polygon[j, 2] - polygon[i, 2], polygon[i, 0] - polygon[j, 0]
                reach = 0.5 * cell * (abs(nx) + abs(nz))
                low, high = np.inf, -np.inf
                for k in range(count):
                    along = nx * (polygon[k, 0] - cx) + nz * (polygon[k, 2] - cz)
                    low, high = min(low, along), max(high, along)
                if low > reach or high < -reach:
                    apart = True
                    break
            if not apart:
                blocked[row, column] = True
