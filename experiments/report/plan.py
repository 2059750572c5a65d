"""Top view of a house: rendered without ceilings, and as a plan with names, doors, free floor and a scale bar."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from ...core.frame import Camera, Labels
from ...envs.floor import ReachableFloor
from ...envs.house.classes import CLASS_ID, class_colours
from ...envs.render.raycast import RayCastSimulator
from ...envs.scene import DirectionalLight, PointLight, Scene
from .drawings import Image, beside

HEIGHT = 150.0
"""Camera height above the floor in metres, large enough for a nearly orthographic view."""
MARGIN = 0.6
"""White margin around the house in metres; the scale bar is in the lower one."""
LONG_SIDE = 640
"""Length of the longer side, in pixels."""
SUPERSAMPLING = 2
"""Supersampling factor of lines and text."""
TARGET_BRIGHTNESS = 0.82
"""Brightness, 0 to 1, to which the 85th percentile is mapped."""
OVERHEAD = 2.0
"""Height above the floor, in metres, from which on unlabelled geometry counts as ceiling."""
INK = (52, 56, 64)
REACHABLE = (66, 160, 110)
VIEW = (214, 92, 40)
DOOR = (190, 120, 30)


def draw_plan(scene: Scene, floor: ReachableFloor, poses: NDArray[np.float32] | None = None) -> Image:
    """Two RGB images side by side; `poses` (N, 6) are drawn as numbered cameras."""
    corners = np.concatenate([room.polygon for room in scene.rooms] or [scene.vertices[:, [0, 2]].astype(np.float64)])
    low, high = corners.min(0) - MARGIN, corners.max(0) + MARGIN
    scale = LONG_SIDE / float((high - low).max())
    width, height = (int(v) // 2 * 2 for v in (high - low) * scale)
    rgb, labels = _render_top_view(_without_ceilings(scene, floor.level), low, high, width, height)
    inside = labels.instance > 0
    photo = np.where(inside[..., None], rgb, 255).astype(np.uint8)
    objects = np.isin(
        labels.semantic, [CLASS_ID[n] for n in ("Floor", "Wall", "Window", "Door", "Ceiling")], invert=True
    )
    plan = np.full((height, width, 3), 255, np.uint8)
    plan[labels.semantic == CLASS_ID["Floor"]] = (243, 240, 234)
    plan[objects & inside] = (0.55 * class_colours()[labels.semantic] + 0.45 * 255).astype(np.uint8)[objects & inside]
    x, z = np.meshgrid(low[0] + (np.arange(width) + 0.5) / scale, low[1] + (np.arange(height) + 0.5) / scale)
    free = floor.contains_points(np.stack([x, z], -1)) & ~objects & inside
    plan[free] = (0.8 * plan[free] + 0.2 * np.array(REACHABLE)).astype(np.uint8)
    pages = [_Page(image, low, scale) for image in (photo, plan)]
    for page in pages:
        page.walls(scene)
    pages[1].doors(scene)
    if poses is not None:
        pages[1].cameras(poses)
    pages[1].names(scene)
    pages[1].scale_bar(float(high[1] - MARGIN / 2))
    return beside([page.finished() for page in pages])


def _without_ceilings(scene: Scene, level: float) -> Scene:
    """The scene without ceilings and sun. If nothing is labelled as ceiling, triangles entirely above OVERHEAD are
    removed."""
    keep = scene.face_class != CLASS_ID["Ceiling"]
    if keep.all():
        keep = scene.vertices[scene.faces][..., 1].min(1) < level + OVERHEAD
    lamps: list[PointLight | DirectionalLight] = [
        light for light in scene.lights if not isinstance(light, DirectionalLight)
    ]
    return replace(
        scene, faces=np.ascontiguousarray(scene.faces[keep]), face_material=scene.face_material[keep],
        face_instance=scene.face_instance[keep], lights=lamps,
    )  # fmt: skip


def _render_top_view(
    scene_without_ceilings: Scene, low: NDArray[np.float64], high: NDArray[np.float64], width: int, height: int
) -> tuple[Image, Labels]:
    """An opened scene, lit by its lamps and rendered from HEIGHT."""
    field = 2 * np.degrees(np.arctan((high - low)[1] / 2 / HEIGHT))
    camera = Camera(width, height, float(field))
    simulator = RayCastSimulator(scene_without_ceilings, camera, antialias=4, light="direct")
    x, z = (low + high) / 2
    frame, labels = simulator.render_with_labels(np.array([[x, HEIGHT, z, 0.0, -90.0, 0.0]], np.float32))
    return _brightened(frame["rgb"][0]), Labels(labels.semantic[0], labels.instance[0])


def _brightened(rgb: Image) -> Image:
    """Brightened for print: a power curve that maps the 85th percentile to TARGET_BRIGHTNESS."""
    light = rgb.max(-1)
    level = float(np.percentile(light[light > 0], 85)) / 255 if light.any() else 1.0
    exponent = float(np.clip(np.log(TARGET_BRIGHTNESS) / np.log(np.clip(level, 0.02, 0.98)), 0.4, 1.0))
    return np.asarray(np.round(255 * (rgb / 255.0) ** exponent), np.uint8)


class _Page:
    """An image with antialiased lines and text in metric coordinates."""

    def __init__(self, image: Image, low: NDArray[np.float64], scale: float) -> None:
        self._low, self._scale = low, scale * SUPERSAMPLING
        self._image = np.ascontiguousarray(
            cv2.resize(image, None, fx=SUPERSAMPLING, fy=SUPERSAMPLING, interpolation=cv2.INTER_CUBIC)
        )

    def finished(self) -> Image:
        return np.asarray(
            cv2.resize(self._image, None, fx=1 / SUPERSAMPLING, fy=1 / SUPERSAMPLING, interpolation=cv2.INTER_AREA),
            np.uint8,
        )

    def _pixel(self, x: float, z: float) -> tuple[int, int]:
        i, j = (np.array([x, z]) - self._low) * self._scale
        return round(float(i)), round(float(j))

    def line(self, a: NDArray[np.float64], b: NDArray[np.float64], colour: tuple[int, int, int], metres: float) -> None:
        thickness = max(1, round(metres * self._scale))
        cv2.line(self._image, self._pixel(*a), self._pixel(*b), colour, thickness, cv2.LINE_AA)

    def walls(self, scene: Scene) -> None:
        """Walls of the scene, with gaps at doors and windows."""
        for instance in scene.instances:
            if instance.class_id == CLASS_ID["Wall"]:
                a, b = _ends(instance.center, instance.size[0], instance.yaw)
                self.line(a, b, INK, 0.09)
        for instance in scene.instances:
            if instance.class_id in (CLASS_ID["Window"], CLASS_ID["Door"]):
                a, b = _ends(instance.center, instance.size[0], instance.yaw)
                self.line(a, b, (255, 255, 255), 0.11)
                if instance.class_id == CLASS_ID["Window"]:
                    self.line(a, b, (120, 170, 210), 0.06)

    def doors(self, scene: Scene) -> None:
        """Each door's opening, as a band."""
        for instance in scene.instances:
            if instance.class_id == CLASS_ID["Door"]:
                a, b = _ends(instance.center, instance.size[0], instance.yaw)
                self.line(a, b, DOOR, 0.1)

    def cameras(self, poses: NDArray[np.float32]) -> None:
        """The views' positions, as numbered wedges."""
        for number, pose in enumerate(poses.astype(np.float64)):
            position, yaw = pose[[0, 2]], np.radians(pose[3] + np.array([-32.0, 32.0]))
            corners = position + 0.55 * np.stack([np.sin(yaw), -np.cos(yaw)], -1)
            wedge = np.array([self._pixel(*point) for point in (position, *corners)], np.int32)
            cv2.fillPoly(self._image, [wedge], VIEW, cv2.LINE_AA)
            radius = round(0.17 * self._scale)
            cv2.circle(self._image, self._pixel(*position), radius, VIEW, -1, cv2.LINE_AA)
            self._text(str(number), position, 0.2, (255, 255, 255), None)

    def names(self, scene: Scene) -> None:
        """Each room's type, at the centre of its largest inscribed circle."""
        for room in scene.rooms:
            outline = shapely.Polygon(room.polygon)
            position = shapely.get_point(shapely.maximum_inscribed_circle(outline, 0.05), 0)
            name = "".join(f" {c.lower()}" if c.isupper() and k else c for k, c in enumerate(room.type))
            self._text(f"{name}  {outline.area:.0f} m2", np.array([position.x, position.y]), 0.22, INK, (255, 255, 255))

    def _text(
        self,
        text: str,
        centre: NDArray[np.float64],
        metres: float,
        colour: tuple[int, int, int],
        halo: tuple[int, int, int] | None,
    ) -> None:
        font, size = cv2.FONT_HERSHEY_DUPLEX, max(metres * self._scale, 11.0 * SUPERSAMPLING) / 22
        (w, h), _ = cv2.getTextSize(text, font, size, SUPERSAMPLING)
        x, y = self._pixel(*centre)
        x, y = min(max(x - w // 2, 4), self._image.shape[1] - w - 4), y + h // 2
        if halo is not None:
            cv2.putText(self._image, text, (x, y), font, size, halo, 5 * SUPERSAMPLING, cv2.LINE_AA)
        cv2.putText(self._image, text, (x, y), font, size, colour, SUPERSAMPLING, cv2.LINE_AA)

    def scale_bar(self, z: float) -> None:
        """A scale bar of two metres, at the lower left."""
        x = float(self._low[0]) + MARGIN
        self.line(np.array([x, z]), np.array([x + 2.0, z]), INK, 0.05)
        for end in (x, x + 2.0):
            self.line(np.array([end, z - 0.08]), np.array([end, z + 0.08]), INK, 0.05)
        self._text("2 m", np.array([x + 2.45, z]), 0.2, INK, None)


def _ends(
    center: tuple[float, float, float], length: float, yaw: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = np.array([center[0], center[2]])
    along = np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw))]) * length / 2
    return centre - along, centre + along
