"""The same house with more triangles, to measure the cost of a triangle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...envs.house.classes import CLASS_ID, STRUCTURE
from ...envs.scene import Scene


def with_triangles(scene: Scene, count: int, walls: bool = False) -> Scene:
    """The scene with at least `count` triangles: the longest ones are split in half until there are enough.

    The parts lie in the planes of the original triangles, so the images are the same, and next to each other in the
    arrays, as in a finer model of the same object. walls: whether to split walls, floors and ceilings too, as in a
    scanned house (modelled houses have none such): all triangles then become as small as pixels.
    """
    if len(scene.faces) >= count:
        return scene
    while len(scene.faces) < count:
        scene = _split(scene, count - len(scene.faces), walls)
    return _in_order(scene)


def _split(scene: Scene, limit: int, walls: bool) -> Scene:
    """Split the triangles with the longest edges at the midpoint: a quarter of all, but no more than `limit`."""
    corner = scene.vertices[scene.faces]
    length = np.linalg.norm(np.roll(corner, -1, axis=1) - corner, axis=2)  # of the edges 01, 12, 20
    structural = np.isin(scene.face_class, [CLASS_ID[name] for name in STRUCTURE])
    candidates = np.flatnonzero(~structural) if not walls and not structural.all() else np.arange(len(scene.faces))
    number = min(limit, max(1, len(candidates) // 4))
    chosen = np.sort(candidates[np.argsort(-length.max(axis=1)[candidates], kind="stable")[:number]])
    rolled = (length[chosen].argmax(axis=1)[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(scene.faces[chosen], rolled, axis=1).T
    midpoint = len(scene.vertices) + np.arange(number, dtype=np.int32)
    faces = scene.faces.copy()
    faces[chosen] = np.stack([a, midpoint, c], 1)
    normals = scene.normals[a] + scene.normals[b]
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(size > 1e-6, normals / np.maximum(size, 1e-6), scene.normals[a])
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices, (scene.vertices[a] + scene.vertices[b]) / 2]),
        normals=np.concatenate([scene.normals, normals.astype(np.float32)]),
        uv=np.concatenate([scene.uv, (scene.uv[a] + scene.uv[b]) / 2]),
        faces=np.insert(faces, chosen + 1, np.stack([midpoint, b, c], 1), axis=0).astype(np.int32),
        face_material=np.insert(scene.face_material, chosen + 1, scene.face_material[chosen]),
        face_instance=np.insert(scene.face_instance, chosen + 1, scene.face_instance[chosen]),
    )


def _in_order(scene: Scene) -> Scene:
    """The scene with its vertices in the order in which the triangles use them."""
    indices, first = np.unique(scene.faces, return_index=True)
    order = indices[np.argsort(first)]
    number = np.empty(len(scene.vertices), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return replace(
        scene,
        vertices=scene.vertices[order],
        normals=scene.normals[order],
        uv=scene.uv[order],
        faces=number[scene.faces],
    )
