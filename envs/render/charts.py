"""Charts: grids of baked light on the large flat surfaces of a Scene, and the positions of their texels.

On a wall or a table top light varies far from any corner, so these get texels; all other surfaces consist of triangles
small enough for one value at each vertex.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ...core.jit import compiled
from ..scene import Scene

TEXEL = 0.06
"""Metres between the texels of a chart."""
SMALL = 0.25
"""Flat surfaces whose longer side is shorter, in metres, have no chart."""
INSET = 0.01
"""Metres from a chart's edges to its outermost texels, so that they are not on the surfaces that meet there."""
AWAY = 0.05
"""Distance in metres from a surface to the point that decides whether it faces a room."""
MOST_TEXELS = 1_500_000
"""Most texels of a Scene: where TEXEL would give more, they are further apart."""

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Charts:
    """The charts of a Scene, C of them with K texels in all."""

    columns: NDArray[np.int32]
    """(C,) texels along u, 2 or more."""
    rows: NDArray[np.int32]
    """(C,) texels along v, 2 or more."""
    first: NDArray[np.int64]
    """(C,) index of the chart's first texel."""
    positions: NDArray[np.float32]
    """(K, 3) metres, on the surface's plane."""
    normals: NDArray[np.float32]
    """(K, 3)."""
    covered: NDArray[np.bool_]
    """(K,) whether a triangle of the surface covers the texel."""
    coarse: NDArray[np.bool_]
    """(K,) every other column of every other row, and the last of each: enough for indirect light, which varies
    slowly."""
    face_chart: NDArray[np.int32]
    """(F,) index of the face's chart, or -1."""
    faces: NDArray[np.int32]
    """(F, 3) the Scene's faces, with copies (indices from V on) of vertices that a chart shares with other surfaces."""
    copies: NDArray[np.int32]
    """(D,) the vertices that were copied."""
    vertex_texel: NDArray[np.float32]
    """(V + D, 2) column and row of vertices on charts."""


def indoors(scene: Scene, points: Floats) -> NDArray[np.bool_]:
    """(n,): whether points (n, 3) are above the floor of a room; True everywhere in a Scene without rooms."""
    if not scene.rooms:
        return np.ones(len(points), np.bool_)
    rooms = shapely.union_all([shapely.Polygon(room.polygon).buffer(0) for room in scene.rooms])
    shapely.prepare(rooms)
    inside: NDArray[np.bool_] = shapely.contains_xy(rooms, points[:, 0], points[:, 2])
    return inside


def find_charts(scene: Scene) -> Charts:
    """The charts of all large flat surfaces: sets of coplanar triangles that share vertices."""
    faces, vertices = scene.faces, scene.vertices.astype(np.float64)
    corners = vertices[faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    normal = cross / np.maximum(area, 1e-20)[:, None]
    flat = (np.einsum("fkc,fc->fk", scene.normals[faces], normal) > 0.999).all(axis=1) & (area > 1e-9)
    number, label = _components(len(vertices), faces[flat])
    owner = np.where(flat, label[faces[:, 0]], -1)
    use = np.flatnonzero(owner >= 0)
    if not len(use):
        return _none(scene)
    use = use[np.lexsort((-area[use], owner[use]))]
    ids, begins = np.unique(owner[use], return_index=True)
    largest = use[begins]
    place = np.full(number, -1)
    place[ids] = np.arange(len(ids))
    member = np.flatnonzero(place[label] >= 0)  # vertices that no flat face uses form sets without a place
    of = place[label[member]]
    n = normal[largest]
    low, high, axes = _rectangles(vertices[member], of, corners[largest], n)
    extent = high - low
    keep = extent.max(axis=1) > SMALL
    renumber = np.where(keep, np.cumsum(keep) - 1, -1)
    face_chart = np.where(owner >= 0, renumber[place[np.maximum(owner, 0)]], -1).astype(np.int32)
    low, extent, axes, n = low[keep], extent[keep], axes[keep], n[keep]

    inset = np.minimum(INSET, extent * 0.2)
    height = np.einsum("fc,fc->f", corners[largest[keep], 0], n)
    counts = _counts(scene, low, extent, axes, n, height, inset)
    steps = (extent - 2 * inset) / (counts - 1)
    sizes = counts.prod(axis=1)
    first = np.concatenate([[0], np.cumsum(sizes)])[:-1].astype(np.int64)
    of_texel = np.repeat(np.arange(len(sizes)), sizes)
    within = np.arange(len(of_texel)) - first[of_texel]
    row, column = np.divmod(within, counts[of_texel, 0])
    last = counts[of_texel] - 1
    coarse = ((column % 2 == 0) | (column == last[:, 0])) & ((row % 2 == 0) | (row == last[:, 1]))
    along = (low + inset)[of_texel] + np.stack([column, row], axis=1) * steps[of_texel]
    positions = np.einsum("kc,kcd->kd", along, axes[of_texel]) + (height[:, None] * n)[of_texel]

    on_chart = np.unique(faces[face_chart >= 0])
    others = np.zeros(len(vertices), np.bool_)
    others[faces[face_chart < 0]] = True
    copies = on_chart[others[on_chart]]
    moved = np.arange(len(vertices))
    moved[copies] = len(vertices) + np.arange(len(copies))
    own = np.where((face_chart >= 0)[:, None], moved[faces], faces).astype(np.int32)

    chart = renumber[place[label[on_chart]]]
    flat_place = np.einsum("vd,vcd->vc", vertices[on_chart], axes[chart])
    vertex_texel = np.zeros((len(vertices) + len(copies), 2), np.float32)
    vertex_texel[moved[on_chart]] = (flat_place - (low + inset)[chart]) / steps[chart]
    covered = np.zeros(len(positions), np.bool_)
    _cover(own, face_chart, vertex_texel, counts, first, covered)
    # Kept just below the last texel, so that all four neighbours exist everywhere.
    vertex_texel[moved[on_chart]] = np.clip(vertex_texel[moved[on_chart]], 0, counts[chart] - 1.002)
    return Charts(
        counts[:, 0].astype(np.int32), counts[:, 1].astype(np.int32), first, positions.astype(np.float32),
        n[of_texel].astype(np.float32), covered, coarse, face_chart, own, copies.astype(np.int32), vertex_texel,
    )  # fmt: skip


def _none(scene: Scene) -> Charts:
    """No charts: nothing is flat."""
    whole, points = np.zeros(0, np.int32), np.zeros((0, 3), np.float32)
    return Charts(
        whole, whole, np.zeros(0, np.int64), points, points, np.zeros(0, np.bool_), np.zeros(0, np.bool_),
        np.full(len(scene.faces), -1, np.int32), scene.faces, whole, np.zeros((len(scene.vertices), 2), np.float32),
    )  # fmt: skip


def _components(count: int, faces: NDArray[np.int32]) -> tuple[int, NDArray[np.int32]]:
    """How many sets of vertices the faces connect, and each vertex's."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges), np.int8), edges.T), (count, count))
    number, label = connected_components(graph, directed=False)
    return number, label


def _rectangles(points: Floats, of: NDArray[Any], corners: Floats, normal: Floats) -> tuple[Floats, Floats, Floats]:
    """Low and high ends (C, 2) along two axes (C, 2, 3) of the smallest rectangle, with a side along an edge of the
    surface's largest triangle, about the points of each of C surfaces."""
    best = np.full(len(normal), np.inf)
    low, high = np.zeros((len(normal), 2)), np.zeros((len(normal), 2))
    axes = np.zeros((len(normal), 2, 3))
    order = np.argsort(of, kind="stable")
    begins = np.searchsorted(of[order], np.arange(len(normal)))
    for k in range(3):
        along = corners[:, (k + 1) % 3] - corners[:, k]
        along /= np.maximum(np.linalg.norm(along, axis=1), 1e-20)[:, None]
        pair = np.stack([along, np.cross(normal, along)], axis=1)
        place = np.einsum("vd,vcd->vc", points, pair[of])[order]
        if not len(place):
            break
        lower, upper = np.minimum.reduceat(place, begins), np.maximum.reduceat(place, begins)
        size = (upper - lower).prod(axis=1)
        better = size < best * 0.999
        best[better], low[better], high[better], axes[better] = size[better], lower[better], upper[better], pair[better]
    return low, high, axes


def _counts(
    scene: Scene, low: Floats, extent: Floats, axes: Floats, normal: Floats, height: Floats, inset: Floats
) -> NDArray[Any]:
    """(C, 2) texels along each side; the fewest on surfaces that face out of the house."""
    texel = max(TEXEL, TEXEL * float(np.sqrt((extent / TEXEL).prod(axis=1).sum() / MOST_TEXELS)))
    counts = np.maximum(np.ceil((extent - 2 * inset) / texel).astype(np.int64) + 1, 2)
    seen = np.zeros(len(low), np.bool_)
    for u, v in ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        place = low + inset + (u, v) * (extent - 2 * inset)
        seen |= indoors(scene, np.einsum("kc,kcd->kd", place, axes) + (height + AWAY)[:, None] * normal)
    counts[~seen] = 2
    return counts


@compiled
def _cover(faces, face_chart, texel, counts, first, covered):
    """Mark the texels that a triangle of their chart covers."""
    for face in range(len(faces)):
        chart = face_chart[face]
        if chart < 0:
            continue
        a, b, c = texel[faces[face, 0]], texel[faces[face, 1]], texel[faces[face, 2]]
        columns, rows = counts[chart, 0], counts[chart, 1]
        x0, x1 = int(np.ceil(min(a[0], b[0], c[0]) - 1e-3)), int(max(a[0], b[0], c[0]) + 1e-3)
        y0, y1 = int(np.ceil(min(a[1], b[1], c[1]) - 1e-3)), int(max(a[1], b[1], c[1]) + 1e-3)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0:
            continue
        for y in range(max(y0, 0), min(y1, rows - 1) + 1):
            for x in range(max(x0, 0), min(x1, columns - 1) + 1):
                u = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
                v = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
                if u >= -1e-3 and v >= -1e-3 and u + v <= 1 + 2e-3:
                    covered[first[chart] + y * columns + x] = True
