"""Builds a Scene with the models of a furniture pack instead of the built-in furniture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..house.assets import asset
from ..house.house import House
from ..meshes.images import stacked
from ..packs.pack import Fitted, FurniturePack
from ..scene import Material, Scene
from .assemble import assemble

TILTED = 1e-3
"""Degrees from upright."""


def assemble_with_pack(house: House, pack: FurniturePack) -> Scene:
    """The Scene of a house with the pack's models for all furniture that has a fitting one.

    Instances, boxes, lights and rooms are those of the Scene without a pack, and so is the reachable floor
    (`Scene.solid`): only the appearance differs. Tilted objects keep their built-in shape.
    """
    plain = assemble(house)
    numbers = {instance.id: number for number, instance in enumerate(plain.instances)}
    placed: list[tuple[int, Fitted]] = []
    seen: set[str] = set()
    for thing in house.all_objects():
        upright = max(abs((angle + 180) % 360 - 180) for angle in (thing.rotation[0], thing.rotation[2])) < TILTED
        number = numbers.get(thing.id)
        if number is None or thing.id in seen or not upright:
            continue
        seen.add(thing.id)
        fitted = pack.model(asset(thing.asset_id))
        if fitted is not None:
            placed.append((number, fitted))
    return _exchanged(plain, placed)


def _exchanged(plain: Scene, placed: list[tuple[int, Fitted]]) -> Scene:
    keep = ~np.isin(plain.face_instance, [number for number, _ in placed])
    vertices, normals, uv = [plain.vertices], [plain.normals], [plain.uv]
    faces, material, instance = [plain.faces[keep]], [plain.face_material[keep]], [plain.face_instance[keep]]
    textures, materials = [*plain.textures], list(plain.materials)
    looks: dict[Material, int] = {}
    pictures: dict[tuple[str, str], int] = {}
    total = len(plain.vertices)
    for number, fitted in placed:
        box, model = plain.instances[number], fitted.triangles
        yaw = np.radians(box.yaw)
        # Furniture faces +z in its own axes, and -z in ours at yaw 0; yaw is clockwise seen from above.
        turn = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]]) * (-1.0, 1.0, -1.0)
        own = []
        for surface in model.surfaces:
            picture = -1
            if surface.texture in fitted.textures:
                key = (fitted.entry.library, str(surface.texture))
                if key not in pictures:
                    pictures[key] = len(textures)
                    textures.append(fitted.textures[str(surface.texture)])
                picture = pictures[key]
            rgb = surface.rgb if picture < 0 else (1.0, 1.0, 1.0)
            look = Material(fitted.entry.key, rgb, picture, opacity=surface.opacity)
            own.append(looks.setdefault(look, len(materials) + len(looks)))
        vertices.append((model.vertices @ turn.T + box.center).astype(np.float32))
        normals.append((model.normals @ turn.T).astype(np.float32))
        uv.append(model.uv.astype(np.float32))
        faces.append((model.faces + total).astype(np.int32))
        material.append(np.array(own, np.int32)[model.surface])
        instance.append(np.full(len(model.faces), number, np.int32))
        total += len(model.vertices)
    where, corner = np.concatenate(vertices), np.concatenate(faces)
    triangle = where[corner]
    area = np.linalg.norm(np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0]), axis=1)
    solid = area > 0
    return replace(
        plain,
        vertices=where,
        normals=np.concatenate(normals),
        uv=np.concatenate(uv),
        faces=np.ascontiguousarray(corner[solid]),
        face_material=np.concatenate(material)[solid],
        face_instance=np.concatenate(instance)[solid],
        materials=[*materials, *looks],
        **stacked(textures),  # type: ignore[arg-type]  # of two kinds
        solid=plain,
        credits=tuple(
            sorted(
                {f"{e.library}: {e.name}, by {e.creator} ({e.licence})" for e in (fitted.entry for _, fitted in placed)}
            )
        ),
    )
