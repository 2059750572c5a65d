"""Whether an agent would see anything of its test space, before it is sent there; the same for every simulator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UserError
from ...core.frame import Frame, rotation
from ..protocol.held_out import separated
from .world_factory import OpenSpace

LEAST_RETURNS = 0.05
"""Least share of pixels with depth."""
LEAST_FLOOR = 0.001
"""Least share of pixels that show the floor."""
LEAST_FRAMES = 4
"""Frames of a recording that may be trained on, at least."""
NEAR_FLOOR = 0.25
"""Metres from the floor's level within which a surface is floor."""


def check_sight(views: Frame, space: OpenSpace) -> None:
    """UserError if almost no pixel of the held-out `views` has depth, or none of them shows the floor.

    Its line says what there is (the floor's level, the extent of what is seen, the share of pixels without a return)
    and which option mends it. Places without depth, as some recordings are, pass.
    """
    if not space.has_depth:
        return
    depth = np.asarray(views["depth"], np.float64)
    returns = depth > 0
    height = views["pose"][:, 1, None, None] + _rays_up(views, space) * depth
    level = space.env.floor.level
    floor = returns & (np.abs(height - level) < NEAR_FLOOR)
    if returns.mean() >= LEAST_RETURNS and floor.mean() >= LEAST_FLOOR:
        return
    seen = f"{height[returns].min():.1f} to {height[returns].max():.1f} m" if returns.any() else "nothing"
    scene = space.env.scene
    size, up = "", ""
    if len(scene.vertices):
        extent = np.ptp(scene.vertices, axis=0)
        size = f", {extent[0]:.1f} x {extent[1]:.1f} x {extent[2]:.1f} m (y is height)"
        up = f"; its shortest side is along {'xyz'[int(np.argmin(extent))]}"
    raise UserError(
        f"{space.name}: the agent would see almost nothing: {1 - returns.mean():.0%} of the pixels of {len(depth)}"
        f" views have no return and {floor.mean():.1%} show the floor (at {level:.2f} m; heights seen: {seen}{size}{up}"
        f"); {space.remedy}; --allow-blind runs all the same"
    )


def check_frames(held_out: NDArray[np.floating], space: OpenSpace) -> None:
    """UserError if too few frames of a recording are apart from the `held_out` poses (M, 6) to learn from.

    Frames near an evaluation view are never trained on, so a camera that stands still, or a short walk, leaves none.
    """
    if space.poses is None:
        return
    left = int(separated(held_out, space.poses).sum())
    if left < LEAST_FRAMES:
        raise UserError(
            f"{space.name}: only {left} of its {len(space.poses)} frames are apart from the {len(held_out)} held-out"
            f" views, and {LEAST_FRAMES} are needed to learn from: record a longer walk, or leave out its labels to"
            " train on all"
        )


def _rays_up(views: Frame, space: OpenSpace) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """(N, H, W): vertical component of each pixel's ray, per metre of depth."""
    rays = space.camera.rays()
    return np.einsum("hwk,nk->nhw", rays, rotation(np.asarray(views["pose"], np.float64))[:, 1])
