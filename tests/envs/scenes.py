"""Small scenes whose geometry is known in closed form, made without the project's own builders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from testspace.envs.house.classes import CLASS_ID
from testspace.envs.scene import VOID, DirectionalLight, Instance, Material, PointLight, RoomArea, Scene

QUADS = (  # corners of the faces of a unit box, counter-clockwise from outside: +x -x +y -y +z -z
    ((1, -1, 1), (1, -1, -1), (1, 1, -1), (1, 1, 1)),
    ((-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1)),
    ((-1, 1, 1), (1, 1, 1), (1, 1, -1), (-1, 1, -1)),
    ((-1, -1, -1), (1, -1, -1), (1, -1, 1), (-1, -1, 1)),
    ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1)),
    ((1, -1, -1), (-1, -1, -1), (-1, 1, -1), (1, 1, -1)),
)


def box_axes(yaw: float) -> NDArray[np.float64]:
    """Columns: a box's own x, y, z in the world, at a yaw in degrees clockwise seen from above."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


class SceneMaker:
    """Collects quads and boxes into a Scene."""

    def __init__(self) -> None:
        self.quads: list[NDArray[np.float64]] = []
        self.owner: list[int] = []
        self.material: list[int] = []
        self.instances = [VOID]
        self.materials = [Material("paint", (0.8, 0.75, 0.7))]

    def box(
        self, name: str, kind: str, center: tuple[float, ...], size: tuple[float, ...], yaw: float = 0.0,
        inward: bool = False, material: int = 0,
    ) -> None:  # fmt: skip
        """A box seen from outside, or a room seen from inside."""
        corners = np.array(QUADS, float) * np.asarray(size) / 2 @ box_axes(yaw).T + np.asarray(center)
        self.instances.append(Instance(name, CLASS_ID[kind], tuple(center), tuple(size), yaw))  # type: ignore[arg-type]
        for quad in corners:
            self.quad(quad[::-1] if inward else quad, material)

    def quad(self, corners: NDArray[np.float64], material: int = 0) -> None:
        """Four corners, counter-clockwise from outside, of the last instance."""
        self.quads.append(np.asarray(corners, float))
        self.owner.append(len(self.instances) - 1)
        self.material.append(material)

    def scene(
        self, rooms: list[RoomArea] | None = None, lights: list[PointLight | DirectionalLight] | None = None,
        start: tuple[float, float, float] | None = None, textures: NDArray[np.uint8] | None = None,
    ) -> Scene:  # fmt: skip
        """All so far as a Scene."""
        quads = np.array(self.quads).reshape(-1, 4, 3)
        normal = np.cross(quads[:, 1] - quads[:, 0], quads[:, 2] - quads[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        first = 4 * np.arange(len(quads))[:, None, None]
        sides = np.linalg.norm(quads[:, [1, 3]] - quads[:, [0]], axis=2)
        uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * sides[:, None]
        return Scene(
            vertices=quads.reshape(-1, 3).astype(np.float32),
            normals=np.repeat(normal, 4, axis=0).astype(np.float32),
            uv=uv.reshape(-1, 2).astype(np.float32),
            faces=(first + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3).astype(np.int32),
            face_material=np.repeat(self.material, 2).astype(np.int32),
            face_instance=np.repeat(self.owner, 2).astype(np.int32),
            materials=self.materials,
            textures=np.zeros((0, 128, 128, 3), np.uint8) if textures is None else textures,
            instances=self.instances,
            lights=lights or [],
            rooms=rooms or [],
            start=start,
            source="made by a test",
        )


def rectangle(name: str, x0: float, z0: float, x1: float, z1: float) -> RoomArea:
    """A room with its sides along the axes."""
    return RoomArea(name, "LivingRoom", np.array([[x0, z0], [x1, z0], [x1, z1], [x0, z1]], float))


ROOM = ((-2.0, 0.0, -3.0), (2.0, 2.5, 3.0))
"""Lowest and highest corner of the room of `box_room`."""
BOX = {"center": (0.6, 0.4, -1.0), "size": (0.8, 0.8, 0.5), "yaw": 30.0}
"""The box that stands in it."""


def box_room(with_box: bool = True, lit: bool = True) -> Scene:
    """A room of 4 x 2.5 x 6 m (walls, floor and ceiling apart), a turned box in it, a lamp under its ceiling."""
    maker = SceneMaker()
    low, high = np.array(ROOM)
    inside = np.array(QUADS, float)[:, ::-1] * (high - low) / 2 + (high + low) / 2
    for number, quad in enumerate(inside):
        kind = "Ceiling" if number == 2 else "Floor" if number == 3 else "Wall"
        lower, upper = quad.min(axis=0), quad.max(axis=0)
        center, size = tuple((lower + upper) / 2), tuple(upper - lower)
        maker.instances.append(Instance(f"{kind}{number}", CLASS_ID[kind], center, size, 0.0))  # type: ignore[arg-type]
        maker.quad(quad)
    if with_box:
        maker.box("box", "Box", BOX["center"], BOX["size"], BOX["yaw"])  # type: ignore[arg-type]
    lights: list[PointLight | DirectionalLight] = [PointLight((0.0, 2.3, 0.0), (0.75, 0.64, 0.54), 15.0, None)]
    return maker.scene([rectangle("room", -2, -3, 2, 3)], lights if lit else [], start=(0.0, 2.0, 0.0))
