"""Segmentation of a picture of any size, by overlapping squares along its longer side.

The picture is scaled so that its shorter side is the network's, the squares' probabilities are averaged where they
overlap, and the means are spread bilinearly over the picture.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...core.frame import Camera
from ...core.normals import normals_from_depth
from .geometry import geometry_channels
from .network import Generalist

MAX_RATIO = 16
"""Most times that a picture's longer side is its shorter one."""
MIN_SIDE = 16
"""Least pixels of a side."""
_STRIDE = 4
"""Pixels of rgb a logit."""
_OVERLAP = 0.5
"""Least share of a square that the next one sees too."""
_AT_ONCE = 1 << 16
"""Pixels whose probabilities are in memory at a time: 30 MB with 112 classes."""


class PictureError(ValueError):
    """A picture that cannot be segmented."""


class Viewpoint(NamedTuple):
    """How the camera stood that measured the depth."""

    vertical_fov: float
    """Degrees."""
    height: float
    """Above the floor, in metres."""
    pitch: float
    """Degrees, positive upwards."""


def segment(
    network: Generalist, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None = None, view: Viewpoint | None = None
) -> NDArray[np.int16]:
    """Class ids int16 (H, W), never void, of rgb uint8 (H, W, 3).

    depth: float32 (H, W), metres along the optical axis, 0 = no return; `view` goes with it. PictureError for a picture
    that is too small or too long, and where depth has another size.
    """
    height, width = rgb.shape[:2]
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_RATIO * min(height, width):
        raise PictureError(
            f"a picture of {width} x {height} pixels; its sides must be {MIN_SIDE} or more, the longer one at most "
            f"{MAX_RATIO} times the shorter one"
        )
    if depth is not None and depth.shape != (height, width):
        raise PictureError(f"depth has {depth.shape[1]} x {depth.shape[0]} pixels, the picture {width} x {height}")
    with torch.inference_mode():
        return _spread(_mean_probabilities(network, rgb, depth, view), height, width)


def squares(length: int, side: int) -> list[int]:
    """Where squares of `side` begin so that they cover `length`, overlap by half or more, and stand on whole logits."""
    count = 1 + int(np.ceil((length - side) / (side * (1 - _OVERLAP))))
    places = np.linspace(0, (length - side) // _STRIDE, count)
    return [_STRIDE * int(place) for place in places]


def _mean_probabilities(
    network: Generalist, rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None, view: Viewpoint | None
) -> Tensor:
    """Probabilities float32 (C - 1, h, w) of the classes but void; h or w is that of the network's logits."""
    side = 32 * network.config.grid
    high, wide = (_STRIDE * round(n * side / min(rgb.shape[:2]) / _STRIDE) for n in rgb.shape[:2])
    smaller = min(rgb.shape[:2]) > side
    scaled = cv2.resize(rgb, (wide, high), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    pixels = torch.from_numpy(np.asarray(scaled, np.uint8))
    geometry = None if depth is None else _geometry(depth, high // 2, wide // 2, view or Viewpoint(90.0, 1.5, 0.0))
    total = torch.zeros(network.config.classes - 1, high // _STRIDE, wide // _STRIDE)
    seen = torch.zeros(total.shape[1:])
    for top in squares(high, side):
        for left in squares(wide, side):
            part = pixels[top : top + side, left : left + side]
            near = None
            if geometry is not None:
                near = geometry[:, :, top // 2 : (top + side) // 2, left // 2 : (left + side) // 2]
            logits = network(part[None], near)[0, 1:].float()
            rows = slice(top // _STRIDE, (top + side) // _STRIDE)
            columns = slice(left // _STRIDE, (left + side) // _STRIDE)
            total[:, rows, columns] += logits.softmax(0)
            seen[rows, columns] += 1
    return total / seen


def _geometry(depth: NDArray[np.float32], high: int, wide: int, view: Viewpoint) -> Tensor:
    """Geometry channels float32 (1, 5, high, wide) of the whole picture."""
    scaled = cv2.resize(depth, (wide, high), interpolation=cv2.INTER_NEAREST_EXACT)  # no mean of two surfaces
    metres = np.asarray(scaled, np.float32)[None]
    normals = normals_from_depth(metres, Camera(wide, high, view.vertical_fov))
    pose = np.array([[0, view.height, 0, 0, view.pitch, 0]])
    tangent = float(np.tan(np.radians(view.vertical_fov) / 2))
    return geometry_channels(torch.from_numpy(metres), torch.from_numpy(normals), pose, tangent)


def _spread(probabilities: Tensor, height: int, width: int) -> NDArray[np.int16]:
    """Most probable class int16 (height, width), by bilinear interpolation, some rows at a time."""
    size = probabilities.shape[1]
    places = ((torch.arange(height) + 0.5) * size / height - 0.5).clamp(0, size - 1)
    above = places.long()
    below = (above + 1).clamp(max=size - 1)
    share = (places - above).view(1, -1, 1)
    found = np.empty((height, width), np.int16)
    step = max(1, _AT_ONCE // width)
    for start in range(0, height, step):
        rows = slice(start, min(height, start + step))
        mixed = torch.lerp(probabilities[:, above[rows]], probabilities[:, below[rows]], share[:, rows])
        full = F.interpolate(mixed[None], (mixed.shape[1], width), mode="bilinear", align_corners=False)[0]
        found[rows] = (full.argmax(0) + 1).numpy()
    return found
