"""The geometry channels of depth alone, in torch: normals come from depth, the pose from four numbers.

The same as `core.normals.normals_from_depth` and `geometry.geometry_channels`, in operations that torch can export, so
that an exported network takes what a depth camera gives.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .geometry import channels_in_level_frame

CAMERA = 4
"""Numbers of a camera: vertical field of view (degrees), height above the floor (metres), pitch (degrees, positive
upwards) and roll (degrees)."""


def channels_of_depth(depth: Tensor, cameras: Tensor) -> Tensor:
    """Float32 (B, 5, H, W) of depth float (B, H, W), metres along the optical axis, 0 = no return.

    cameras: float (B, 4), as of CAMERA. Pixels are square, and the optical axis meets the middle of the picture.
    """
    fov, height, pitch, roll = cameras.float().unbind(1)
    half_tangents = torch.tan(torch.deg2rad(fov) / 2)
    turn = _level_rotation(torch.deg2rad(pitch), torch.deg2rad(roll))
    return channels_in_level_frame(depth, _normals(depth.float(), half_tangents), turn, height, half_tangents)


def _level_rotation(pitch: Tensor, roll: Tensor) -> Tensor:
    """(B, 3, 3) of `core.frame.rotation` at yaw 0; angles (B,) in radians."""
    sp, cp, sr, cr = pitch.sin(), pitch.cos(), roll.sin(), roll.cos()
    rows = [cr, -sr, torch.zeros_like(sp), sr * cp, cr * cp, -sp, sr * sp, cr * sp, cp]
    return torch.stack(rows, 1).view(-1, 3, 3)


def _normals(depth: Tensor, half_tangents: Tensor) -> Tensor:
    """Unit normals (B, H, W, 3) in the camera frame; 0 where there is none."""
    h, w = depth.shape[1:]
    scale = (half_tangents / (h / 2)).view(-1, 1, 1)
    up = (h / 2 - torch.arange(h, dtype=torch.float32, device=depth.device) - 0.5)[:, None] * scale
    right = (torch.arange(w, dtype=torch.float32, device=depth.device) + 0.5 - w / 2) * scale
    points = torch.stack([depth * right, depth * up, -depth], 1)  # (B, 3, H, W)
    (ax, ay, az), row_ok = _difference(points, depth, 3)
    (bx, by, bz), column_ok = _difference(points, depth, 2)  # downwards
    normals = torch.stack([by * az - bz * ay, bz * ax - bx * az, bx * ay - by * ax], 1)
    length = normals.square().sum(1, keepdim=True).sqrt()
    normals = torch.where((normals * points).sum(1, keepdim=True) > 0, -normals, normals)  # towards the viewer
    seen = ((depth > 0) & row_ok & column_ok)[:, None] & (length > 0)
    unit = torch.where(seen, normals / torch.where(length > 0, length, torch.ones_like(length)), 0.0)
    return unit.permute(0, 2, 3, 1)


def _difference(points: Tensor, depth: Tensor, axis: int) -> tuple[tuple[Tensor, ...], Tensor]:
    """Coordinates (B, H, W) of the difference to the neighbour along `axis` of `points` whose depth differs less, and
    where there is such a neighbour."""
    size = points.shape[axis]
    after, before = points.narrow(axis, 1, size - 1), points.narrow(axis, 0, size - 1)
    nearer, farther = depth.narrow(axis - 1, 0, size - 1), depth.narrow(axis - 1, 1, size - 1)
    there = (nearer > 0) & (farther > 0)
    change = torch.where(there, (farther - nearer).abs(), torch.inf)
    first, last = ([1, 0], [0, 1]) if axis == 3 else ([0, 0, 1, 0], [0, 0, 0, 1])
    change_before, change_after = F.pad(change, first, value=torch.inf), F.pad(change, last, value=torch.inf)
    step = after - before
    chosen = torch.where((change_before < change_after)[:, None], F.pad(step, first), F.pad(step, last))
    return chosen.unbind(1), torch.minimum(change_before, change_after) < torch.inf
