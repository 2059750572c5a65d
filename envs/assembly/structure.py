"""Walls with their holes, floors and ceilings."""

from __future__ import annotations

import mapbox_earcut
import numpy as np
from numpy.typing import NDArray

from ..furniture.shapes import Mesh, Part, box, join, quad
from ..house.house import House, Room
from ..house.house import Material as HouseMaterial
from ..materials.materials import ceiling_material, floor_material, named, wall_material
from ..scene import Material, SceneError
from .panels import OFFSET, Panel

BASEBOARD_HEIGHT, BASEBOARD_DEPTH = 0.08, 0.012
TRIM_WIDTH = 0.06
"""Metres of trim around doors, where the baseboard stops."""


def surface_material(material: HouseMaterial, use: str) -> Material:
    """The look of a surface of the house; `use` is "floor", "wall" or "ceiling"."""
    colour = None if material.colour is None else tuple(min(max(float(c), 0.0), 1.0) for c in material.colour)
    assert colour is None or len(colour) == 3
    makers = {"floor": floor_material, "wall": wall_material, "ceiling": ceiling_material}
    return makers[use](material.name, colour)


def room_polygon(room: Room) -> NDArray[np.float64]:
    """The room's floor in our frame, (K, 2) corners (x, z), counter-clockwise seen from above."""
    points = np.array([(x, -z) for x, z in room.polygon], np.float64)
    x, z = points.T
    # seen from above, x points right and z down, so a counter-clockwise ring has a negative shoelace sum
    return points if float((x * np.roll(z, -1) - np.roll(x, -1) * z).sum()) < 0 else points[::-1].copy()


def flat(polygon: NDArray[np.float64], y: float, upwards: bool, source: str = "") -> Part:
    """A horizontal polygon at height y, concave or not, facing up or down; uv are (x, z).

    Raises SceneError if the polygon has no area.
    """
    triangles = mapbox_earcut.triangulate_float64(polygon, np.array([len(polygon)], np.uint32)).reshape(-1, 3)
    faces = triangles.astype(np.int64)
    a, b, c = (polygon[faces[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    faces, area = faces[np.abs(area) > 1e-9], area[np.abs(area) > 1e-9]
    if not len(faces):
        raise SceneError(f"{source}: a room's floor polygon has no area; give it three corners that are not in line")
    turned = (area > 0) == upwards  # in (x, z) a positive area runs clockwise seen from above
    faces[turned] = faces[turned][:, ::-1]
    vertices = np.insert(polygon, 1, y, axis=1)
    normals = np.tile((0.0, 1.0 if upwards else -1.0, 0.0), (len(polygon), 1))
    return Part(vertices, normals, polygon.copy(), faces)


def wall_mesh(panel: Panel, baseboard: Material | None) -> Mesh:
    """One panel without its holes, in the house, with a baseboard along its foot between the doors."""
    mesh = Mesh()
    height = panel.wall.height
    pieces = []
    for s0, y0, s1, y1 in panel.free():
        corners = [(s0, y0, OFFSET), (s1, y0, OFFSET), (s1, y1, OFFSET), (s0, y1, OFFSET)]
        pieces.append(quad(corners, [(c[0], height - c[1]) for c in corners]))
    if pieces:
        mesh.add(surface_material(panel.wall.material, "wall"), panel.place(join(pieces)))
    if baseboard is not None:
        boards = [
            panel.place(box(s0, s1, 0, BASEBOARD_HEIGHT, OFFSET, OFFSET + BASEBOARD_DEPTH))
            for s0, s1 in _between_doors(panel)
        ]
        mesh.add(baseboard, *boards)
    return mesh


def _between_doors(panel: Panel) -> list[tuple[float, float]]:
    """Intervals of the panel's foot, (s low, s high), without doors and their trim."""
    over = BASEBOARD_DEPTH  # past an outer corner, to meet the neighbour's baseboard
    start = panel.start - (over if panel.start < -1e-6 else 0.0)
    end = panel.end + (over if panel.end > panel.wall.length + 1e-6 else 0.0)
    spans = []
    for s0, y0, s1, _ in sorted(panel.holes):
        if y0 < BASEBOARD_HEIGHT:
            if s0 - TRIM_WIDTH - start > 0.01:
                spans.append((start, s0 - TRIM_WIDTH))
            start = max(start, s1 + TRIM_WIDTH)
    return [*spans, (start, end)] if end - start > 0.01 else spans


def ceiling_height(house: House, room: Room) -> float:
    """Metres from the ground to the room's ceiling: the top of its tallest wall."""
    tops = [w.bottom + w.height for w in house.walls if w.room_id == room.id and not w.exterior]
    return max(tops or [w.bottom + w.height for w in house.walls], default=2.7)


def baseboard_of(room: Room) -> Material:
    """The baseboard's material: white or wood, by the floor."""
    floor = surface_material(room.floor_material, "floor")
    if sum(floor.rgb) / 3 > 0.6:
        return named("baseboard wood", "wood", tuple(0.75 * c for c in floor.rgb))
    return named("baseboard white", "porcelain", (0.92, 0.91, 0.88))
