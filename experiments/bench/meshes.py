"""The same house with more triangles, to see what a triangle costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...envs.house.classes import CLASS_ID, STRUCTURE
from ...envs.scene import Scene


def with_triangles(scene: Scene, count: int, walls: bool = False) -> Scene:
    """`count` triangles, or all of its own where it has more: the longest ones are cut in half until there are enough.

    The pieces lie in the planes of the old triangles, so that the pictures are the same, and next to each other in the
    arrays, as a finer model of the same thing would have them. walls: whether walls, floors and ceilings are cut too,
    which no model of a house does, but a scan of one: all triangles then become as small as pixels.
    """
    if len(scene.faces) >= count:
        return scene
    while len(scene.faces) < count:
        scene = _cut(scene, count - len(scene.faces), walls)
    return _in_order(scene)


def _cut(scene: Scene, most: int, walls: bool) -> Scene:
    """Halve the triangles with the longest edges, a quarter of all but no more than `most`, at that edge's middle."""
    corner = scene.vertices[scene.faces]
    length = np.linalg.norm(np.roll(corner, -1, axis=1) - corner, axis=2)  # of the edges 01, 12, 20
    built = np.isin(scene.face_class, [CLASS_ID[name] for name in STRUCTURE])
    may = np.flatnonzero(~built) if not walls and not built.all() else np.arange(len(scene.faces))
    number = min(most, max(1, len(may) // 4))
    chosen = np.sort(may[np.argsort(-length.max(axis=1)[may], kind="stable")[:number]])
    turn = (length[chosen].argmax(axis=1)[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(scene.faces[chosen], turn, axis=1).T
    middle = len(scene.vertices) + np.arange(number, dtype=np.int32)
    faces = scene.faces.copy()
    faces[chosen] = np.stack([a, middle, c], 1)
    normals = scene.normals[a] + scene.normals[b]
    size = np.linalg.norm(normals, axis=1, keepdims=True)
    normals = np.where(size > 1e-6, normals / np.maximum(size, 1e-6), scene.normals[a])
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices, (scene.vertices[a] + scene.vertices[b]) / 2]),
        normals=np.concatenate([scene.normals, normals.astype(np.float32)]),
        uv=np.concatenate([scene.uv, (scene.uv[a] + scene.uv[b]) / 2]),
        faces=np.insert(faces, chosen + 1, np.stack([middle, b, c], 1), axis=0).astype(np.int32),
        face_material=np.insert(scene.face_material, chosen + 1, scene.face_material[chosen]),
        face_instance=np.insert(scene.face_instance, chosen + 1, scene.face_instance[chosen]),
    )


def _in_order(scene: Scene) -> Scene:
    """The vertices in the order in which the triangles use them."""
    used, first = np.unique(scene.faces, return_index=True)
    order = used[np.argsort(first)]
    number = np.empty(len(scene.vertices), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return replace(
        scene,
        vertices=scene.vertices[order],
        normals=scene.normals[order],
        uv=scene.uv[order],
        faces=number[scene.faces],
    )
