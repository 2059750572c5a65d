"""Primitives of furniture and doors: closed, counter-clockwise, split at hard edges, uv in metres.

All are in a right-handed frame, y up, metres. A `Part` has no material; a `Mesh` is parts with materials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..scene import Material

Floats = NDArray[np.float64]
SMOOTH_ANGLE = 40.0
"""Degrees between neighbouring facets of a lathe above which their edge is hard."""


@dataclass(frozen=True)
class Part:
    """Triangles of one material: vertices (V, 3), normals (V, 3), uv (V, 2) float64, faces (F, 3) int64."""

    vertices: Floats
    normals: Floats
    uv: Floats
    faces: NDArray[np.int64]

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Part:
        """Shifted by so many metres."""
        return Part(self.vertices + np.array([x, y, z], float), self.normals, self.uv, self.faces)

    def turned(self, axis: str, degrees: float) -> Part:
        """Turned about the axis 'x', 'y' or 'z' through the origin, counter-clockwise seen from its positive end."""
        i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.eye(3)
        turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
        return Part(self.vertices @ turn.T, self.normals @ turn.T, self.uv, self.faces)

    def scaled(self, x: float = 1.0, y: float = 1.0, z: float = 1.0) -> Part:
        """Stretched by positive factors; normals follow the inverse transpose."""
        factors = np.array([x, y, z], float)
        return Part(self.vertices * factors, unit(self.normals / factors), self.uv, self.faces)


@dataclass
class Mesh:
    """Parts with their materials, in the order added."""

    parts: list[tuple[Part, Material]] = field(default_factory=list)

    def add(self, material: Material, *parts: Part) -> Mesh:
        """Append parts of one material; returns self so that calls chain."""
        self.parts.extend((part, material) for part in parts)
        return self

    def extend(self, other: Mesh) -> Mesh:
        """Append another mesh's parts; returns self."""
        self.parts.extend(other.parts)
        return self

    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest corner of the mesh, (3,) each."""
        points = np.concatenate([part.vertices for part, _ in self.parts])
        return points.min(0), points.max(0)


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length one; a zero row points up."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-12, vectors / np.maximum(length, 1e-12), (0.0, 1.0, 0.0))


def join(parts: Sequence[Part]) -> Part:
    """One part of many."""
    starts = np.cumsum([0] + [len(p.vertices) for p in parts[:-1]])
    return Part(
        np.concatenate([p.vertices for p in parts]),
        np.concatenate([p.normals for p in parts]),
        np.concatenate([p.uv for p in parts]),
        np.concatenate([p.faces + s for p, s in zip(parts, starts, strict=True)]),
    )


def quad(corners: Sequence[Sequence[float]], uv: Sequence[Sequence[float]] | None = None) -> Part:
    """A flat four-sided polygon; corners counter-clockwise seen from the front. uv defaults to metres, v downwards
    along the edge from corner 3 to corner 0 (so corners go lower left, lower right, upper right, upper left)."""
    points = np.asarray(corners, float)
    across, down = points[1] - points[0], points[0] - points[3]
    normal = unit(np.cross(across, -down)[None])
    if uv is None:
        w, h = float(np.linalg.norm(across)), float(np.linalg.norm(down))
        uv = [(0, h), (w, h), (w, 0), (0, 0)]
    return Part(points, np.repeat(normal, 4, 0), np.asarray(uv, float), np.array([[0, 1, 2], [0, 2, 3]]))


_BOX_SIDES = np.array(
    [  # corners (x, y, z as 0 low, 1 high) of each side: lower left, lower right, upper right, upper left
        [[1, 0, 1], [1, 0, 0], [1, 1, 0], [1, 1, 1]],
        [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0]],
        [[0, 1, 1], [1, 1, 1], [1, 1, 0], [0, 1, 0]],
        [[0, 0, 0], [1, 0, 0], [1, 0, 1], [0, 0, 1]],
        [[0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
        [[1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 1, 0]],
    ]
)
_BOX_NORMALS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
_BOX_ALL_NORMALS = np.repeat(_BOX_NORMALS, 4, 0)
_BOX_FACES = (np.array([[0, 1, 2], [0, 2, 3]])[None] + 4 * np.arange(6)[:, None, None]).reshape(-1, 3)


def box(x0: float, x1: float, y0: float, y1: float, z0: float, z1: float) -> Part:
    """An axis-aligned box from its low and high sides; 12 triangles. u runs along the longer edge of each side, and so
    does the grain of wood."""
    low, size = np.array([x0, y0, z0], float), np.array([x1 - x0, y1 - y0, z1 - z0], float)
    points = low + _BOX_SIDES * size  # (6, 4, 3)
    width, height = np.abs(size[[2, 2, 0, 0, 0, 0]]), np.abs(size[[1, 1, 2, 2, 1, 1]])
    uv = np.zeros((6, 4, 2))
    uv[:, 1:3, 0], uv[:, :2, 1] = width[:, None], height[:, None]
    turned = height > width
    uv[turned] = uv[turned][..., ::-1]
    return Part(points.reshape(-1, 3), _BOX_ALL_NORMALS, uv.reshape(-1, 2), _BOX_FACES)


def _soft_sides() -> tuple[Floats, Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Data shared by all soft boxes: points (96, 3) as ends of the half sides (-1 or 1) and steps of the radius
    inwards, the axes of u and v (96, 2), and the faces (108, 3)."""
    number = np.arange(16).reshape(4, 4).T
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    cells = np.concatenate([np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)])
    u, v = np.meshgrid(np.arange(4), np.arange(4), indexing="ij")
    ends, steps = np.array([-1.0, -1.0, 1.0, 1.0]), np.array([0.0, 1.0, -1.0, 0.0])
    points, inwards, axes = [], [], []
    faces: list[NDArray[np.int64]] = []
    for axis in range(3):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        for side in (1.0, -1.0):
            end, step = np.zeros((16, 3)), np.zeros((16, 3))
            end[:, axis], end[:, i], end[:, j] = side, ends[u.ravel()], ends[v.ravel()]
            step[:, i], step[:, j] = steps[u.ravel()], steps[v.ravel()]
            points.append(end)
            inwards.append(step)
            axes.append(np.tile((j, i) if axis == 0 else (i, j), (16, 1)))
            faces.append((cells[:, ::-1] if side > 0 else cells) + 16 * len(faces))
    return np.concatenate(points), np.concatenate(inwards), np.concatenate(axes), np.concatenate(faces)


_SOFT_ENDS, _SOFT_STEPS, _SOFT_UV, _SOFT_FACES = _soft_sides()


def soft_box(x0: float, x1: float, y0: float, y1: float, z0: float, z1: float, radius: float) -> Part:
    """A box with rounded edges, for cushions and casings; 108 triangles. The radius is cut to fit."""
    half = np.array([x1 - x0, y1 - y0, z1 - z0], float) / 2
    centre = np.array([x0 + x1, y0 + y1, z0 + z1], float) / 2
    radius = min(radius, 0.45 * 2 * float(half.min()))
    near = _SOFT_ENDS * half + _SOFT_STEPS * radius  # (96, 3)
    inner = np.clip(near, radius - half, half - radius)
    normals = unit(near - inner)
    uv = np.take_along_axis(near, _SOFT_UV, axis=1) * (1.0, -1.0)
    return Part(inner + radius * normals + centre, normals, uv, _SOFT_FACES)


def lathe(profile: Sequence[tuple[float, float]], segments: int = 12) -> Part:
    """A surface turned about y from (radius, height) points that run from the bottom to the top along the outside
    (and down again inside, for vessels). Ends at radius 0 are closed by fans."""
    points = np.asarray(profile, float)
    step = np.diff(points, axis=0)
    keep = np.linalg.norm(step, axis=1) > 1e-9
    points = np.concatenate([points[:1], points[1:][keep]])
    step = np.diff(points, axis=0)
    normal = unit(np.stack([step[:, 1], -step[:, 0], np.zeros(len(step))], 1))[:, :2]  # outward of each facet
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(step, axis=1))])
    around = np.linspace(0.0, 2 * np.pi, segments + 1)
    ring = np.stack([np.sin(around), np.zeros_like(around), np.cos(around)], 1)
    widest = float(points[:, 0].max())
    # normals of each facet's two ends, shared with the next facet where their edge is smooth
    smooth = (normal[:-1] * normal[1:]).sum(1) > np.cos(np.radians(SMOOTH_ANGLE))
    both = normal[:-1] + normal[1:]
    lower, upper = normal.copy(), normal.copy()
    lower[1:][smooth] = upper[:-1][smooth] = both[smooth]
    pair = np.arange(len(step))[:, None] + np.arange(2)  # (facets, 2): the points at its ends
    n = np.stack([lower, upper], 1)
    n = n / np.linalg.norm(n, axis=2, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    vertices = points[pair, 0][..., None, None] * ring + points[pair, 1][..., None, None] * up
    normals = n[..., 0, None, None] * ring + n[..., 1, None, None] * up
    uv = np.stack(np.broadcast_arrays(around * widest, -length[pair][..., None]), -1)
    low, high = np.arange(segments), np.arange(segments) + segments + 1
    first, second = np.stack([low, low + 1, high + 1], 1), np.stack([low, high + 1, high], 1)
    wide = points[:, 0] > 1e-9
    used = [k for k in range(len(step)) if wide[k] or wide[k + 1]]
    faces: list[NDArray[np.int64]] = []
    for place, k in enumerate(used):
        start = 2 * (segments + 1) * place
        faces += [f + start for f, there in ((first, wide[k]), (second, wide[k + 1])) if there]
    return Part(
        vertices[used].reshape(-1, 3), normals[used].reshape(-1, 3), uv[used].reshape(-1, 2), np.concatenate(faces)
    )


def curve(profile: Sequence[tuple[float, float]], steps: int = 3) -> list[tuple[float, float]]:
    """Points (N, 2) of a smooth curve through `profile` (Catmull and Rom 1974), `steps` for each piece; radii are 0 or
    more. For lathed shapes with round bellies."""
    p = np.asarray(profile, float)
    p = np.concatenate([p[:1], p, p[-1:]])
    t = (np.arange(steps) / steps)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    points = np.concatenate([*pieces, p[-1:]])
    return [(max(float(r), 0.0), float(y)) for r, y in points]


def cylinder(
    x: float, z: float, y0: float, y1: float, radius: float, top: float | None = None, segments: int = 10
) -> Part:
    """An upright closed cylinder, or a cone stump where `top`, the upper radius, differs."""
    top = radius if top is None else top
    return lathe([(0, y0), (radius, y0), (top, y1), (0, y1)], segments).moved(x, 0, z)


def ball(x: float, y: float, z: float, rx: float, ry: float, rz: float, segments: int = 12, rows: int = 6) -> Part:
    """An ellipsoid."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, rows + 1)
    profile = [(max(float(np.cos(a)), 0.0) if 0 < i < rows else 0.0, float(np.sin(a))) for i, a in enumerate(angle)]
    return lathe(profile, segments).scaled(rx, ry, rz).moved(x, y, z)


def tube(path: Sequence[Sequence[float]], radius: float, segments: int = 6, closed: bool = False) -> Part:
    """A round tube along a polyline, with flat ends; `closed` joins the last point to the first."""
    points = np.asarray(path, float)
    if closed:
        points = np.concatenate([points, points[:1]])
    step = unit(np.diff(points, axis=0))
    before, after = (step[-1:], step[:1]) if closed else (step[:1], step[-1:])
    tangent = unit(np.concatenate([before, step]) + np.concatenate([step, after]))
    flattest = np.argmin(np.abs(step).max(0))  # an axis that no piece runs along keeps the frame from flipping
    side = unit(np.cross(tangent, np.eye(3)[flattest]))
    up = np.cross(tangent, side)
    stretch = 1.0 / np.maximum((tangent * np.concatenate([step, after])).sum(1), 0.5)
    around = np.linspace(0.0, 2 * np.pi, segments + 1)
    normals = np.cos(around)[None, :, None] * side[:, None] + np.sin(around)[None, :, None] * up[:, None]
    widened = normals if closed else normals * np.minimum(stretch, 1.4)[:, None, None]
    vertices = points[:, None] + radius * widened
    rows = len(points)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    uv = np.stack(np.broadcast_arrays(along[:, None], around[None] * radius), -1)
    index = np.arange(rows * (segments + 1)).reshape(rows, segments + 1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    parts = [Part(vertices.reshape(-1, 3), normals.reshape(-1, 3), uv.reshape(-1, 2), faces)]
    if not closed:
        for row, out in ((0, -tangent[0]), (rows - 1, tangent[-1])):
            ring = vertices[row, :-1]
            fan = np.array([[0, i, i + 1] for i in range(1, segments - 1)])
            if row == 0:
                fan = fan[:, ::-1]
            parts.append(Part(ring, np.repeat(out[None], segments, 0), np.zeros((segments, 2)), fan))
    return join(parts)


def slab(outline: Sequence[tuple[float, float]], y0: float, y1: float) -> Part:
    """A plate of any star-shaped outline (x, z), counter-clockwise seen from above, between two heights."""
    points = np.asarray(outline, float)
    n = len(points)
    middle = points.mean(0)
    fan = np.stack([np.full(n, n), np.arange(n), (np.arange(n) + 1) % n], 1)
    flat = np.concatenate([points, middle[None]])
    parts = []
    for y, up in ((y1, 1.0), (y0, -1.0)):
        vertices = np.insert(flat, 1, y, axis=1)
        parts.append(Part(vertices, np.tile((0.0, up, 0.0), (n + 1, 1)), flat, fan if up > 0 else fan[:, ::-1]))
    for p, q in zip(points, np.roll(points, -1, 0), strict=True):
        parts.append(quad([(p[0], y0, p[1]), (q[0], y0, q[1]), (q[0], y1, q[1]), (p[0], y1, p[1])]))
    return join(parts)


def puff(w: float, h: float, d: float, cells: int = 6) -> Part:
    """A closed cushion: thick in the middle, thin at its seams, its corners drawn out a little."""
    line = np.linspace(-1, 1, cells + 1)
    u, v = np.meshgrid(line, line, indexing="ij")
    swell = ((1 - u**2) * (1 - v**2)) ** 0.4
    pinch = 1 - 0.1 * (1 - u**2), 1 - 0.1 * (1 - v**2)
    index = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    a, b, c, e = (
        index[i, j].ravel()
        for i, j in (
            (slice(None, -1), slice(None, -1)),
            (slice(1, None), slice(None, -1)),
            (slice(1, None), slice(1, None)),
            (slice(None, -1), slice(1, None)),
        )
    )
    faces = np.concatenate([np.stack([a, e, c], 1), np.stack([a, c, b], 1)])
    parts = []
    for side in (1.0, -1.0):
        points = np.stack([u * pinch[1] * w / 2, h / 2 + side * swell * h / 2, v * pinch[0] * d / 2], -1)
        normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0)).reshape(-1, 3) * side
        uv = np.stack([u * w / 2, v * d / 2], -1).reshape(-1, 2)
        parts.append(Part(points.reshape(-1, 3), unit(normals), uv, faces if side > 0 else faces[:, ::-1]))
    return join(parts)
