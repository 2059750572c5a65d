"""Sound files of every format that is read, as small samples for tests."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scenes import QUADS, box_room

from testspace.envs.assembly.building import build_scene, load_scene
from testspace.envs.generator import generate_house
from testspace.envs.house.house_io import house_to_json, load_house
from testspace.envs.meshes.write import write_glb
from testspace.envs.packs.library import CATALOGUE
from testspace.envs.packs.obj import read_model
from testspace.envs.packs.pack import FurniturePack

HOUSE = house_to_json(generate_house(3, rooms=2))
"""A house as a JSON document."""
OBJ = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nusemtl m\nf 1/1 2/2 3/3\nf -4 -3 -1\n"
MTL = "newmtl m\nKd 0.1 0.2 0.3\nmap_Kd a.jpg\n"
PICTURE = cv2.imencode(".jpg", np.arange(768, dtype=np.uint8).reshape(16, 16, 3))[1].tobytes()
# A Replica room: z-up, 4 x 6 x 2.5 m, floor at z = -1.5, seen from inside; object ids as in the real files.
OBJECTS = {0: (-1, ""), 7: (31, "ceiling"), 12: (40, "floor"), 3: (93, "wall"), 21: (80, "table")}
QUAD_IDS = (3, 3, 7, 12, -2, 9)


def replica_ply(ids: tuple[int, ...] | None, quads: NDArray[np.float64], colours: NDArray[np.uint8]) -> bytes:
    """Binary little endian, float x y z, uchar colours, uchar-counted quads of int, int object_id."""
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {4 * len(quads)}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += "".join(f"property uchar {name}\n" for name in ("red", "green", "blue"))
    head += f"element face {len(quads)}\nproperty list uchar int vertex_indices\n"
    head += "" if ids is None else "property int object_id\n"
    body = b"".join(
        struct.pack("<3f3B", *corner, *colour) for quad, colour in zip(quads, colours, strict=True) for corner in quad
    )
    for number in range(len(quads)):
        body += struct.pack("<B4i", 4, *range(4 * number, 4 * number + 4))
        body += b"" if ids is None else struct.pack("<i", ids[number])
    return head.encode() + b"end_header\n" + body


def replica_folder(folder: Path) -> Path:
    """The room as a Replica folder."""
    ours = np.array(QUADS, float)[:, ::-1] * (2, 1.25, 3) + (0, -0.25, 0)
    quads = np.stack([ours[..., 0], -ours[..., 2], ours[..., 1]], axis=-1)
    colours = np.array(
        [[200, 60, 40], [40, 200, 60], [250, 250, 250], [120, 90, 60], [60, 60, 200], [9, 9, 9]], np.uint8
    )
    (folder / "habitat").mkdir(parents=True)
    (folder / "mesh.ply").write_bytes(replica_ply(None, quads, colours))
    (folder / "habitat" / "mesh_semantic.ply").write_bytes(replica_ply(QUAD_IDS, quads, colours))
    classes = [{"id": c, "name": name} for c, name in OBJECTS.values() if c > 0]
    box = {
        "abb": {"center": [0, 0, 0], "sizes": [1, 1, 1]},
        "orientation": {"rotation": [0, 0, 0, 1], "translation": [0, 0, 0]},
    }
    objects = [
        {"id": i, "class_id": c, "class_name": name, "oriented_bbox": box} for i, (c, name) in OBJECTS.items() if c > 0
    ]
    labels = [OBJECTS.get(i, (-1,))[0] for i in range(22)]
    labels[9] = 80  # known by id_to_label only
    info = {"classes": classes, "objects": objects, "id_to_label": labels}
    (folder / "habitat" / "info_semantic.json").write_text(json.dumps(info))
    return folder


def text_ply(vertices: str, faces: str, claimed: int | None = None) -> str:
    head = f"ply\nformat ascii 1.0\nelement vertex {len(vertices.splitlines())}\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    count = len(faces.splitlines()) if claimed is None else claimed
    return f"{head}element face {count}\nproperty list uchar int vertex_indices\nend_header\n{vertices}\n{faces}\n"


CHAIR_CORNERS = [(x, y, z) for x in (-1, 1) for y in (0, 3) for z in (-1, 1)]
SIDES = ((1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4))
LICENCES = {"BlendSwap-CC-0": "Public domain", "Scopia": "Creative Commons Attribution 3.0 Unported license"}


def chair_obj(rows: int = 1) -> str:
    """A closed block 2 x 3 x 2, counter-clockwise from outside, textured; repeated `rows` times to be heavy."""
    lines = [
        "mtllib chair.mtl",
        *(f"v {x} {y} {z}" for x, y, z in CHAIR_CORNERS),
        "vt 0 0",
        "vt 1 0",
        "vt 1 1",
        "vt 0 1",
    ]
    lines.append("usemtl cloth")
    lines += ["f " + " ".join(f"{v}/{t}" for t, v in enumerate(quad, 1)) for quad in SIDES * rows]
    return "\n".join(lines)


CHAIR_MTL = "newmtl cloth\nKd 0.9 0.1 0.2\nmap_Kd cloth.png\nnewmtl broken\nKd 0 1 0\nmap_Kd C:\\artist\\gone.jpg\n"


def cloth_png() -> bytes:
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 250  # blue in OpenCV's order
    return cv2.imencode(".png", image)[1].tobytes()


def catalogue(stem: str = "chair", licence: str = LICENCES["Scopia"], extra: str = "") -> str:
    return (
        f"id=Test\nlicense={licence}\n\nid#1=t\nname#1=Chair\nmodel#1=/x/{stem}.obj\nwidth#1=50\ndepth#1=50\n"
        f"height#1=90\ncreator#1=Ana\\u00efs\n{extra}"
    )


def write_library(
    folder: Path, name: str = "Scopia", stem: str = "chair", files: dict[str, str | bytes] | None = None, **how: str
) -> Path:
    """A Sweet Home 3D library with one model, a chair."""
    path = folder / f"{name}.sh3f"
    contents: dict[str, str | bytes] = {
        CATALOGUE: catalogue(stem, **how),
        f"x/{stem}.obj": chair_obj(),
        "x/chair.mtl": CHAIR_MTL,
        "x/cloth.png": cloth_png(),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in (contents | (files or {})).items():
            archive.writestr(file, content)
    return path


def glb(folder: Path) -> Path:
    write_glb(box_room(), folder / "a.glb")
    return folder / "a.glb"


def ply(folder: Path) -> Path:
    (folder / "a.ply").write_text(text_ply("0 0 0\n1 0 0\n1 1 0\n0 1 0", "4 0 1 2 3\n3 0 1 2"))
    return folder / "a.ply"


def obj(folder: Path) -> Path:
    (folder / "a.mtl").write_text(MTL)
    (folder / "a.jpg").write_bytes(PICTURE)
    (folder / "a.obj").write_text(OBJ)
    return folder / "a.obj"


def house(folder: Path) -> Path:
    (folder / "a.json").write_text(json.dumps(HOUSE))
    return folder / "a.json"


def houses(folder: Path) -> Path:
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(HOUSE).encode() + b"\n"))
    return folder / "a.jsonl.gz"


def read_pack(folder: Path) -> None:
    pack = FurniturePack(folder)
    for library in pack.libraries.values():
        for entry in library.entries:
            assert len(read_model(library, entry.model).faces)


FORMATS: dict[str, tuple[Callable[[Path], Path], str, Callable[[Path], object]]] = {
    "glb": (glb, "a.glb", load_scene),
    "ply": (ply, "a.ply", load_scene),
    "obj": (obj, "a.obj", load_scene),
    "mtl": (obj, "a.mtl", lambda path: load_scene(path.with_suffix(".obj"))),
    "jpg": (obj, "a.jpg", lambda path: load_scene(path.with_suffix(".obj"))),
    "replica": (replica_folder, "habitat/mesh_semantic.ply", lambda path: load_scene(path.parent.parent)),
    "info": (replica_folder, "habitat/info_semantic.json", lambda path: load_scene(path.parent.parent)),
    "house": (house, "a.json", lambda path: build_scene(load_house(path))),
    "houses": (houses, "a.jsonl.gz", lambda path: build_scene(load_house(path))),
    "pack": (write_library, "Scopia.sh3f", lambda path: read_pack(path.parent)),
}
"""By name: a function that writes sound files into a folder, the file of interest, and a function that reads it."""
