"""Depth frames fused into one coloured mesh: a truncated signed distance (Curless and Levoy 1996), by Open3D.

Open3D (extra `open3d`) needs system libraries and is imported only here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import from_contract, invert
from ..meshes.parts import Part, Parts
from ..scene import Material, Scene
from .recording import FrameError, Recording, RecordingError
from .resample import scaled

VOXEL = 0.02
"""Side of a voxel, in metres."""
FARTHEST = 8.0
"""Metres; depth beyond is ignored: sensors are poor there, and most places are seen again from nearer."""
MOVED, TURNED = 0.03, 3.0
"""Metres and degrees by which a frame must differ from the last one that was fused."""
FINE = 640
"""Least columns of a depth map, by interpolation if it has fewer: a voxel takes the depth of the nearest pixel."""
PLANE, EDGE = 0.01, 0.05
"""Relative second difference of inverse depth, below which a pixel counts as planar and above which as an edge. Where a
depth map is made finer, pixels at edges are left out: coarse ones are far off."""
_TRUNCATED = 3.0
"""Voxels from a surface to which its distance is kept."""
CRUMB = 50
"""Connected parts of the mesh with fewer triangles are removed."""
_SECOND = tuple(
    np.array(kernel, np.float32)
    for kernel in (
        [[0, 0, 0], [1, -2, 1], [0, 0, 0]], [[0, 1, 0], [0, -2, 0], [0, 1, 0]],
        [[1, 0, 0], [0, -2, 0], [0, 0, 1]], [[0, 0, 1], [0, -2, 0], [1, 0, 0]],
    )
)  # fmt: skip


class Fused:
    """The mesh fused from a recording."""

    def __init__(self, mesh: Any, used: int, unreadable: int, source: str) -> None:
        """mesh: Open3D's. used, unreadable: numbers of frames that were fused and that could not be read."""
        self.mesh, self.used, self.unreadable, self.source = mesh, used, unreadable, source

    def scene(self) -> Scene:
        """The mesh as a Scene of one unlabelled object, with the recorded colours."""
        parts = Parts(Path(self.source), materials=[Material("scan", (1, 1, 1), emission=1.0)],
                      instances=[("void", 0), ("mesh", 0)])  # fmt: skip
        colours = np.round(np.asarray(self.mesh.vertex_colors) * 255).astype(np.uint8)
        parts.parts.append(
            Part("mesh", np.asarray(self.mesh.vertices), np.asarray(self.mesh.triangles), None, None, colours)
        )
        return parts.scene("y")

    def write_ply(self, file: Path) -> None:
        """Write a PLY file, z up, as `load_scene` reads it."""
        import open3d

        turned = open3d.geometry.TriangleMesh(self.mesh)
        turned.rotate(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]), center=(0, 0, 0))
        turned.compute_vertex_normals()
        file.parent.mkdir(parents=True, exist_ok=True)
        if not open3d.io.write_triangle_mesh(str(file), turned):
            raise RecordingError(file, "it cannot be written")


def fuse(
    recording: Recording, voxel: float = VOXEL, progress: Callable[[int, int], None] = lambda done, total: None
) -> Fused:
    """Fuse a recording's depth into a surface, in the recording's world (y up, metres).

    Frames that cannot be read, and those that hardly differ from the one before, are skipped; one frame is in
    memory at a time. RecordingError if there is no readable depth or Open3D is missing.
    """
    open3d = _open3d()
    if recording.read_depth is None:
        raise RecordingError(recording.source, "it has no depth, which a mesh is made of")
    volume = _Volume(open3d, voxel)
    extrinsics = invert(from_contract(recording.poses, "opencv", "y"))
    used = unreadable = 0
    last: NDArray[np.float64] | None = None
    for index in range(len(recording)):
        progress(index, len(recording))
        if last is not None and _alike(recording.poses[index], last):
            continue
        try:
            rgb, depth = recording.rgb(index), recording.depth(index)
        except FrameError:
            unreadable += 1
            continue
        assert depth is not None
        intrinsics_of_rgb = recording.depth_intrinsics
        numbers = (
            intrinsics_of_rgb
            if intrinsics_of_rgb is not None
            else scaled(recording.intrinsics[index], recording.size, depth.shape)
        )
        times = max(1, -(-FINE // depth.shape[1]))
        numbers = scaled(numbers, depth.shape, (depth.shape[0] * times, depth.shape[1] * times))
        depth = upsample_depth(depth, times)
        colour = _registered(rgb, recording.intrinsics[index], numbers, depth.shape)
        volume.integrate(colour, depth, numbers, extrinsics[index])
        used, last = used + 1, recording.poses[index]
    if not used:
        raise RecordingError(recording.source, "none of its frames can be read")
    mesh = volume.mesh()
    cluster, sizes, _ = (np.asarray(part) for part in mesh.cluster_connected_triangles())
    mesh.remove_triangles_by_mask(sizes[cluster] < CRUMB)
    mesh.remove_unreferenced_vertices()
    if not len(mesh.triangles):
        raise RecordingError(recording.source, f"no surface was seen within {FARTHEST:g} m")
    progress(len(recording), len(recording))
    return Fused(mesh, used, unreadable, recording.source)


class _Volume:
    """A truncated signed distance volume of colour and depth, in blocks where surfaces are.

    Open3D 0.20's older ScalableTSDFVolume gives no triangles.
    """

    def __init__(self, open3d: Any, voxel: float) -> None:
        kinds = open3d.core.float32
        self._open3d = open3d
        self._grid = open3d.t.geometry.VoxelBlockGrid(
            ("tsdf", "weight", "color"), (kinds, kinds, kinds), ((1), (1), (3)), voxel, 16, 10_000,
            open3d.core.Device("CPU:0"),
        )  # fmt: skip

    def integrate(
        self,
        rgb: NDArray[np.uint8],
        depth: NDArray[np.float32],
        intrinsics: NDArray[np.float64],
        extrinsics: NDArray[np.float64],
    ) -> None:
        """Add a frame: rgb (H, W, 3), depth (H, W) in metres, fx, fy, cx, cy, and world to camera (4, 4)."""
        if not ((depth > 0) & (depth < FARTHEST)).any():
            return
        tensor, image = self._open3d.core.Tensor, self._open3d.t.geometry.Image
        fx, fy, cx, cy = intrinsics.tolist()
        pinhole = tensor(np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]))
        seen, colours = image(tensor(np.ascontiguousarray(depth))), image(tensor(rgb.astype(np.float32) / 255))
        pose, limits = tensor(np.ascontiguousarray(extrinsics)), (1.0, FARTHEST, _TRUNCATED)
        blocks = self._grid.compute_unique_block_coordinates(seen, pinhole, pose, *limits)
        self._grid.integrate(blocks, seen, colours, pinhole, pinhole, pose, *limits)

    def mesh(self) -> Any:
        """The surface, a TriangleMesh with colours from 0 to 1; empty where none was seen."""
        if not self._grid.hashmap().size():
            return self._open3d.geometry.TriangleMesh()
        return self._grid.extract_triangle_mesh(weight_threshold=0.0).to_legacy()


def upsample_depth(depth: NDArray[np.float32], times: int) -> NDArray[np.float32]:
    """Depth (H, W) with `times` as many rows and columns: interpolated on planes, none at edges, else the nearest
    value.

    A plane's inverse depth is linear in the image, so the result is exact on planes.
    """
    if times == 1:
        return np.ascontiguousarray(depth)
    import cv2

    size = (depth.shape[1] * times, depth.shape[0] * times)
    nearest = cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST)
    inverse = np.where(depth > 0, 1 / np.where(depth > 0, depth, 1), 0).astype(np.float32)
    between = cv2.resize(inverse, size, interpolation=cv2.INTER_LINEAR)
    # Pixels that share a plane with all neighbours, by four second differences.
    bent = np.zeros_like(depth)
    for kernel in _SECOND:
        bent = np.maximum(bent, np.abs(cv2.filter2D(inverse, -1, kernel, borderType=cv2.BORDER_REPLICATE)))
    seen = cv2.erode(depth, np.ones((3, 3), np.uint8)) > 0
    smooth = (seen & (bent < PLANE * inverse)).astype(np.uint8)
    inside = cv2.resize(smooth, size, interpolation=cv2.INTER_NEAREST) > 0
    edge = cv2.resize((bent > EDGE * inverse).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    return np.where(inside, 1 / np.where(between > 0, between, 1), np.where(edge, 0, nearest)).astype(np.float32)


def _registered(
    rgb: NDArray[np.uint8],
    intrinsics_of_rgb: NDArray[np.float64],
    target_intrinsics: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Colours of the pixels of a depth map, as seen by a camera with other intrinsics at the same place."""
    import cv2

    columns = (np.arange(shape[1]) - target_intrinsics[2]) / target_intrinsics[0] * intrinsics_of_rgb[
        0
    ] + intrinsics_of_rgb[2]
    rows = (np.arange(shape[0]) - target_intrinsics[3]) / target_intrinsics[1] * intrinsics_of_rgb[
        1
    ] + intrinsics_of_rgb[3]
    x, y = np.meshgrid(columns.astype(np.float32), rows.astype(np.float32))
    return np.asarray(cv2.remap(rgb, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _alike(pose: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    cosine = (np.trace(pose[:3, :3] @ other[:3, :3].T) - 1) / 2
    near = np.linalg.norm(pose[:3, 3] - other[:3, 3]) < MOVED
    return bool(near and np.degrees(np.arccos(np.clip(cosine, -1, 1))) < TURNED)


def _open3d() -> Any:
    try:
        with warnings.catch_warnings():  # of what it brings along
            warnings.simplefilter("ignore")
            import open3d
    except (ImportError, OSError) as error:
        raise RecordingError("reconstruct", f"it needs Open3D: pip install 'testspace[open3d]' ({error})") from None
    return open3d
