"""Segmentation of pictures of any size, by overlapping squares along the longer side.

A picture is scaled so that its shorter side is the network's, the squares' probabilities are averaged where they
overlap, and the means are spread bilinearly over the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .depth_geometry import channels_of_depth
from .network import Generalist

MAX_RATIO = 16
"""Most times that a picture's longer side is its shorter one."""
MIN_SIDE = 16
"""Least pixels of a side."""
SAME_SHAPE = 0.02
"""Largest relative difference between the ratios of sides of depth and rgb."""
SQUARES = 8
"""Squares that go through the network at once, at most."""
_STRIDE = 4
"""Pixels of rgb a logit."""
_OVERLAP = 0.5
"""Least share of a square that the next one sees too."""


class PictureError(ValueError):
    """A picture that cannot be segmented."""


class Viewpoint(NamedTuple):
    """How the camera stood that measured the depth. Its pixels are square and its optical axis is in the middle."""

    vertical_fov: float = 90.0
    """Degrees."""
    height: float = 1.5
    """Above the floor, in metres."""
    pitch: float = 0.0
    """Degrees, positive upwards."""
    roll: float = 0.0
    """Degrees; positive lifts the right side of the camera, as in a Frame's pose."""


def probabilities(
    network: Generalist,
    rgb: NDArray[np.uint8],
    depth: NDArray[np.floating[Any]] | None = None,
    views: Sequence[Viewpoint] | None = None,
) -> Tensor:
    """Probabilities float32 (B, C - 1, h, w) of the classes but void, of rgb uint8 (B, H, W, 3).

    h or w is the side of the network's logits. depth: float (B, H', W'), metres along the optical axis, of the same
    view in any size; 0 and what is not finite is no return, and a picture without any counts as one without depth.
    views: one a picture, with depth. PictureError for other arrays, for pictures that are too small or too long, and
    for impossible viewpoints.
    """
    _check(rgb, depth, views)
    side = 32 * network.config.grid
    high, wide = (_STRIDE * round(n * side / min(rgb.shape[1:3]) / _STRIDE) for n in rgb.shape[1:3])
    smaller = min(rgb.shape[1:3]) > side
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    pixels = torch.from_numpy(np.stack([np.asarray(cv2.resize(one, (wide, high), interpolation=how)) for one in rgb]))
    geometry, has = None, None
    if depth is not None:
        geometry, has = _geometry(depth, high // 2, wide // 2, views or [Viewpoint()] * len(rgb))
    corners = [(n, top, left) for n in range(len(rgb)) for top in squares(high, side) for left in squares(wide, side)]
    total = torch.zeros(len(rgb), network.config.classes - 1, high // _STRIDE, wide // _STRIDE)
    seen = torch.zeros(len(rgb), 1, *total.shape[2:])
    for start in range(0, len(corners), SQUARES):
        some = corners[start : start + SQUARES]
        near = None
        if geometry is not None:
            near = torch.stack([_cut(geometry[n], top, left, side, 2) for n, top, left in some])
        which = None if has is None else has[[n for n, _, _ in some]]
        parts = torch.stack([pixels[n, top : top + side, left : left + side] for n, top, left in some])
        with torch.inference_mode():
            shares = network(parts, near, has_geometry=which)[:, 1:].float().softmax(1)
        for (n, top, left), share in zip(some, shares, strict=True):
            _cut(total[n], top, left, side, _STRIDE).add_(share)
            _cut(seen[n], top, left, side, _STRIDE).add_(1)
    return total / seen


def segment(
    network: Generalist,
    rgb: NDArray[np.uint8],
    depth: NDArray[np.floating[Any]] | None = None,
    views: Sequence[Viewpoint] | None = None,
) -> NDArray[np.int16]:
    """Class ids int16 (B, H, W), never void, of what `probabilities` takes."""
    return np.stack([_spread(one, *rgb.shape[1:3]) for one in probabilities(network, rgb, depth, views).numpy()])


def squares(length: int, side: int) -> list[int]:
    """Where squares of `side` begin so that they cover `length`, overlap by half or more, and stand on whole logits."""
    count = 1 + int(np.ceil((length - side) / (side * (1 - _OVERLAP))))
    places = np.linspace(0, (length - side) // _STRIDE, count)
    return [_STRIDE * int(place) for place in places]


def _check(rgb: NDArray[np.uint8], depth: NDArray[np.floating[Any]] | None, views: Sequence[Viewpoint] | None) -> None:
    if rgb.dtype != np.uint8 or rgb.ndim != 4 or rgb.shape[3] != 3 or not len(rgb):
        raise PictureError(f"rgb is {rgb.dtype} {rgb.shape}, expected uint8 (B, H, W, 3) with one picture or more")
    height, width = rgb.shape[1:3]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_RATIO * min(height, width):
        raise PictureError(
            f"a picture of {width} x {height} pixels; its sides must be {MIN_SIDE} or more, the longer one at most "
            f"{MAX_RATIO} times the shorter one"
        )
    if depth is None:
        return
    if depth.ndim != 3 or len(depth) != len(rgb) or min(depth.shape) < 1:
        raise PictureError(f"depth is {depth.shape}, expected ({len(rgb)}, {height}, {width}) as rgb")
    if abs(depth.shape[1] * width / depth.shape[2] / height - 1) > SAME_SHAPE:
        raise PictureError(
            f"depth has {depth.shape[2]} x {depth.shape[1]} pixels, the picture {width} x {height}; they must show the "
            "same view"
        )
    if depth.dtype.kind != "f":
        raise PictureError(f"depth is {depth.dtype}; give metres as floating-point numbers")
    if views is not None and len(views) != len(rgb):
        raise PictureError(f"{len(views)} viewpoints for {len(rgb)} pictures; give one a picture")
    for view in views or ():
        if not (all(map(math.isfinite, view)) and 1 <= view.vertical_fov <= 170 and abs(view.pitch) <= 90):
            raise PictureError(
                f"{view}: all must be finite, the field of view 1 to 170 degrees, the pitch -90 to 90 degrees"
            )


def _cut(maps: Tensor, top: int, left: int, side: int, stride: int) -> Tensor:
    """The square of maps (C, h, w) of that stride; top, left and side in pixels of rgb."""
    return maps[:, top // stride : (top + side) // stride, left // stride : (left + side) // stride]


def _geometry(
    depth: NDArray[np.floating[Any]], high: int, wide: int, views: Sequence[Viewpoint]
) -> tuple[Tensor, Tensor]:
    """Geometry channels float32 (B, 5, high, wide) of whole pictures, and bool (B,) which of them have a return."""
    metres = np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32)
    # no mean of two surfaces
    scaled = [np.asarray(cv2.resize(one, (wide, high), interpolation=cv2.INTER_NEAREST_EXACT)) for one in metres]
    near = torch.from_numpy(np.stack(scaled))
    return channels_of_depth(near, torch.tensor([tuple(view) for view in views])), (near > 0).flatten(1).any(1)


def _spread(chances: NDArray[np.float32], height: int, width: int) -> NDArray[np.int16]:
    """Most probable class int16 (height, width) of (C - 1, h, w), by bilinear interpolation, one class at a time."""
    most = chances.max((1, 2))
    # A place between four others has a quarter or more of what the nearest one gives to its class, so a class that
    # nowhere has as much as that is nowhere the first.
    candidates = np.flatnonzero(most >= chances.max(0).min() / 4)
    labels = np.full((height, width), candidates[0] + 1, np.int16)
    best = _enlarged(chances[candidates[0]], height, width)
    for number in candidates[1:]:
        share = _enlarged(chances[number], height, width)
        np.copyto(labels, number + 1, where=share > best)
        np.maximum(best, share, out=best)
    return labels


def _enlarged(chances: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Float32 (height, width) of (h, w), bilinear between the middles of places."""
    return np.asarray(cv2.resize(chances, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
