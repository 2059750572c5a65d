"""Geometry channels: five values per pixel from depth, normals and the camera's pose, independent of pitch and roll.

The logarithm of depth; the normal's components to the right, up (against gravity) and back, in the level frame that
rotates with the camera's yaw only; and the height above the floor. A floor looks the same at any pitch.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.frame import rotation

CHANNELS = 5
"""log depth, normal to the right, up and back, height."""
_LOG_DEPTH = 0.7
"""Mean logarithm of the depth in metres, in rooms."""
_HEIGHT = 1.3
"""Subtracted from heights, in metres, to centre them."""
_NEAREST = 0.05
"""Metres; smaller depths are clamped to this."""


def geometry_channels(
    depth: Tensor, normals: Tensor, poses: NDArray[np.floating], half_tangents: NDArray[np.floating] | float = 1.0
) -> Tensor:
    """Float32 (B, 5, H, W) of depth (B, H, W), metres, and normals (B, H, W, 3) in the camera frame; 0 without return.

    poses: (B, 6) as of a Frame; only height above the floor (y), pitch and roll count. half_tangents: tangent of half
    the vertical field of view, one for all or one each; 1.0 is 90 degrees.
    """
    level = np.zeros((len(depth), 6))
    level[:, 4:] = poses[:, 4:6]
    to_level = torch.from_numpy(rotation(level).astype(np.float32))  # (B, 3, 3): camera to level frame
    tangents = np.array(np.broadcast_to(half_tangents, (len(depth),)), np.float32)
    heights = torch.from_numpy(poses[:, 1].astype(np.float32))
    return channels_in_level_frame(depth, normals, to_level, heights, torch.from_numpy(tangents))


def channels_in_level_frame(
    depth: Tensor, normals: Tensor, to_level: Tensor, heights: Tensor, half_tangents: Tensor
) -> Tensor:
    """The channels of `geometry_channels`, in torch alone.

    to_level: float32 (B, 3, 3), from the camera frame to the level one. heights: (B,), of the camera above the floor,
    in metres. half_tangents: (B,), of half the vertical field of view.
    """
    h, w = depth.shape[1:]
    scale = (half_tangents / (h / 2)).view(-1, 1, 1)
    up = h / 2 - torch.arange(h, dtype=torch.float32, device=depth.device) - 0.5
    right = torch.arange(w, dtype=torch.float32, device=depth.device) + 0.5 - w / 2
    # The ray of a pixel at planar depth 1 is (right, up, -1); row 1 of `to_level` gives its rise.
    rise = to_level[:, 1, 0].view(-1, 1, 1) * right * scale + to_level[:, 1, 1].view(-1, 1, 1) * up[:, None] * scale
    rise = rise - to_level[:, 1, 2].view(-1, 1, 1)
    metres = depth.float()
    height = heights.view(-1, 1, 1) + metres * rise - _HEIGHT
    level_normals = torch.einsum("bij,bhwj->bihw", to_level, normals.float())
    log_depth = metres.clamp(min=_NEAREST).log() - _LOG_DEPTH
    channels = torch.cat([log_depth[:, None], level_normals, height[:, None]], 1)
    return channels * (metres > 0)[:, None]


def mirrored_geometry(channels: Tensor) -> Tensor:
    """The channels (B, 5, H, W) of the scene's mirror image, left and right exchanged."""
    mirrored = channels.flip(3)
    mirrored[:, 1] *= -1  # the normal's component to the right
    return mirrored
