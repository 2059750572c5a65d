"""The Scene: one house as triangles with materials, instances and classes; what simulators render and exports write.

A Scene lies in the frame of ``core.frame``: a house file's (Unity) point (x, y, z) is (x, y, -z) here, the winding of
its triangles is reversed, and its yaw is the same number (clockwise seen from above; yaw 0 faces -z).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

TEXTURE_SIZE = 128
"""Rows and columns of every texture."""
SOLID = 128
"""Least alpha, of 255, of a texel that is not a hole."""


class SceneError(ValueError):
    """A Scene whose arrays do not fit together; the message names the array and what is wrong with it."""


@dataclass(frozen=True)
class Material:
    """The look of a surface."""

    name: str
    """Origin: a Unity material's name, or a part of a piece of furniture."""
    rgb: tuple[float, float, float]
    """sRGB, 0 to 1."""
    texture: int = -1
    """Index into `Scene.textures`, multiplied with `rgb`; -1 for none."""
    tile: float = 1.0
    """Metres of uv that one repeat of the texture spans."""
    emission: float = 0.0
    """Light that the surface emits, as a multiple of its colour; it lights nothing else."""
    opacity: float = 1.0
    """Below 1 the surface is glass, and this is its share of what is seen head-on (`render.kernel`)."""


@dataclass(frozen=True)
class Instance:
    """One labelled object with its oriented box; walls, floors and doors included."""

    id: str
    """The house file's id; unique in a Scene."""
    class_id: int
    """Index into `envs.house.classes.CLASSES`."""
    center: tuple[float, float, float]
    """Centre of the box, metres."""
    size: tuple[float, float, float]
    """Full sides of the box along its own x, y, z at yaw 0, metres."""
    yaw: float
    """Rotation of the box about y, degrees clockwise seen from above."""


@dataclass(frozen=True)
class PointLight:
    """A lamp that lights the surfaces of its own room only, as in AI2-THOR, where each room has its layer."""

    position: tuple[float, float, float]
    """Metres."""
    rgb: tuple[float, float, float]
    """Linear colour times intensity."""
    range: float
    """Distance beyond which it lights nothing, metres."""
    room: str | None
    """Id of the room it stands in; None lights every room."""


@dataclass(frozen=True)
class DirectionalLight:
    """The sun: parallel light, everywhere."""

    direction: tuple[float, float, float]
    """Unit vector along which the light travels."""
    rgb: tuple[float, float, float]
    """Linear colour times intensity."""


@dataclass(frozen=True)
class RoomArea:
    """The floor of one room."""

    id: str
    type: str
    polygon: NDArray[np.float64]
    """(K, 2) corners (x, z), not closed."""


VOID = Instance("void", 0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
"""Instance of pixels without a hit: index 0 of every Scene."""


@dataclass
class Scene:
    """Triangles with materials, textures, instances, lights and rooms.

    Texture look-up: the texel of (u, v) is row v / tile * 128 and column u / tile * 128, both modulo 128; row 0 is the
    top of a picture (as in glTF), so v grows downwards on upright surfaces.
    """

    vertices: NDArray[np.float32]
    """(V, 3) metres; split at hard edges."""
    normals: NDArray[np.float32]
    """(V, 3) unit shading normals."""
    uv: NDArray[np.float32]
    """(V, 2) metres along the surface."""
    faces: NDArray[np.int32]
    """(F, 3) vertex indices, counter-clockwise seen from outside."""
    face_material: NDArray[np.int32]
    """(F,) index into `materials`."""
    face_instance: NDArray[np.int32]
    """(F,) index into `instances`, 1 or more."""
    materials: list[Material]
    textures: NDArray[np.uint8]
    """(T, 128, 128, 3) sRGB, seamless."""
    instances: list[Instance]
    """Index 0 is void."""
    lights: list[PointLight | DirectionalLight] = field(default_factory=list)
    rooms: list[RoomArea] = field(default_factory=list)
    start: tuple[float, float, float] | None = None
    """Where the house file puts the agent: x, z, yaw."""
    source: str = ""
    """File or seed that it was built from, for messages."""
    solid: Scene | None = None
    """Collision geometry, where it differs from what is rendered; the reachable floor is computed from it."""
    credits: tuple[str, ...] = ()
    """Authors and licences of its models, to be stated with every picture and export (`envs.packs`)."""
    vertex_colour: NDArray[np.uint8] | None = None
    """(V, 3) sRGB, multiplied with the material over each face; None for white."""
    texture_alpha: NDArray[np.uint8] | None = None
    """(T, 128, 128): below SOLID a surface with that texture has a hole (`render.cutouts`); None if there are no
    holes."""

    storey: int = 0
    """The storey that the agent walks on, where there are no rooms: 0 for the lowest (`floor_level`)."""

    def __post_init__(self) -> None:
        vertices, faces = len(self.vertices), len(self.faces)
        expected: dict[str, tuple[Any, tuple[int, ...]]] = {
            "vertices": (np.float32, (vertices, 3)),
            "normals": (np.float32, (vertices, 3)),
            "uv": (np.float32, (vertices, 2)),
            "faces": (np.int32, (faces, 3)),
            "face_material": (np.int32, (faces,)),
            "face_instance": (np.int32, (faces,)),
            "textures": (np.uint8, (len(self.textures), TEXTURE_SIZE, TEXTURE_SIZE, 3)),
        }
        if self.vertex_colour is not None:
            expected["vertex_colour"] = (np.uint8, (vertices, 3))
        if self.texture_alpha is not None:
            expected["texture_alpha"] = (np.uint8, (len(self.textures), TEXTURE_SIZE, TEXTURE_SIZE))
        for name, (dtype, shape) in expected.items():
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                raise self._error(name, f"is {array.dtype} {array.shape}, expected {np.dtype(dtype)} {shape}")
        for name in ("vertices", "normals", "uv"):
            if not np.isfinite(getattr(self, name)).all():
                raise self._error(name, "holds NaN or infinite values")
        if not self.instances or self.instances[0].class_id != 0:
            raise self._error("instances", "must begin with void (class 0)")
        bounds = (("faces", 0, vertices), ("face_material", 0, len(self.materials)))
        for name, low, high in (*bounds, ("face_instance", 1, len(self.instances))):
            array = getattr(self, name)
            if array.size and (array.min() < low or array.max() >= high):
                raise self._error(name, f"must lie in [{low}, {high}), found {array.min()} to {array.max()}")
        for i, material in enumerate(self.materials):
            if not -1 <= material.texture < len(self.textures):
                raise self._error(f"materials[{i}]", f"names texture {material.texture} of {len(self.textures)}")
            if not 0 <= material.opacity <= 1:
                raise self._error(f"materials[{i}]", f"has opacity {material.opacity}, which must lie in [0, 1]")

    def _error(self, name: str, what: str) -> SceneError:
        return SceneError(f"scene {self.source or '(no source)'}: {name} {what}")

    @property
    def face_class(self) -> NDArray[np.int16]:
        """(F,) class id of every triangle."""
        return np.array([i.class_id for i in self.instances], np.int16)[self.face_instance]


def empty_scene(source: str) -> Scene:
    """A Scene without triangles and rooms, for a place of unknown geometry."""
    return Scene(
        vertices=np.zeros((0, 3), np.float32),
        normals=np.zeros((0, 3), np.float32),
        uv=np.zeros((0, 2), np.float32),
        faces=np.zeros((0, 3), np.int32),
        face_material=np.zeros(0, np.int32),
        face_instance=np.zeros(0, np.int32),
        materials=[],
        textures=np.zeros((0, TEXTURE_SIZE, TEXTURE_SIZE, 3), np.uint8),
        instances=[VOID],
        source=source,
    )
