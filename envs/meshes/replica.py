"""Scenes of the Replica dataset (Straub et al. 2019) in the layout that habitat reads.

    FOLDER/mesh.ply                      vertex colours, quads; no labels
    FOLDER/habitat/mesh_semantic.ply     vertex colours, quads with object_id
    FOLDER/habitat/info_semantic.json    classes, objects and their classes

`object_id` numbers objects, not classes. Ids below 0 or without a class belong to one object of class void,
"unlabelled". Replica is z-up; its floor is not at 0, and is not moved.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..house.classes import CLASS_ID
from ..scene import Material, Scene
from .mesh_errors import MeshError, MeshWarning, read_bytes
from .parts import Part, Parts, triangles
from .ply import Element, read_ply

GLOW = 0.5
"""Emission of a scan's surfaces, whose colours already contain the light of the real room."""
REPLICA_CLASSES: dict[str, str] = {
    "bed": "Bed", "bin": "GarbageCan", "blinds": "Blinds", "book": "Book", "bottle": "Bottle", "bowl": "Bowl",
    "box": "Box", "candle": "Candle", "ceiling": "Ceiling", "chair": "Chair", "clock": "AlarmClock", "cloth": "Cloth",
    "countertop": "CounterTop", "cup": "Cup", "cushion": "Pillow", "desk": "Desk", "desktop-computer": "Desktop",
    "door": "Door", "faucet": "Faucet", "floor": "Floor", "indoor-plant": "HousePlant", "laptop": "Laptop",
    "microwave": "Microwave", "nightstand": "SideTable", "pan": "Pan", "paper-towel": "PaperTowelRoll",
    "phone": "CellPhone", "picture": "Painting", "pillow": "Pillow", "plate": "Plate", "pot": "Pot",
    "refrigerator": "Fridge", "remote-control": "RemoteControl", "sculpture": "Statue", "shelf": "ShelvingUnit",
    "sink": "Sink", "sofa": "Sofa", "stool": "Stool", "switch": "LightSwitch", "tissue-paper": "TissueBox",
    "toilet": "Toilet", "towel": "Towel", "tv-screen": "Television", "tv-stand": "TVStand", "vase": "Vase",
    "wall": "Wall", "window": "Window",
}  # fmt: skip
"""Our class by Replica's class name. All others (table, lamp, rug, cabinet ...) are void: "table" may be our dining,
coffee or side table."""
MAX_INFO = 2**26
"""Bytes of info_semantic.json."""


def is_replica(folder: Path) -> bool:
    """Whether a folder holds a Replica scene."""
    return (folder / "mesh.ply").is_file() or (folder / "habitat" / "mesh_semantic.ply").is_file()


def load_replica(folder: Path, scale: float = 1.0) -> Scene:
    """The scene of a Replica folder, labelled if it has its `habitat` part.

    Warns (MeshWarning) with counts of objects without one of our classes and of dropped triangles, and if
    labels are missing. MeshError names the file and the element that is damaged.
    """
    if not is_replica(folder):
        raise MeshError(folder, "", "not a Replica scene: it has neither mesh.ply nor habitat/mesh_semantic.ply")
    labelled = folder / "habitat" / "mesh_semantic.ply"
    if not labelled.is_file():
        warnings.warn(f"{folder}: no habitat/mesh_semantic.ply: the scene has no labels", MeshWarning, stacklevel=2)
        return load_ply(folder / "mesh.ply", "z", scale)
    elements = read_ply(labelled)
    vertices, normals, colours = vertex_columns(labelled, elements)
    if colours is None and (folder / "mesh.ply").is_file():
        colours = _nearest_colours(folder / "mesh.ply", vertices)
    parts = Parts(folder, materials=[Material("scan", (1.0, 1.0, 1.0), emission=GLOW)])
    faces, rows = face_corners(labelled, elements, parts.dropped)
    object_ids = elements["face"].scalars.get("object_id")
    if object_ids is None:
        raise MeshError(labelled, "element face", "it has no object_id, so that nothing can be labelled")
    names = _objects(folder / "habitat" / "info_semantic.json")
    owner = object_ids[rows].astype(np.int64)
    owner[~np.isin(owner, list(names))] = -1
    parts.instances.append(("unlabelled", 0))
    void: Counter[str] = Counter()
    order = np.argsort(owner, kind="stable")
    ids, first = np.unique(owner[order], return_index=True)
    groups = np.split(order, first)[1:]  # before the first id there is nothing
    for object_id, group in zip(ids.tolist(), groups, strict=True):
        number = 1
        if object_id >= 0:
            name = names[object_id]
            number = len(parts.instances)
            parts.instances.append((f"{name}_{object_id}", CLASS_ID[REPLICA_CLASSES.get(name, "void")]))
            void[name] += name not in REPLICA_CLASSES
        parts.parts.append(Part(f"object {object_id}", vertices, faces[group], normals, None, colours, 0, number))
    scene = _joined(parts).scene("z", scale)
    if +void:
        most = ", ".join(f"{name} ({count})" for name, count in (+void).most_common())
        warnings.warn(f"{folder}: {(+void).total()} things of classes without counterpart are void: {most}",
                      MeshWarning, stacklevel=2)  # fmt: skip
    return scene


def load_ply(path: Path, up: str = "z", scale: float = 1.0) -> Scene:
    """A PLY file as a scene of one unlabelled object, with its vertex colours; z-up by default."""
    elements = read_ply(path)
    vertices, normals, colours = vertex_columns(path, elements)
    material = Material("mesh", (0.8, 0.8, 0.8)) if colours is None else Material("scan", (1, 1, 1), emission=GLOW)
    parts = Parts(path, materials=[material], instances=[("void", 0), ("mesh", 0)])
    faces, _ = face_corners(path, elements, parts.dropped)
    parts.parts.append(Part("element face", vertices, faces, normals, None, colours))
    return parts.scene(up, scale)  # type: ignore[arg-type]  # checked there


def vertex_columns(
    path: Path, elements: dict[str, Element]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.uint8] | None]:
    """Positions (V, 3), normals (V, 3) and sRGB colours (V, 3) of a PLY file; the last two if it has them."""
    vertex = elements.get("vertex")
    if vertex is None or any(axis not in vertex.scalars for axis in "xyz"):
        raise MeshError(path, "element vertex", "x, y and z are missing")

    def columns(*names: str) -> NDArray[Any] | None:
        if any(name not in vertex.scalars for name in names):
            return None
        return np.stack([vertex.scalars[name] for name in names], axis=1)

    with np.errstate(over="ignore", invalid="ignore"):
        positions, normals = columns("x", "y", "z"), columns("nx", "ny", "nz")
        colours = columns("red", "green", "blue")
    assert positions is not None
    if colours is not None and colours.dtype.kind == "f":
        # An ASCII file's numbers carry no type: whole colours up to 255, or shares of 1.
        top = 255.0 if np.nanmax(colours, initial=0) <= 1 else 1.0
        colours = np.nan_to_num(colours) * top
    stored = None if colours is None else np.clip(np.round(colours), 0, 255).astype(np.uint8)
    return positions.astype(np.float64), None if normals is None else normals.astype(np.float64), stored


def face_corners(
    path: Path, elements: dict[str, Element], dropped: Counter[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Triangles (F, 3) of a PLY file's polygons, and the row (F,) of each one's polygon, in the order of the rows."""
    face = elements.get("face")
    lists = face and (face.lists.get("vertex_indices") or face.lists.get("vertex_index"))
    if not lists:
        raise MeshError(path, "element face", "no vertex_indices: a cloud of points or an empty file, not a mesh")
    corners, rows = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for numbers, polygons in lists:
        k = polygons.shape[1]
        if k < 3:
            dropped["polygons of fewer than 3 corners"] += len(numbers)
            continue
        if polygons.dtype.kind == "f" and not (np.abs(polygons) < 2**53).all():
            raise MeshError(path, "element face", "a vertex index is not a number")
        corners.append(triangles(polygons))
        rows.append(np.repeat(numbers, k - 2))
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return np.concatenate(corners)[order], row[order]


def _objects(path: Path) -> dict[int, str]:
    """Replica's class name of each object id; ids without a class are left out."""
    try:
        info = json.loads(read_bytes(path, MAX_INFO))
    except (ValueError, RecursionError) as error:
        if isinstance(error, MeshError):
            raise
        raise MeshError(path, "", f"not JSON ({error})") from None
    try:
        classes = {int(entry["id"]): str(entry["name"]) for entry in info["classes"]}
        names = {int(entry["id"]): str(entry["class_name"]) for entry in info["objects"] if int(entry["class_id"]) >= 0}
        for object_id, class_id in enumerate(info.get("id_to_label", [])):
            if int(class_id) in classes:
                names.setdefault(object_id, classes[int(class_id)])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise MeshError(path, "", f"classes, objects or id_to_label are not as Replica's ({error!r})") from None
    return {object_id: name for object_id, name in names.items() if object_id >= 0}


def _nearest_colours(path: Path, vertices: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    """Colours (V, 3) of the nearest vertices of another mesh of the same room."""
    from scipy.spatial import cKDTree

    positions, _, colours = vertex_columns(path, read_ply(path))
    fine = np.isfinite(positions).all(axis=1)
    if colours is None or not fine.any():
        return None
    nearest = cKDTree(positions[fine]).query(np.nan_to_num(vertices))[1]
    return np.asarray(colours[fine][nearest])


def _joined(parts: Parts) -> Parts:
    """The parts with only the vertices that each uses, so that a thousand objects do not copy a million vertices."""
    for part in parts.parts:
        count = len(part.vertices)
        if part.faces.size and (part.faces.min() < 0 or part.faces.max() >= count):
            continue  # complained of when the part is cleaned
        used, compact = np.unique(part.faces, return_inverse=True)
        part.vertices, part.faces = part.vertices[used], compact.reshape(-1, 3)
        part.normals = None if part.normals is None else part.normals[used]
        part.colours = None if part.colours is None else part.colours[used]
    return parts
