"""A house of two rooms whose every length is known: an L of 27 m2 and a square of 9 m2 in its notch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from testspace.envs.house.house import AgentPose, House, HouseObject, Light, Material, Opening, Room, Wall
from testspace.envs.scene import Instance, Scene

HEIGHT = 2.8
L_ROOM = ((0.0, 0.0), (0.0, 6.0), (3.0, 6.0), (3.0, 3.0), (6.0, 3.0), (6.0, 0.0))
SQUARE = ((3.0, 3.0), (3.0, 6.0), (6.0, 6.0), (6.0, 3.0))
OUTLINE = ((0.0, 0.0), (0.0, 6.0), (3.0, 6.0), (6.0, 6.0), (6.0, 3.0), (6.0, 0.0))
PLAIN = Material("PureWhite", (0.8, 0.7, 0.6))


def _walls(name: str, ring: tuple[tuple[float, float], ...], exterior: bool = False) -> list[Wall]:
    ends = list(zip(ring, (*ring[1:], ring[0]), strict=True))
    if exterior:
        ends = [(q, p) for p, q in ends]
    return [
        Wall(f"wall|{name}|{k}", "room|1" if exterior else f"room|{name}", p, q, 0.0, HEIGHT, PLAIN, exterior, False)
        for k, (p, q) in enumerate(ends)
    ]


def two_rooms(openness: float | None = 1.0, chair_yaw: float = 90.0) -> House:
    """Door between the rooms (1 m wide, 2 m high), a door to the outside, a window, a chair with a book, two lights."""
    walls = [*_walls("1", L_ROOM), *_walls("2", SQUARE), *_walls("exterior", OUTLINE, True)]
    return House(
        rooms=(
            Room("room|1", "LivingRoom", L_ROOM, Material("DarkWood2")),
            Room("room|2", "Kitchen", SQUARE, Material("KitchenTiles3")),
        ),
        walls=tuple(walls),
        doors=(
            Opening("door|1|2", "door", "room|1", "room|2", "wall|1|2", "wall|2|0", (1.0, 0.0, 2.0, 2.0), "Doorway_2",
                    (1.5, 1.0, 0.0), openness, True),
            Opening("door|0|1", "door", "room|1", "room|1", "wall|1|5", "wall|exterior|5", (1.0, 0.0, 2.0, 2.1),
                    "Doorway_1", (1.5, 1.05, 0.0), 0.0, False),
        ),
        windows=(
            Opening("window|1", "window", "room|1", "room|1", "wall|1|0", "wall|exterior|0", (2.0, 0.9, 3.5, 2.0),
                    "Window_Slider_48x48", (2.75, 1.45, 0.0)),
        ),
        objects=(
            HouseObject("1|0", "Chair_002_1", (1.0, 0.485, 1.5), (0.0, chair_yaw, 0.0), True,
                        children=(HouseObject("1|0|0", "Book_1", (1.0, 0.6, 1.5), (0.0, 0.0, 0.0), False),)),
        ),
        lights=(
            Light("sun", "directional", (0.0, 0.0, 0.0), (90.0, 0.0, 0.0), 1.0, None, (1.0, 1.0, 1.0)),
            Light("lamp", "point", (4.5, 2.6, 4.5), None, 0.5, 15.0, (1.0, 0.5, 0.0)),
        ),
        ceiling_material=PLAIN,
        skybox="SkyMosconeCenter",
        agent=AgentPose((1.0, 0.95, 2.0), (0.0, 180.0, 0.0)),
        source="two rooms",
    )  # fmt: skip


def triangles(scene: Scene, instance: int) -> NDArray[np.float64]:
    """Corners of an instance's triangles, (F, 3, 3)."""
    return scene.vertices[scene.faces[scene.face_instance == instance]].astype(np.float64)


def number_of(scene: Scene, name: str) -> int:
    return next(i for i, instance in enumerate(scene.instances) if instance.id == name)


def area(corners: NDArray[np.float64]) -> float:
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return float(np.linalg.norm(normals, axis=1).sum() / 2)


def box_frame(instance: Instance, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points in the axes of an instance's box, about its centre: its yaw (clockwise from above) undone."""
    yaw = np.radians(instance.yaw)
    right, back = np.array([np.cos(yaw), 0, np.sin(yaw)]), np.array([-np.sin(yaw), 0, np.cos(yaw)])
    return (points - np.array(instance.center)) @ np.stack([right, (0.0, 1.0, 0.0), back]).T
