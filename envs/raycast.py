"""The default simulator: Embree (embreex) finds what each pixel's ray hits, a numba kernel makes every modality of it.

CPU only, no system packages. All modalities agree by construction, since they come from the same hit. The same scene
and poses give the same bytes with any number of threads.

`normals` are shading normals (interpolated over smooth surfaces) turned to the side from which the surface is seen.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from numpy.typing import NDArray

from . import kernel, lighting
from .edges import canny
from .floor import ReachableFloor, build_floor
from .frame import Camera, Frame, Labels, rotation
from .simulator import check_poses

if TYPE_CHECKING:
    from .scene import Scene

RUN = 8192
"""Most rays that one thread traces and shades at a time: what lies between the two stays in its cache."""


class RayCastSimulator:
    """Renders a Scene from any number of poses at once. Not to be used by several threads at the same time.

    Raises ValueError for a Scene without triangles.
    """

    def __init__(
        self, scene: Scene, camera: Camera | None = None, *, threads: int = 2, shadows: bool = True, antialias: int = 1
    ) -> None:
        """scene: what to render. threads: Python threads that share each call's pixels; Embree and the kernels release
        the GIL. shadows: whether lamps and sun are blocked by what stands in their way (one more ray for each lamp of a
        pixel). antialias: rgb is the mean of this many times this many rays a pixel; all else comes from the pixel's
        central ray."""
        if not len(scene.faces):
            raise ValueError(f"{scene.source or 'scene'}: nothing to render: it has no triangles")
        if threads < 1 or antialias < 1:
            raise ValueError(f"threads and antialias must be 1 or more, got {threads} and {antialias}")
        self.scene = scene
        self.camera = camera or Camera()
        self.threads = threads
        self.shadows = shadows
        self.antialias = antialias
        self._embree = _embree_scene(scene.vertices, scene.faces)
        throws = lighting.shadow_faces(scene)
        everything = bool(throws.all())
        self._blockers = self._embree if everything else _embree_scene(scene.vertices, scene.faces[throws])
        self._tables = self._make_tables()
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    @cached_property
    def floor(self) -> ReachableFloor:
        """Where an agent of the default size can stand."""
        return build_floor(self.scene)

    def render(self, poses: NDArray[Any]) -> Frame:
        """Frames (N, H, W, ...) seen from poses, float (N, 6); ValueError names a pose that is not finite."""
        return self._render(poses)[0]

    def render_with_labels(self, poses: NDArray[Any]) -> tuple[Frame, Labels]:
        """The same frames, and apart from them what they show: for evaluation and the transfer set only."""
        return self._render(poses)

    def occluded(self, origins: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """bool (n,): whether something opaque stands on each segment from origins (n, 3) along vectors (n, 3)."""
        ones = np.full(len(origins), 1.0, np.float32)
        answer = self._blockers.run(
            np.ascontiguousarray(origins), np.ascontiguousarray(vectors), dists=ones, query="OCCLUDED"
        )
        return np.asarray(answer) == 0

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
            "edges": canny(rgb),
            "pose": checked.astype(np.float32),
        }
        return frame, Labels(images.semantic, images.instance)

    def _trace(self, poses: NDArray[np.float64], camera: Camera) -> _Images:
        images = _Images.empty(len(poses), camera.height, camera.width)
        origins = poses[:, :3].astype(np.float32)
        rotations = rotation(poses).astype(np.float32).reshape(-1, 3, 3)
        total = len(poses) * camera.height * camera.width
        # A multiple of the threads, so that one small image keeps all of them busy.
        runs = max(1, -(-total // (RUN * self.threads))) * self.threads
        bounds = np.linspace(0, total, runs + 1).astype(np.int64)
        flat = images.flat()

        def trace(number: int) -> None:
            first, last = int(bounds[number]), int(bounds[number + 1])
            if last > first:
                self._trace_run(origins, rotations, camera, first, last, flat)

        if self._pool is None:
            for number in range(runs):
                trace(number)
        else:
            list(self._pool.map(trace, range(runs)))
        return images

    def _trace_run(
        self,
        origins: NDArray[np.float32],
        rotations: NDArray[np.float32],
        camera: Camera,
        first: int,
        last: int,
        flat: _Images,
    ) -> None:
        n, tables = last - first, self._tables
        ray_origins, directions = np.empty((n, 3), np.float32), np.empty((n, 3), np.float32)
        kernel.make_rays(origins, rotations, first, camera.width, camera.height, camera.focal, ray_origins, directions)
        hit = self._embree.run(ray_origins, directions, output=1)
        light = np.empty((n, 3), np.float32)
        most = n * (tables.grid.shape[2] + len(tables.suns)) if self.shadows else 0
        shadow_origins, shadow_vectors = np.empty((most, 3), np.float32), np.empty((most, 3), np.float32)
        shadow_pixel, shadow_light = np.empty(most, np.int32), np.empty((most, 3), np.float32)
        count = kernel.surface(
            tables, rotations, first, camera.width * camera.height, np.float32(1 / camera.focal),
            hit["primID"], hit["u"], hit["v"], hit["tfar"], hit["Ng"], ray_origins, directions,
            flat.depth[first:last], flat.normals[first:last], flat.semantic[first:last], flat.instance[first:last],
            light, self.shadows, shadow_origins, shadow_vectors, shadow_pixel, shadow_light,
        )  # fmt: skip
        if count:
            # Up to just before the lamp: a distance of 1 is the lamp itself.
            reach = np.full(count, 0.999, np.float32)
            answer = self._blockers.run(shadow_origins[:count], shadow_vectors[:count], dists=reach, query="OCCLUDED")
            kernel.add_unshadowed(light, answer, shadow_pixel, shadow_light)
        kernel.encode_colour(tables.encode, light, flat.rgb[first:last])

    def _make_tables(self) -> kernel.Tables:
        scene = self.scene
        vertices = np.zeros((len(scene.vertices), 8), np.float32)
        vertices[:, :3], vertices[:, 3:5] = scene.normals, scene.uv
        lamps = lighting.lamp_table(scene)
        grid, grid_frame = lighting.lamp_grid(scene, lamps, self.occluded)
        textures = scene.textures if len(scene.textures) else np.zeros((1, 128, 128, 3), np.uint8)
        return kernel.Tables(
            faces=np.ascontiguousarray(np.column_stack([scene.faces, scene.face_material]), np.int32),
            face_instance=np.ascontiguousarray(scene.face_instance, np.int32),
            instance_class=np.array([instance.class_id for instance in scene.instances], np.int16),
            vertices=vertices,
            materials=np.array(
                [(*np.square(m.rgb), m.emission, 1 / max(m.tile, 1e-6)) for m in scene.materials], np.float32
            ).reshape(-1, 5),
            material_texture=np.array([m.texture for m in scene.materials], np.int32),
            texels=kernel.mip_pyramid(textures),
            lamps=lamps,
            suns=lighting.sun_table(scene),
            openings=lighting.opening_table(scene),
            grid=grid,
            grid_frame=grid_frame,
            ambient=lighting.ambient_table(),
            sky=lighting.sky_table(),
            encode=kernel.encoding_table(lighting.EXPOSURE),
        )


@dataclass
class _Images:
    """The images of one call, (N, H, W, ...), or the same memory pixel by pixel, (N * H * W, ...)."""

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    normals: NDArray[np.float32]
    semantic: NDArray[np.int16]
    instance: NDArray[np.int32]

    @classmethod
    def empty(cls, *shape: int) -> _Images:
        """Images of (N, H, W) pixels, not filled."""
        return cls(
            np.empty((*shape, 3), np.uint8),
            np.empty(shape, np.float32),
            np.empty((*shape, 3), np.float32),
            np.empty(shape, np.int16),
            np.empty(shape, np.int32),
        )

    def flat(self) -> _Images:
        """Views of the same memory, pixel by pixel."""
        return _Images(
            self.rgb.reshape(-1, 3),
            self.depth.reshape(-1),
            self.normals.reshape(-1, 3),
            self.semantic.reshape(-1),
            self.instance.reshape(-1),
        )


def _embree_scene(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> EmbreeScene:
    """An Embree scene of one mesh; face numbers are primitive numbers."""
    scene = EmbreeScene()
    if len(faces):
        TriangleMesh(scene, np.ascontiguousarray(vertices, np.float32), np.ascontiguousarray(faces, np.int32))
    return scene
