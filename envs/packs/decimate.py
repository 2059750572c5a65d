"""Mesh decimation that keeps materials, texture coordinates and normals."""

from __future__ import annotations

import numpy as np
from fast_simplification import simplify
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .obj import Triangles

CANDIDATES = 8
"""Number of nearby old triangles that are candidates for the one under a new triangle."""
SEAM = 0.2
"""Texture repeats by which a corner may differ from its triangle's linear mapping; beyond, there is a seam between the
two, and the triangle stays on its side."""


def decimated(model: Triangles, most: int) -> Triangles:
    """The model with about `most` triangles or fewer, by quadric edge collapses (Garland and Heckbert, 1997).

    Coincident corners are joined first, so that no seam opens. Each new triangle takes the material of the old one
    that it lies on, each of its corners uv and normal of the old ones there that face the same way. A model that has no
    more than `most` comes back as it is.
    """
    if len(model.faces) <= most:
        return model
    places, joined = np.unique(np.round(model.vertices, 6), axis=0, return_inverse=True)
    faces = joined.reshape(-1)[model.faces]
    whole = (faces != np.roll(faces, 1, axis=1)).all(1)
    points, corners = simplify(places, faces[whole].astype(np.int64), target_count=most, preserve_border=True)
    corner = np.asarray(points, np.float64)[np.asarray(corners, np.int64)]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(cross, axis=1)
    corner, cross = corner[area > 0], cross[area > 0] / area[area > 0, None]
    source = _under(model, corner.mean(1), cross)
    there = _under(model, corner.reshape(-1, 3), np.repeat(cross, 3, axis=0))
    weights = np.clip(_barycentric(model.vertices[model.faces[there]], corner.reshape(-1, 1, 3))[:, 0], 0, 1)
    weights /= weights.sum(1, keepdims=True)
    uv, normals = (
        np.einsum("ck,ckj->cj", weights, values[model.faces[there]]).reshape(len(corner), 3, -1)
        for values in (model.uv, model.normals)
    )
    flat = _barycentric(model.vertices[model.faces[source]], corner) @ model.uv[model.faces[source]]
    across = (np.abs(uv - flat) > SEAM).any(2, keepdims=True)
    uv = np.where(across, np.clip(flat, uv.min(1, keepdims=True) - 1, uv.max(1, keepdims=True) + 1), uv)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    normals = np.where(length > 1e-6, normals / np.maximum(length, 1e-6), cross[:, None])
    uv[[model.surfaces[number].texture is None for number in model.surface[source]]] = 0
    # Corners share a vertex where they look nearly alike: light is baked at each vertex, and half of them will do.
    alike = np.concatenate([corner, np.round(normals, 1), np.round(uv, 4)], 2).reshape(-1, 8)
    _, first, index = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    where, shading, picture = (values.reshape(-1, values.shape[2])[first] for values in (corner, normals, uv))
    return Triangles(where, shading, picture, index.reshape(-1, 3), model.surface[source], model.surfaces)


def _under(model: Triangles, middles: NDArray[np.float64], facing: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which triangle (F',) of the model lies under each middle (F', 3): near, and facing (F', 3) the same way."""
    corner, cross = model.vertices[model.faces], model.crosses()
    cross /= np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    count = min(CANDIDATES, len(corner))
    away, near = cKDTree(corner.mean(1)).query(middles, k=count)
    away, near = away.reshape(-1, count), near.reshape(-1, count)
    turned = 1 - np.einsum("fck,fk->fc", cross[near], facing)  # 0: the same way; 2: the other side of a sheet
    best = (away * (1 + 2 * turned)).argmin(1)
    return np.take_along_axis(near, best[:, None], 1)[:, 0]


def _barycentric(triangle: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (F, P, 3) of points (F, P, 3) dropped onto the planes of triangles (F, 3, 3)."""
    a, b = triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]
    aa, ab, bb = (a * a).sum(1), (a * b).sum(1), (b * b).sum(1)
    to = points - triangle[:, :1]
    pa, pb = np.einsum("fpk,fk->fp", to, a), np.einsum("fpk,fk->fp", to, b)
    scale = np.maximum(aa * bb - ab * ab, 1e-18)[:, None]
    second = (bb[:, None] * pa - ab[:, None] * pb) / scale
    third = (aa[:, None] * pb - ab[:, None] * pa) / scale
    return np.stack([1 - second - third, second, third], 2)
