"""The default simulator: Embree intersects each pixel's ray, and a numba kernel computes all modalities of the hit.

CPU only, no system packages. All modalities agree by construction, since they come from the same hit. The result does
not depend on the number of threads.

`normals` are shading normals (interpolated over smooth surfaces) turned to the side from which the surface is seen.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.edges import canny
from ...core.frame import Camera, Frame, Labels, rotation
from ..floor import ReachableFloor, build_floor
from ..simulator import check_poses
from . import bake, embree, kernel, lighting
from .cutouts import cutouts_of
from .kernel import BAKED, DIRECT, UNSHADOWED, Images, Tables
from .sky import sky_panorama
from .texels import encoding_table, mip_pyramid

if TYPE_CHECKING:
    from ..choices import Light
from ..scene import Scene

RUN = 512
"""Largest number of tiles of 16 pixels in one unit of a thread's work."""


class RayCastSimulator:
    """Renders a Scene from any number of poses at once. Not thread-safe.

    Raises ValueError for a Scene without triangles.
    """

    def __init__(
        self,
        scene: Scene,
        camera: Camera | None = None,
        *,
        threads: int = 2,
        shadows: bool = True,
        antialias: int = 1,
        light: Light = "baked",
        cache: bool = True,
    ) -> None:
        """scene: what to render. threads: Python threads that share each call's pixels; Embree and the kernels release
        the GIL. antialias: rgb is the mean of this many times this many rays a pixel; all else comes from the pixel's
        central ray. light: "baked" for soft shadows and indirect light, computed for the whole scene at the first
        frame; "direct" for sharp shadows by one ray for each lamp of a pixel, and the same ambient light
        everywhere. shadows: False for none, with direct light. cache: store baked light on disk
        (`core.cache`)."""
        if not len(scene.faces):
            raise ValueError(f"{scene.source or 'scene'}: nothing to render: it has no triangles")
        if threads < 1 or antialias < 1:
            raise ValueError(f"threads and antialias must be 1 or more, got {threads} and {antialias}")
        if light not in ("baked", "direct"):
            raise ValueError(f'light must be "baked" or "direct", got {light!r}')
        self.scene = scene
        self.camera = camera or Camera()
        self.threads = threads
        self.shadows = shadows
        self.antialias = antialias
        self.light = light
        self._cache = cache
        self._cutouts = cutouts_of(scene)
        self._view = self._mesh(None)
        throws = lighting.shadow_faces(scene)
        self._blockers = self._view if throws.all() else self._mesh(throws)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __reduce__(self) -> tuple[Any, ...]:
        """What makes it again: a pickle holds neither Embree's meshes nor threads."""
        options: dict[str, Any] = {name: getattr(self, name) for name in ("threads", "shadows", "antialias", "light")}
        return partial(RayCastSimulator, self.scene, self.camera, cache=self._cache, **options), ()

    def _mesh(self, keep: NDArray[np.bool_] | None) -> embree.Mesh:
        return embree.Mesh(self.scene.vertices, self.scene.faces, keep, self._cutouts)

    def _without_glass(self) -> embree.Mesh:
        """The mesh that rays of baked light intersect."""
        glass = np.array([material.opacity < 1 for material in self.scene.materials])[self.scene.face_material]
        return self._mesh(~glass) if glass.any() else self._view

    @cached_property
    def floor(self) -> ReachableFloor:
        """Where an agent of the default size can stand."""
        return build_floor(self.scene)

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames (N, H, W, ...) seen from poses, float (N, 6); ValueError names a pose that is not finite."""
        return self._render(poses)[0]

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames with their ground truth, for evaluation and the transfer set only."""
        return self._render(poses)

    def occluded(self, origins: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """bool (n,): whether something opaque blocks each segment from origins (n, 3) along vectors (n, 3)."""
        return self._blockers.occluded(origins, vectors)

    def _render(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        checked = check_poses(poses)
        images = self._trace(checked, self.camera)
        rgb = images.rgb
        if self.antialias > 1:
            n, camera = self.antialias, self.camera
            fine = self._trace(checked, replace(camera, width=camera.width * n, height=camera.height * n)).rgb
            blocks = fine.reshape(len(checked), camera.height, n, camera.width, n, 3)
            rgb = np.round(blocks.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
        frame: Frame = {
            "rgb": rgb,
            "depth": images.depth,
            "normals": images.normals,
            "edges": self._edges(rgb),
            "pose": checked.astype(np.float32),
        }
        return frame, Labels(images.semantic, images.instance)

    def _edges(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Edges of all frames, computed by the threads."""
        if self._pool is None or len(rgb) < 2:
            return canny(rgb)
        return np.concatenate(list(self._pool.map(canny, np.array_split(rgb, min(self.threads, len(rgb))))))

    def _trace(self, poses: NDArray[np.float64], camera: Camera) -> Images:
        images = _empty(len(poses), camera.height, camera.width)
        origins = poses[:, :3].astype(np.float32)
        rotations = rotation(poses).astype(np.float32).reshape(-1, 3, 3)
        mode = UNSHADOWED if not self.shadows else BAKED if self.light == "baked" else DIRECT
        tables = self._tables
        total = len(poses) * -(-camera.height // kernel.TILE) * -(-camera.width // kernel.TILE)
        # A multiple of the threads, so that one small image keeps all of them busy.
        runs = max(1, -(-total // (RUN * self.threads))) * self.threads
        bounds = np.linspace(0, total, runs + 1).astype(np.int64)

        def trace(number: int) -> None:
            kernel.render(
                tables, self._view.handle, self._blockers.handle, embree.scratch(),
                np.zeros((16, kernel.LANE_VALUES), np.float32), mode,
                origins, rotations, camera.focal, bounds[number], bounds[number + 1], images,
            )  # fmt: skip

        if self._pool is None:
            for number in range(runs):
                trace(number)
        else:
            list(self._pool.map(trace, range(runs)))
        return images

    @cached_property
    def _tables(self) -> Tables:
        tables = self._bare_tables()
        if self.light == "direct" or not self.shadows:
            return tables
        return bake.with_light(self.scene, tables, self._without_glass, self._blockers, self.threads, self._cache)

    def _bare_tables(self) -> Tables:
        """The tables without baked light."""
        scene = self.scene
        vertices = np.zeros((len(scene.vertices), 8), np.float32)
        vertices[:, :3], vertices[:, 3:5] = scene.normals, scene.uv
        faces = np.zeros((len(scene.faces), 8), np.int32)
        faces[:, :3], faces[:, 3], faces[:, 4] = scene.faces, scene.face_material, scene.face_instance
        faces[:, 5], faces[:, 6] = scene.face_class, -1
        lamps = lighting.lamp_table(scene)
        grid, grid_frame = lighting.lamp_grid(scene, lamps, self.occluded)
        textures = scene.textures if len(scene.textures) else np.zeros((1, 128, 128, 3), np.uint8)
        return Tables(
            faces=faces,
            vertices=vertices,
            tints=_tints(scene),
            materials=np.array(
                [
                    (*np.square(m.rgb), m.emission, 1 / max(m.tile, 1e-6), m.texture, m.opacity, 0)
                    for m in scene.materials
                ],
                np.float32,
            ).reshape(-1, 8),
            texels=mip_pyramid(textures, scene.texture_alpha),
            charts=np.zeros((0, 4), np.uint16),
            lamps=lamps,
            suns=lighting.sun_table(scene),
            openings=lighting.opening_table(scene),
            grid=grid,
            grid_frame=grid_frame,
            ambient=lighting.ambient_table(),
            sky=sky_panorama(scene),
            encode=encoding_table(lighting.EXPOSURE),
        )


def _tints(scene: Scene) -> NDArray[np.float32]:
    """Linear colours of the vertices, float32 (V, 3), or (0, 3) if the Scene has none."""
    if scene.vertex_colour is None:
        return np.zeros((0, 3), np.float32)
    return np.square(scene.vertex_colour.astype(np.float32) / 255)


def _empty(*shape: int) -> Images:
    """Uninitialised images of (N, H, W) pixels."""
    return Images(
        np.empty((*shape, 3), np.uint8),
        np.empty(shape, np.float32),
        np.empty((*shape, 3), np.float32),
        np.empty(shape, np.int16),
        np.empty(shape, np.int32),
    )
